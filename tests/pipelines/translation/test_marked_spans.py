"""Phrases are marked in what is asked, and found in what is answered: nested, reordered, and never by guessing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.translation.marked_spans import mark, trimmed, unmark

CAPTION = "a dog in a field of flowers"
NESTED = [(0, 27), (0, 5), (9, 16), (20, 27)]


def test_nested_phrases_are_marked_within_each_other() -> None:
    marked = mark(CAPTION, NESTED)
    assert marked.text == "⟦s2⟧⟦s1⟧a dog⟦/s1⟧ in ⟦s3⟧a field⟦/s3⟧ of ⟦s4⟧flowers⟦/s4⟧⟦/s2⟧"
    assert unmark(marked.text, marked.spans) == (CAPTION, list(marked.spans))


def test_phrases_come_back_in_another_order() -> None:
    marked = mark(CAPTION, NESTED)
    answer = "⟦s2⟧⟦s4⟧花⟦/s4⟧⟦s3⟧田⟦/s3⟧里的⟦s1⟧一只狗⟦/s1⟧⟦/s2⟧"
    text, spans = unmark(answer, marked.spans)
    assert text == "花田里的一只狗"
    assert spans is not None
    words = dict(zip(marked.spans, (text[slice(*span)] for span in spans), strict=True))
    assert words == {(0, 27): "花田里的一只狗", (0, 5): "一只狗", (9, 16): "田", (20, 27): "花"}


@pytest.mark.parametrize(
    "answer",
    [
        "花田里的一只狗",
        "⟦s2⟧⟦s1⟧一只狗⟦/s1⟧在⟦s3⟧田⟦/s3⟧里⟦/s2⟧",  # one is missing
        "⟦s2⟧⟦s1⟧狗⟦/s1⟧⟦s1⟧犬⟦/s1⟧⟦s3⟧田⟦/s3⟧⟦s4⟧花⟦/s4⟧⟦/s2⟧",  # one is there twice
        "⟦s2⟧⟦s1⟧⟦/s1⟧⟦s3⟧田⟦/s3⟧⟦s4⟧花⟦/s4⟧⟦/s2⟧",  # one is blank
        "⟦s2⟧⟦/s1⟧狗⟦s1⟧⟦s3⟧田⟦/s3⟧⟦s4⟧花⟦/s4⟧⟦/s2⟧",  # one ends before it begins
        "⟦s1⟧狗⟦/s1⟧⟦s2⟧⟦s3⟧田⟦/s3⟧⟦s4⟧花⟦/s4⟧⟦/s2⟧",  # one has left the phrase it was in
        "⟦s2⟧⟦s1⟧狗⟦s3⟧在⟦/s1⟧田⟦/s3⟧⟦s4⟧花⟦/s4⟧⟦/s2⟧",  # two cross
        "⟦s2⟧⟦s1⟧狗⟦/s1⟧⟦s3⟧田⟦/s3⟧⟦s4⟧花⟦/s4⟧⟦s5⟧草⟦/s5⟧⟦/s2⟧",  # one that nobody asked about
    ],
)
def test_an_answer_whose_phrases_cannot_be_told_gives_its_text_alone(answer: str) -> None:
    text, spans = unmark(answer, mark(CAPTION, NESTED).spans)
    assert spans is None
    assert "⟦" not in text


def test_of_two_phrases_that_cross_the_longer_is_marked() -> None:
    assert mark("one two three four", [(0, 7), (4, 18)]).spans == ((4, 18),)


def test_blank_phrases_are_not_marked_and_others_without_their_blanks() -> None:
    assert mark("a dog ", [(1, 2), (2, 6), (5, 5)]).spans == ((2, 5),)


spans = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda pair: tuple(sorted(pair))), max_size=6)


@given(st.text(alphabet="ab ", min_size=12, max_size=12), spans)
def test_what_is_marked_is_found(text: str, wanted: list[tuple[int, int]]) -> None:
    marked = mark(text, wanted)
    assert unmark(marked.text, marked.spans) == (text, list(marked.spans))
    assert set(marked.spans) <= {trimmed(text, span) for span in wanted}
    depth = 0
    for slash in re.findall(r"⟦(/?)s\d+⟧", marked.text):
        depth += -1 if slash else 1
        assert depth >= 0

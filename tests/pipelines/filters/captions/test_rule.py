"""What becomes of a row and of its captions when a rule judges them."""

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipelines.captions import BACK, EXPRESSION, Caption, all_captions, counting
from pipelines.filters.captions.entries import Entries
from pipelines.filters.captions.length import CaptionCharacters
from pipelines.filters.captions.rule import Judgement, process_captions
from tests.support.captions import captions_of, column, processed, web

RULE = CaptionCharacters(at_least=5)


def marks(*rows: Any) -> list[list[str | None]]:
    return [[caption.refused for caption in row] for row in captions_of(processed(RULE, *rows))]


def test_a_row_whose_only_caption_is_refused_leaves_with_what_was_measured() -> None:
    verdicts = processed(RULE, web("a cat"), web("cat")).verdicts
    assert verdicts.reason.to_pylist() == [None, "caption_characters"]
    assert verdicts.value.to_pylist() == [None, 3.0]


def test_a_refused_caption_is_marked_and_the_row_stays_while_another_counts() -> None:
    rows = [web("cat", "a cat on a mat"), web("a dog", "a cow")]
    assert processed(RULE, *rows).verdicts.reason.to_pylist() == [None, None]
    assert marks(*rows) == [["caption_characters", None], [None, None]]


def test_the_value_of_a_row_is_that_of_its_first_counting_caption() -> None:
    row = [{"text": "gone", "role": "web", "refused": "file_name"}, *web("ab", "c")]
    assert processed(RULE, row).verdicts.value.to_pylist() == [2.0]


def test_what_was_replaced_or_refused_is_not_judged_again() -> None:
    row = [*web("ab"), {"text": "a better one", "role": "edited", "of": 0}, *web("cd", refused="file_name")]
    assert processed(RULE, row).verdicts.reason.to_pylist() == [None]
    assert marks(row) == [[None, None, "file_name"]]


def test_a_row_in_which_no_caption_counts_leaves_without_a_measure() -> None:
    verdicts = processed(RULE, [], None, web("a fine one", refused="file_name"), web("a fine one")).verdicts
    assert verdicts.reason.to_pylist() == ["no_caption", "no_caption", "no_caption", None]
    assert verdicts.value.null_count == 4


def test_expressions_are_not_judged_and_keep_their_row() -> None:
    row = [*web("ab"), {"text": "him", "role": EXPRESSION}]
    assert processed(RULE, row, row[1:]).verdicts.reason.to_pylist() == [None, None]
    assert marks(row) == [["caption_characters", None]]


def test_a_caption_without_text_is_an_empty_one() -> None:
    assert processed(RULE, [{"text": None, "role": "web"}]).verdicts.value.to_pylist() == [0.0]


def test_a_table_without_rows_is_judged() -> None:
    assert len(processed(RULE).verdicts.reason) == 0


def test_where_nothing_has_to_be_marked_the_column_is_the_very_same() -> None:
    before = column(web("a cat"), web("cat"), web("a dog", "a cow"))
    after = RULE.process(pa.table({"captions": before})).columns
    assert after is not None
    addresses = [[buffer.address for buffer in chunks.chunk(0).buffers() if buffer] for chunks in (before, after[0])]
    assert addresses[0] == addresses[1]


def test_details_are_those_of_the_first_caption() -> None:
    def judge(texts: pa.StringArray) -> Judgement:
        return Judgement(np.array([True, True, False]), details=["one", "two", "three"])

    found = process_captions(column(web("1", "2"), web("3")), judge, "profanity")
    assert found.verdicts.detail.to_pylist() == ["one", None]
    assert found.verdicts.value.to_pylist() == [None, None]


TEXTS = st.none() | st.sampled_from(["", "ab", "a cat", "一只猫在垫子上"])
CAPTIONS = st.lists(
    st.fixed_dictionaries(
        {
            "text": TEXTS,
            "role": st.sampled_from(["web", "edited", "corrected", "translated", BACK, EXPRESSION, None]),
            "of": st.none() | st.integers(-1, 4),
            "refused": st.sampled_from([None, None, "file_name"]),
        }
    ),
    max_size=4,
)


def judged(row: list[Caption]) -> list[Caption]:
    return [caption for caption in counting(row) if caption.role != EXPRESSION]


@given(st.lists(st.none() | CAPTIONS, max_size=6), st.integers(0, 6), st.integers(0, 6))
def test_seen_as_arrays_the_same_captions_count(rows: list[Any], start: int, length: int) -> None:
    captions = column(*rows).slice(start, length)
    found = Entries(captions).counting()
    expected = [(at, caption.text) for at, row in enumerate(all_captions(captions)) for caption in judged(row)]
    assert list(zip(found.row.tolist(), found.texts.to_pylist(), strict=True)) == expected


@given(st.lists(st.none() | CAPTIONS, max_size=6))
def test_a_rule_agrees_with_the_captions_taken_one_by_one(rows: list[Any]) -> None:
    found = processed(RULE, *rows)
    for before, after, why in zip(
        all_captions(column(*rows)), captions_of(found), found.verdicts.reason.to_pylist(), strict=True
    ):
        passing = [caption for caption in judged(before) if len(caption.text) >= 5]
        assert (why is None) == any(caption in passing or caption.role == EXPRESSION for caption in counting(before))
        assert [caption._replace(refused=None) for caption in after] == [
            caption._replace(refused=None) for caption in before
        ]
        if why is None:
            assert judged(after) == passing

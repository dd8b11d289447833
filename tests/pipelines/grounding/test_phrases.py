"""Phrases as the shipped model finds them: offsets, what is asked for and what is not, and how good they are."""

from itertools import pairwise
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.grounding.models import SHIPPED, resolve_model
from pipelines.grounding.phrases import Phrase, PhraseFinder, Phrases
from pipelines.stage import semantic_fields
from tests.support.labelled_phrases import agreements, read_labelled

FINDER = Phrases().load()
FOLDER = Path(resolve_model(SHIPPED))


def phrases_of(caption: str) -> list[Phrase]:
    (found,) = FINDER.find([caption])
    return found


def asked(caption: str) -> list[str]:
    return [caption[slice(*phrase.span)] for phrase in phrases_of(caption) if phrase.dropped is None]


def expressions(caption: str) -> list[str]:
    return [caption[slice(*phrase.expression)] for phrase in phrases_of(caption) if phrase.dropped is None]


def test_the_example_of_grit_chunk_by_chunk() -> None:
    assert phrases_of("a dog in a field of flowers") == [
        Phrase(0, (0, 5), (0, 27), False, None),
        Phrase(0, (9, 16), (9, 27), True, None),
        Phrase(0, (20, 27), (20, 27), True, None),
    ]


def test_the_examples_of_cogvlm() -> None:
    assert expressions("A man and a woman are walking together.") == ["A man", "a woman"]
    assert asked("A man is running, while another man is looking.") == ["A man", "another man"]


def test_phrases_say_which_caption_they_are_of() -> None:
    found = FINDER.find(["a cat", "", "two dogs"])
    assert [[phrase.caption for phrase in of_one] for of_one in found] == [[0], [], [2]]


@pytest.mark.parametrize(
    ("caption", "phrases"),
    [
        ("a room without a bed", ["a room"]),
        ("a man with no hat", ["a man"]),
        ("There are no dogs on the beach.", ["the beach"]),
        ("A man who is not wearing a hat", ["A man"]),
        ("a street free of cars", ["a street"]),
        ("A photo of a cat", ["a cat"]),
        ("a bike in front of a house", ["a bike", "a house"]),
        ("the city at night", ["the city"]),
    ],
)
def test_what_is_not_there_or_cannot_be_seen_is_not_asked_for(caption: str, phrases: list[str]) -> None:
    assert asked(caption) == phrases


def test_a_phrase_that_is_dropped_keeps_its_reason_and_contains_nothing() -> None:
    photo, dog, bed = phrases_of("a photo of a dog without a bed")
    assert (photo.dropped, dog.dropped, bed.dropped) == ("photo_word", None, "negated")
    assert (dog.contained, bed.contained) == (False, True)


def test_spans_are_of_the_caption_as_stored_whatever_its_spaces_and_quotes() -> None:
    caption = "\u00a0 A  red\tcar\u2003and\n\n“a man’s hat” 🐶 — a café"
    assert asked(caption) == ["A  red\tcar", "a man’s hat", "a café"]


def test_captions_in_other_scripts_have_no_phrases() -> None:
    assert FINDER.find(["一只小狗在草地上奔跑", "маленькая собака", "🐶🐶", "12 345"]) == [[], [], [], []]


def test_a_caption_without_end_is_read_in_part() -> None:
    phrases = phrases_of("a dog and " * 5000)
    assert phrases
    assert phrases[-1].span[1] <= 10_000


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.text(max_size=40)
        | st.text(st.sampled_from("aA dog's-#,.“”’ \t\n\u00a0\u200d🐶é犬"), max_size=60)
        | st.just("a man without a red hat near two dogs"),
        max_size=4,
    )
)
def test_spans_slice_to_phrases_of_any_caption(captions: list[str]) -> None:
    for at, (caption, phrases) in enumerate(zip(captions, FINDER.find(captions), strict=True)):
        spans = [phrase.span for phrase in phrases]
        assert spans == sorted(spans)
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
        for phrase in phrases:
            assert phrase.caption == at
            (start, end), (first, last) = phrase.span, phrase.expression
            assert 0 <= start < end <= last <= len(caption)
            assert first == start
            assert caption[start:end] == caption[start:end].strip()
            assert caption[first:last] == caption[first:last].strip()


def test_agreement_with_labels() -> None:
    """The goals; docs/quality.md has the figures by group."""
    labelled = read_labelled()
    assert len(labelled) >= 120
    found = FINDER.find([one.caption for one in labelled])
    spans = [[phrase.span for phrase in of_one if phrase.dropped is None] for of_one in found]
    exact, heads = agreements(labelled, spans)["all"]
    assert exact.f1 >= 0.90
    assert heads.f1 >= 0.93


def test_the_shipped_model_is_small_and_says_where_it_is_from() -> None:
    assert sum(file.stat().st_size for file in FOLDER.rglob("*")) <= 8e6
    assert "Attribution-ShareAlike 4.0" in (FOLDER / "LICENSE").read_text("utf-8")
    assert "English Web Treebank" in (FOLDER / "README.md").read_text("utf-8")
    assert spacy.load(FOLDER).meta["license"] == "CC BY-SA 4.0"


def test_the_model_is_fingerprinted_by_what_is_in_it(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    spacy.load(FOLDER).to_disk(copy)
    ours = semantic_fields(Phrases())
    assert ours == semantic_fields(Phrases(model=str(FOLDER)))
    (copy / "meta.json").write_text("{}")
    assert ours != semantic_fields(Phrases(model=str(copy)))


def test_a_model_that_is_not_there_is_a_mistake_of_the_recipe() -> None:
    with pytest.raises(ValidationError, match="neither an installed spaCy model nor the folder of one"):
        Phrases(model="en_core_web_none")


def test_a_model_that_does_not_parse_english_is_refused(tmp_path: Path) -> None:
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(ValueError, match="does not parse English"):
        PhraseFinder(str(tmp_path / "blank"))

"""A row's captions: which of them count, and how a stage adds to them."""

from typing import Any

import pyarrow as pa

from pipelines.captions import Added, all_captions, changed, counting, original_captions
from schemas.tables import CAPTION

Row = list[dict[str, Any]]


def column(*rows: Row | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(rows, pa.list_(CAPTION))])


def texts_that_count(row: Row) -> list[str]:
    return [caption.text for caption in counting(all_captions(column(row))[0])]


def test_an_edit_takes_the_place_of_what_it_was_made_of() -> None:
    row = [{"text": "a", "role": "web"}, {"text": "b", "role": "web"}, {"text": "A", "role": "edited", "of": 0}]
    assert texts_that_count(row) == ["b", "A"]


def test_a_translation_stands_beside_what_it_was_made_of() -> None:
    row = [{"text": "a dog", "role": "web"}, {"text": "一只狗", "role": "translated", "of": 0}]
    assert texts_that_count(row) == ["a dog", "一只狗"]


def test_a_translations_translation_never_counts() -> None:
    row = [{"text": "a dog", "role": "web"}, {"text": "狗", "of": 0}, {"text": "the dog", "role": "back", "of": 1}]
    assert texts_that_count(row) == ["a dog", "狗"]


def test_a_refused_edit_does_not_bring_back_what_it_replaced() -> None:
    row = [{"text": "a", "role": "web"}, {"text": "A", "role": "edited", "of": 0, "refused": "min_words"}]
    assert texts_that_count(row) == []


def test_captions_are_appended_and_refused_in_place() -> None:
    before = column([{"text": "a", "role": "web", "lang": "en"}, {"text": "b", "role": "web"}], None)
    after = changed(before, [[Added("A", "en", "edited", of=0)], []], [{1: "min_words"}, {}])
    first, second = all_captions(pa.chunked_array([after]))
    assert [(caption.text, caption.of, caption.refused) for caption in first] == [
        ("a", None, None),
        ("b", None, "min_words"),
        ("A", 0, None),
    ]
    assert second == []


def test_a_refusal_is_not_taken_back() -> None:
    before = column([{"text": "a", "refused": "first"}])
    after = changed(before, [[]], [{}])
    assert all_captions(pa.chunked_array([after]))[0][0].refused == "first"


def test_the_sources_own_caption_is_one_of_the_web_or_none() -> None:
    captions = original_captions(pa.array(["a", None, ""]), "en").to_pylist()
    assert [[caption["text"] for caption in row] for row in captions] == [["a"], [], [""]]
    assert captions[0][0] == dict.fromkeys(CAPTION.names) | {"text": "a", "lang": "en", "role": "web"}

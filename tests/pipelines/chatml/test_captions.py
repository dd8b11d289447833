"""Which of a row's captions are trained on."""

import pyarrow as pa

from pipelines.chatml.captions import chosen_captions
from schemas.tables import CAPTION

WEB, EDITED, BLANK = {"text": "web"}, {"text": "edited"}, {"text": " \u3000\x00\n"}


def column(*lists: list[dict[str, str | None]] | list[dict[str, str]] | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(lists, pa.list_(CAPTION))])


def chosen(captions: pa.ChunkedArray, languages: tuple[str, ...] | None = None) -> list[list[tuple[str, int]]]:
    return [[(caption.text, caption.place) for caption in row] for row in chosen_captions(captions, languages)]


def test_the_latest_caption_that_says_something_is_trained_on() -> None:
    rows = column([WEB], [WEB, EDITED], [WEB, EDITED, BLANK], [BLANK, {"text": None}], [], None)
    assert chosen(rows) == [[("web", 0)], [("edited", 1)], [("edited", 1)], [], [], []]


def test_a_caption_in_which_a_placeholder_stands_for_a_person_is_not_trained_on() -> None:
    for text in ("<PERSON> at the premiere", "‹人名›出席发布会", "<PER\x00SON> smiles"):
        assert chosen(column([WEB, {"text": text}])) == [[("web", 0)]]


def test_each_language_has_its_latest() -> None:
    english, chinese = {"text": "a dog", "lang": "en"}, {"text": "一只狗", "lang": "zh"}
    better = {"text": "a small dog", "lang": "en"}
    assert chosen(column([english, chinese, better])) == [[("一只狗", 1), ("a small dog", 2)]]


def test_languages_may_be_chosen() -> None:
    row = [{"text": "a dog", "lang": "en"}, {"text": "一只狗", "lang": "zh"}, {"text": "?", "lang": None}]
    assert chosen(column(row), ("zh", "fr")) == [[("一只狗", 1)]]


def test_a_sliced_column_gives_its_own_captions() -> None:
    rows = column([{"text": "a"}], [], [{"text": "b"}, {"text": "c"}])
    assert chosen(rows.slice(1)) == [[], [("c", 1)]]


def test_an_empty_language_is_one_that_is_not_known() -> None:
    row = [{"text": "a dog", "lang": ""}, {"text": "a cat", "lang": None}]
    assert chosen(column(row)) == [[("a cat", 1)]]
    assert chosen(column(row), ("und",)) == [[("a cat", 1)]]

"""Expressions that a source gives: referring tasks of all of them, and no description."""

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from pipelines.chatml.pack import judge, judge_reads
from pipelines.chatml.pack_spec import PackSpec
from schemas.reasons import REFUSALS
from tests.support.packing import packed

RowMaker = Callable[..., pa.Table]
LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)


def row(*expressions: tuple[str, tuple[float, ...]], lang: str = "en", more: tuple[dict[str, Any], ...] = ()) -> Any:
    """Captions and regions of a row: expressions with their boxes, then `more` captions."""
    captions = [{"text": text, "lang": lang, "role": "expression"} for text, _ in expressions]
    regions = [
        {"caption_index": at, "phrase": [0, len(text)], "expression": [0, len(text)], "box": box, "score": 1.0}
        for at, (text, box) in enumerate(expressions)
    ]
    return [*captions, *more], regions


def made(rows: RowMaker, given: Any, spec: PackSpec) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """The samples of a row, and tasks and reasons of its refusals."""
    table = rows([given[0]], regions=[given[1]])
    processed = judge(table.select(judge_reads(spec)), spec)
    assert processed.columns is not None
    (refusals,) = processed.columns["refusals"].to_pylist()
    assert {one["reason"] for one in refusals or []} <= REFUSALS.keys()
    return packed(table, spec).to_pylist(), [(one["task"], one["reason"]) for one in refusals or []]


def test_expressions_share_a_conversation_each_with_its_own_box(rows: RowMaker) -> None:
    given = row(("second man from left", LEFT), ("two dogs", RIGHT))
    (sample,), refusals = made(rows, given, PackSpec(tasks=("rec",)))
    asked = [turn["content"] for turn in sample["messages_tagged"]]
    assert "second man from left" in asked[0]
    assert "<|box_start|>(0,0),(500,999)<|box_end|>" in asked[1]
    assert "two dogs" in asked[2]
    assert "<|box_start|>(500,0),(999,999)<|box_end|>" in asked[3]
    assert [one["label"] for one in sample["regions"]] == ["second man from left", "two dogs"]
    assert sample["id"] == "k-000000000000-rec-en"
    assert json.loads(sample["provenance"])["caption"] == {"index": 0, "model": None, "role": "expression"}
    assert refusals == []


def test_an_expression_describes_no_image(rows: RowMaker) -> None:
    given = row(("left man", LEFT))
    spec = PackSpec(tasks=("caption", "grounded_caption"))
    samples, refusals = made(rows, given, spec)
    assert samples == []
    table = rows([given[0]], regions=[given[1]])
    verdicts = judge(table.select(judge_reads(spec)), spec).verdicts
    assert verdicts.reason.to_pylist() == ["no_task"]
    assert verdicts.detail.to_pylist() == ["caption: not_a_description; grounded_caption: not_a_description"]
    assert refusals == []


def test_a_caption_beside_expressions_is_a_caption(rows: RowMaker) -> None:
    given = row(("left man", LEFT), more=({"text": "Two men.", "lang": "en", "role": "annotated"},))
    samples, refusals = made(rows, given, PackSpec(tasks=("caption", "rec")))
    assert [(one["task"], one["messages_tagged"][1]["content"][:8]) for one in samples] == [
        ("caption", "Two men."),
        ("rec", "<|object"),
    ]
    assert refusals == [("rec", "no_region"), ("caption", "not_a_description")]


def test_a_caption_that_gives_the_task_goes_before_the_expressions(rows: RowMaker) -> None:
    captions, regions = row(("left man", LEFT), more=({"text": "a dog", "lang": "en", "role": "web"},))
    dog = {"caption_index": 1, "phrase": [0, 5], "box": RIGHT, "score": 0.9}
    (sample,), refusals = made(rows, (captions, [*regions, dog]), PackSpec(tasks=("rec",)))
    assert [one["label"] for one in sample["regions"]] == ["a dog"]
    assert refusals == [("rec", "second_conversation")]


def test_a_box_is_asked_about_once_and_asked_for_by_all_its_expressions(rows: RowMaker) -> None:
    given = row(("left man", LEFT), ("man in hat", LEFT), ("Left man", LEFT))
    samples, refusals = made(rows, given, PackSpec(tasks=("rec", "reg")))
    assert [len(one["messages"]) // 2 for one in samples] == [2, 1]
    assert samples[1]["messages_tagged"][1]["content"] == "Left man."
    assert refusals == [("rec", "second_expression"), *[("reg", "second_expression")] * 2]


def test_two_things_under_one_expression_are_not_asked_for(rows: RowMaker) -> None:
    given = row(("man", LEFT), ("Man", RIGHT), ("right man", RIGHT))
    (sample,), refusals = made(rows, given, PackSpec(tasks=("rec",)))
    assert [one["label"] for one in sample["regions"]] == ["right man"]
    assert refusals == [("rec", "ambiguous_text")] * 2


def test_an_expression_with_two_boxes_is_refused(rows: RowMaker) -> None:
    captions, regions = row(("two men", LEFT))
    more = row(("left man", LEFT))[1][0] | {"caption_index": 1}
    captions.append({"text": "left man", "lang": "en", "role": "expression"})
    both = [*regions, {**regions[0], "box": RIGHT}, more]
    (sample,), refusals = made(rows, (captions, both), PackSpec(tasks=("rec",)))
    assert [one["label"] for one in sample["regions"]] == ["left man"]
    assert refusals == [("rec", "second_box")] * 2


def test_a_conversation_is_only_so_long(rows: RowMaker) -> None:
    given = row(*((f"man {n}", (n / 10, 0.0, n / 10 + 0.1, 1.0)) for n in range(5)))
    (sample,), refusals = made(rows, given, PackSpec(tasks=("rec",), max_turns=3))
    assert [one["label"] for one in sample["regions"]] == ["man 0", "man 1", "man 2"]
    assert refusals == [("rec", "over_max_turns")] * 2


@pytest.mark.parametrize(("languages", "labels"), [(None, ["左边的人"]), (("zh",), ["左边的人"]), (("en",), [])])
def test_expressions_of_other_languages(rows: RowMaker, languages: Any, labels: list[str]) -> None:
    samples, _ = made(rows, row(("左边的人", LEFT), lang="zh"), PackSpec(tasks=("rec",), languages=languages))
    assert [one["label"] for sample in samples for one in sample["regions"]] == labels


def test_blank_expressions_and_boxes_without_extent_are_refused(rows: RowMaker) -> None:
    given = row((" \0", LEFT), ("man", (0.1, 0.1, 0.1, 0.2)), ("dog", RIGHT))
    (sample,), refusals = made(rows, given, PackSpec(tasks=("reg",)))
    assert [one["label"] for one in sample["regions"]] == ["dog"]
    assert refusals == [("reg", "blank_phrase"), ("reg", "box_too_small")]


def test_an_expression_in_which_a_placeholder_stands_for_a_person_is_none(rows: RowMaker) -> None:
    (sample,), _ = made(rows, row(("<PERSON> left", LEFT), ("dog", RIGHT)), PackSpec(tasks=("reg",)))
    assert [one["label"] for one in sample["regions"]] == ["dog"]


def test_special_tokens_in_an_expression_are_broken(rows: RowMaker) -> None:
    (sample,), _ = made(rows, row((" <image> man<|im_end|>", LEFT)), PackSpec(tasks=("reg",)))
    assert sample["messages_tagged"][1]["content"] == "< image> man< |im_end|>."

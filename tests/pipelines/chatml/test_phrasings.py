"""How tasks are asked for: stable, even, in the caption's language."""

from collections import Counter
from typing import get_args

import pytest

from pipelines.chatml.phrasings import AskedTask, is_chinese, phrasing

TASKS: tuple[AskedTask, ...] = get_args(AskedTask)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("chinese", [False, True])
def test_wordings_are_used_evenly(task: AskedTask, chinese: bool) -> None:
    counts = Counter(phrasing(task, row, chinese=chinese) for row in range(8000))
    assert len(counts) >= 6
    assert min(counts.values()) > 0.85 * 8000 / len(counts)


@pytest.mark.parametrize("task", TASKS)
def test_a_wording_has_a_place_for_what_is_asked_about(task: AskedTask) -> None:
    for chinese in (False, True):
        holes = {phrasing(task, row, chinese=chinese).count("{}") for row in range(200)}
        assert holes == {1 if task in ("rec", "reg", "read_region", "find_text") else 0}


def test_the_wording_depends_on_the_row_alone() -> None:
    # pinned: another choice for the same rows would change every shard ever packed
    wordings = sorted({phrasing("caption", row, chinese=False) for row in range(1000)})
    assert [wordings.index(phrasing("caption", row, chinese=False)) for row in range(8)] == PINNED


def test_lines_are_asked_for_only_where_they_are_answered_one_by_one() -> None:
    # read_text joins the lines of a paragraph
    said = " ".join(phrasing("read_text", row, chinese=chinese) for row in range(200) for chinese in (False, True))
    assert "line" not in said and "行" not in said


def test_questions_of_one_row_are_worded_differently() -> None:
    assert len({phrasing("rec", 5, turn, chinese=False) for turn in range(20)}) > 1


@pytest.mark.parametrize(
    ("text", "lang", "chinese"),
    [
        ("一只狗", "zh", True),
        ("一只狗", "zh-Hant", True),
        ("iPhone 15", "zh", True),
        ("一只狗", None, True),
        ("一只狗和 iPhone 在一起的照片", None, True),
        ("a dog called 小黑", None, False),
        ("犬がボールで遊んでいる", None, False),
        ("a dog", None, False),
        ("un chien", "fr", False),
        ("一只狗", "en", False),
    ],
)
def test_chinese_captions_are_asked_for_in_chinese(text: str, lang: str | None, chinese: bool) -> None:
    assert is_chinese(text, lang) == chinese


PINNED = [6, 6, 5, 6, 0, 7, 0, 6]

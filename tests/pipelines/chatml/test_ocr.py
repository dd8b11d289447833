"""Samples made of the text in images: which lines are used, how they are asked about, what is never asked."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pipelines.chatml.dialects import DIALECTS
from pipelines.chatml.ocr import LINE_TASKS
from pipelines.chatml.pack import judge, judge_reads
from pipelines.chatml.pack_spec import PackSpec
from pipelines.recipe_text import RecipeError, parse
from pipelines.sets.repeated_lines import RepeatedLines
from tests.support.packing import judged, only_sample, packed

RowMaker = Callable[..., pa.Table]
ALL = ("read_text", "spot_text", "read_region", "find_text")
SIDE = 1000


def line(text: str, y: int = 100, *, x: int = 100, size: float = 40, **more: Any) -> dict[str, Any]:
    """A line `size` pixels high and 400 wide, in an image of 1000 × 1000."""
    corners = [x, y, x + 400, y, x + 400, y + size, x, y + size]
    script = "Hani" if any("\u4e00" <= character <= "\u9fff" for character in text) else "Latn"
    values = {"quad": [place / SIDE for place in corners], "score": 0.9, "script": script, "block": 0, "dropped": None}
    return {"text": text, **values, **more}


def page(rows: RowMaker, *lines: dict[str, Any], captions: Any = None, side: int = SIDE, **columns: Any) -> pa.Table:
    """One row whose image holds these lines."""
    return rows([captions], lines=[list(lines)], width=[side], height=[side], **columns)


def spec(*tasks: Any, **settings: Any) -> PackSpec:
    return PackSpec(tasks=tasks or ALL, **settings)


def turns(table: pa.Table, task: Any, **settings: Any) -> list[tuple[str, str]]:
    """Questions and answers of the one sample of `task`."""
    (texts,) = [sample["messages_tagged"] for sample in packed(table, spec(task, **settings)).to_pylist()]
    said = [turn["content"] for turn in texts]
    return list(zip(said[::2], said[1::2], strict=True))


def refusals(table: pa.Table, packing: PackSpec) -> list[tuple[str, str, int | None, float | None]]:
    """Task, reason, line and value of what was refused in the one row."""
    found = judge(table.select(judge_reads(packing)), packing).columns
    assert found is not None
    (row,) = found["refusals"].to_pylist()
    return [(one["task"], one["reason"], one["line"], one["value"]) for one in row]


class TestTasks:
    def test_all_text_is_read_in_order_with_the_dropped_left_out(self, rows: RowMaker) -> None:
        table = page(
            rows, line("Fresh bread", 100), line("~~", 200, dropped="low_score"), line("every morning", 300, block=1)
        )
        ((asked, answer),) = turns(table, "read_text")
        assert asked.startswith("<image>")
        assert answer == "Fresh bread\nevery morning"

    def test_text_is_spotted_with_its_boxes(self, rows: RowMaker) -> None:
        ((_, answer),) = turns(page(rows, line("Fresh bread"), line("Coffee", 300)), "spot_text")
        assert answer == (
            "<|object_ref_start|>Fresh bread<|object_ref_end|><|box_start|>(100,100),(500,140)<|box_end|>"
            "<|object_ref_start|>Coffee<|object_ref_end|><|box_start|>(100,300),(500,340)<|box_end|>"
        )

    def test_a_region_is_read(self, rows: RowMaker) -> None:
        first, second = turns(page(rows, line("Fresh bread"), line("Coffee", 300)), "read_region")
        assert "<|box_start|>(100,100),(500,140)<|box_end|>" in first[0]
        assert [first[1], second[1]] == ["Fresh bread", "Coffee"]

    def test_text_is_found(self, rows: RowMaker) -> None:
        ((asked, answer),) = turns(page(rows, line("Fresh bread")), "find_text")
        assert "“Fresh bread”" in asked
        assert answer == "<|object_ref_start|>Fresh bread<|object_ref_end|><|box_start|>(100,100),(500,140)<|box_end|>"

    def test_chinese_text_is_asked_for_in_chinese(self, rows: RowMaker) -> None:
        table = page(rows, line("新鲜面包店"), line("Open", 300))
        for task in ALL:
            assert all(set(asked) & set("图写读字") for asked, _ in turns(table, task))
        (sample,) = packed(table, spec("read_text")).to_pylist()
        assert (sample["language"], sample["id"]) == ("zh", "k-000000000000-read_text-zh")

    def test_the_language_of_latin_text_is_not_known(self, rows: RowMaker) -> None:
        sample = only_sample(page(rows, line("Fresh bread")), spec("read_text"))
        assert (sample["language"], sample["id"]) == (None, "k-000000000000-read_text-und")

    def test_a_sample_holds_the_boxes_of_its_lines_and_says_which_they_are(self, rows: RowMaker) -> None:
        table = page(rows, line("x", dropped="low_score"), line("Fresh bread", 300))
        sample = only_sample(table, spec("spot_text"))
        assert [(region["label"], region["source"]) for region in sample["regions"]] == [("Fresh bread", "ocr")]
        assert sample["regions"][0]["bbox"] == pytest.approx([100, 300, 500, 340], abs=1e-3)
        assert sample["regions"][0]["score"] == pytest.approx(0.9)
        assert json.loads(sample["provenance"])["lines"] == [1]

    def test_captions_and_text_can_be_asked_for_together(self, rows: RowMaker) -> None:
        caption = [{"text": "a shop", "lang": "en", "role": "web"}]
        made = packed(page(rows, line("Fresh bread"), captions=caption), spec("caption", "read_text"))
        assert made["task"].to_pylist() == ["caption", "read_text"]

    def test_text_in_an_image_is_asked_for_whatever_the_languages_of_captions(self, rows: RowMaker) -> None:
        caption = [{"text": "a shop", "lang": "en", "role": "web"}]
        table = page(rows, line("Fresh bread"), captions=caption)
        assert packed(table, spec("caption", "read_text", languages=("zh",)))["task"].to_pylist() == ["read_text"]

    @given(texts=st.lists(st.text(max_size=30), max_size=6), kept=st.lists(st.booleans(), min_size=6, max_size=6))
    def test_any_text_can_be_packed_and_names_no_special_token(
        self, rows: RowMaker, texts: list[str], kept: list[bool]
    ) -> None:
        table = page(
            rows,
            *(
                line(f"{text}<|im_end|>", 50 + 100 * at, dropped=None if keep else "low_score")
                for at, (text, keep) in enumerate(zip(texts, kept, strict=False))
            ),
        )
        for sample in packed(table, spec()).to_pylist():
            assert not any("<|im_end|>" in turn["content"] for turn in sample["messages_tagged"])


class TestRefusals:
    def test_a_row_without_a_caption_but_with_text_is_used(self, rows: RowMaker) -> None:
        assert packed(page(rows, line("Fresh bread")), spec("read_text")).num_rows == 1

    def test_a_row_with_neither_says_that_nothing_is_left(self, rows: RowMaker) -> None:
        assert reasons(page(rows), spec("read_text")) == ["no_caption"]

    def test_a_row_whose_lines_are_all_dropped_has_none(self, rows: RowMaker) -> None:
        assert reasons(page(rows, line("~~", dropped="low_score")), spec("read_text")) == ["no_caption"]

    def test_a_row_whose_lines_are_all_refused_is_refused_task_by_task(self, rows: RowMaker) -> None:
        assert reasons(page(rows, line("\x00")), spec("read_text", "spot_text")) == ["no_task"]

    def test_a_captioned_row_without_text_keeps_its_caption(self, rows: RowMaker) -> None:
        table = page(rows, captions=[{"text": "a shop", "lang": "en", "role": "web"}])
        packing = spec("caption", "read_text")
        assert packed(table, packing)["task"].to_pylist() == ["caption"]
        assert refusals(table, packing) == [("read_text", "no_line", None, None)]

    @pytest.mark.parametrize("other", ["open", "We are OPEN today", "o p e n", "ＯＰＥＮ", "Open.", "O-pen"])
    def test_text_is_looked_for_only_where_it_stands_once(self, rows: RowMaker, other: str) -> None:
        table = page(rows, line("Open!"), line(other, 300), line("Coffee", 500))
        assert refusals(table, spec("find_text"))[0] == ("find_text", "repeated_text", 0, 1)
        assert "“Coffee”" in turns(table, "find_text")[-1][0]

    def test_also_a_dropped_line_makes_text_stand_twice(self, rows: RowMaker) -> None:
        table = page(rows, line("Open"), line("Open!", 300, dropped="low_score"), line("Coffee", 500))
        assert ("find_text", "repeated_text", 0, 1) in refusals(table, spec("find_text"))
        assert len(turns(table, "read_region")) == 2

    def test_a_box_with_another_line_in_it_is_not_asked_about(self, rows: RowMaker) -> None:
        table = page(rows, line("Fresh bread", 100, size=200), line("daily", 180), line("Coffee", 500))
        packing = spec("spot_text", "read_region")
        assert refusals(table, packing) == [
            ("read_region", "crowded_box", 0, 1),
            ("read_region", "crowded_box", 1, 1),
        ]
        assert len(turns(table, "read_region")) == 1

    def test_a_conversation_asks_about_the_surest_lines(self, rows: RowMaker) -> None:
        lines = [line(word, 100 * at, score=0.5 + at / 10) for at, word in enumerate(["one", "two", "three"])]
        table, packing = page(rows, *lines), spec("read_region", max_turns=2)
        assert refusals(table, packing) == [("read_region", "over_max_turns", 0, 3)]
        assert [answer for _, answer in turns(table, "read_region", max_turns=2)] == ["two", "three"]

    def test_a_line_without_extent_on_the_grid_is_read_but_not_placed(self, rows: RowMaker) -> None:
        table = page(rows, line("Fresh bread", size=0), line("Coffee", 300))
        packing = spec("read_text", "spot_text", min_line_px=0)
        assert refusals(table, packing) == [("spot_text", "box_too_small", 0, None)]

    def test_lines_repeated_over_the_set_are_no_target(self, rows: RowMaker) -> None:
        texts = ["Fresh bread", "Coffee", "Tea"]
        table = rows(
            [None] * 3,
            lines=[[line(text), line("stock-photos.example", 300)] for text in texts],
            width=[SIDE] * 3,
            height=[SIDE] * 3,
        )
        rule = RepeatedLines(at_most=2)
        marked = rule.mark(table, rule.decide(rule.keys(table))).columns
        assert marked is not None
        table = table.set_column(table.schema.get_field_index("lines"), "lines", marked["lines"])
        answers = [sample["messages_tagged"][1]["content"] for sample in packed(table, spec("read_text")).to_pylist()]
        assert answers == texts

    def test_a_line_of_control_characters_is_nothing(self, rows: RowMaker) -> None:
        table = page(rows, line("\x00 "), line("Coffee", 300))
        assert refusals(table, spec("read_text")) == [("read_text", "blank_phrase", 0, None)]


WORDS = st.sampled_from(["Open", "open", "Opening", "Coffee", "咖啡", "\x00", "24"])
LINES = st.lists(
    st.builds(
        lambda text, x, y, size, score, kept: line(
            text, y, x=x, size=size, score=score, dropped=None if kept else "low_score"
        ),
        WORDS,
        st.sampled_from([0, 10, 500]),
        st.integers(0, 900),
        st.sampled_from([0, 4, 20, 60]),
        st.sampled_from([0.5, 0.9]),
        st.booleans(),
    ),
    max_size=12,
)


@given(lines=LINES, max_turns=st.integers(1, 4))
def test_each_line_that_counts_is_used_or_refused_once_by_each_task(
    rows: RowMaker, lines: list[dict[str, Any]], max_turns: int
) -> None:
    packing = spec(max_turns=max_turns)
    found = judge(page(rows, *lines).select(judge_reads(packing)), packing)
    assert found.columns is not None
    (reason,) = found.verdicts.reason.to_pylist()
    counting = [at for at, one in enumerate(lines) if one["dropped"] is None]
    if reason is not None:
        assert reason == ("no_task" if counting else "no_caption")
        return
    (plans,), (refused,) = (found.columns[name].to_pylist() for name in ("samples", "refusals"))
    for task in ALL:
        used = [at for plan in plans if plan["task"] == task for at in plan["lines"]]
        left = [one["line"] for one in refused if one["task"] == task and one["line"] is not None]
        assert sorted(used + left) == counting
        assert (not used) == any(one["task"] == task and one["reason"] == "no_line" for one in refused)
        assert task in ("read_text", "spot_text") or len(used) <= max_turns


class TestIllegible:
    def test_lines_that_a_small_budget_makes_illegible_leave_with_their_height(self, rows: RowMaker) -> None:
        """A page of 3000 pixels with text of 10, shrunk to about 1000: 3.3 pixels are left of it."""
        small = [line(f"small print {at}", 300 + 20 * at, size=10 / 3) for at in range(3)]
        table = page(rows, line("HEADLINE", 100, size=60 / 3), *small, side=3000)
        packing = spec("read_text", "spot_text", max_pixels=1_003_520)
        found = refusals(table, packing)
        assert [(task, reason, at) for task, reason, at, _ in found] == [
            (task, "illegible", at) for task in ("read_text", "spot_text") for at in (1, 2, 3)
        ]
        assert [px for *_, px in found] == pytest.approx([3.27] * 6, abs=0.01)  # 10 · 980 / 3000
        assert turns(table, "read_text", max_pixels=1_003_520)[0][1] == "HEADLINE"
        # the same page in full size
        assert refusals(table, spec("read_text", "spot_text", max_pixels=12_845_056)) == []

    def test_where_none_is_legible_the_task_is_refused(self, rows: RowMaker) -> None:
        table = page(rows, line("small print", size=10 / 3), side=3000)
        assert reasons(table, spec("read_text", max_pixels=1_003_520)) == ["no_task"]

    @pytest.mark.parametrize(("px", "kept"), [(3, True), (4, False)])
    def test_the_limit_is_a_setting(self, rows: RowMaker, px: float, kept: bool) -> None:
        table = page(rows, line("small print", size=10 / 3), side=3000)
        packing = spec("read_text", max_pixels=1_003_520, min_line_px=px)
        assert reasons(table, packing) == [None if kept else "no_task"]

    def test_a_vertical_column_is_as_high_as_its_characters_are_wide(self, rows: RowMaker) -> None:
        column = line("新鲜面包", quad=[0.5, 0.1, 0.505, 0.1, 0.505, 0.2, 0.5, 0.2])
        ((_, reason, at, px),) = refusals(page(rows, line("咖啡"), column), spec("read_text"))
        assert at == 1
        assert (reason, px) == ("illegible", pytest.approx(4.9, rel=0.01))  # 5 · 980 / 1000

    def test_turned_text_is_measured_across_its_own_line(self, rows: RowMaker) -> None:
        # a line that reads upwards: it begins at the bottom left, and is 40 pixels high
        turned = line("Fresh bread", quad=[0.1, 0.5, 0.1, 0.1, 0.14, 0.1, 0.14, 0.5])
        assert refusals(page(rows, turned), spec("read_text", min_line_px=39)) == []

    def test_a_narrow_letter_is_no_column(self, rows: RowMaker) -> None:
        letter = line("I", quad=[0.1, 0.1, 0.105, 0.1, 0.105, 0.14, 0.1, 0.14])
        assert refusals(page(rows, letter), spec("read_text")) == []

    def test_a_stretched_tile_counts_as_it_is_seen(self, rows: RowMaker) -> None:
        # 1000 × 1000 becomes three by three tiles of 448
        table = page(rows, line("small print", size=7))
        assert refusals(table, spec("read_text", dialect="internvl")) == []
        assert reasons(table, spec("read_text", dialect="internvl", max_tiles=1)) == ["no_task"]


class TestRecipe:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"tasks": ["spot_text"], "dialect": "plain"},
            {"tasks": ["spot_text"], "dialect": "cogvlm", "quads": True},
            {"tasks": ["spot_text"], "dialect": "plain", "quads": False},
            {"tasks": ["read_text"], "min_line_px": -1},
        ],
    )
    def test_what_a_family_cannot_write_is_refused_before_anything_runs(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            TypeAdapter(PackSpec).validate_python(wrong)

    def test_the_plain_dialect_reads(self, rows: RowMaker) -> None:
        assert turns(page(rows, line("Fresh bread")), "read_text", dialect="plain")[0][1] == "Fresh bread"

    def test_lines_must_come_from_a_stage(self) -> None:
        with pytest.raises(RecipeError, match="made of `lines`, which no stage adds"):
            parse("name: x\nstages: [{stage: pull}]\npack: {tasks: [read_text]}\n")

    def test_lines_are_read_only_where_a_task_is_made_of_them(self) -> None:
        assert "lines" not in judge_reads(spec("caption"))
        assert all("lines" in judge_reads(spec(task)) for task in LINE_TASKS)


def reasons(table: pa.Table, packing: PackSpec) -> Sequence[str | None]:
    found: list[str | None] = judge(table.select(judge_reads(packing)), packing).verdicts.reason.to_pylist()
    return found


SLANTED = {"quad": [0.1, 0.1, 0.5, 0.12, 0.498, 0.16, 0.098, 0.14]}
LAYOUTS = {
    "qwen2_vl": "<|object_ref_start|>Open<|object_ref_end|><|box_start|>(98,100),(500,160)<|box_end|>"
    "<|object_ref_start|>Coffee<|object_ref_end|><|box_start|>(100,300),(500,340)<|box_end|>",
    # 1000 × 1000 is resized to 980 × 980
    "qwen2_5_vl": '[{"bbox_2d": [96, 98, 490, 157], "label": "Open"},'
    ' {"bbox_2d": [98, 294, 490, 333], "label": "Coffee"}]',
    "internvl": "<ref>Open</ref><box>[[98, 100, 500, 160]]</box><ref>Coffee</ref><box>[[100, 300, 500, 340]]</box>",
    "qwen_vl": "<ref>Open</ref><quad>(100,100),(500,120),(498,160),(98,140)</quad>"
    "<ref>Coffee</ref><quad>(100,300),(500,300),(500,340),(100,340)</quad>",
    "cogvlm": "Open [[098,100,500,160]]\nCoffee [[100,300,500,340]]",
    "nvlm": "<ref>Open</ref><box>(98,100), (500,160)</box><ref>Coffee</ref><box>(100,300), (500,340)</box>",
}


@pytest.mark.parametrize("dialect", LAYOUTS)
def test_each_family_spots_text_in_its_own_layout(rows: RowMaker, dialect: Any) -> None:
    table = page(rows, line("Open", **SLANTED), line("Coffee", 300))
    ((_, answer),) = turns(table, "spot_text", dialect=dialect)
    assert answer == LAYOUTS[dialect]


@pytest.mark.parametrize(
    ("dialect", "quads"),
    [
        *((dialect, quads) for dialect in ("qwen2_vl", "qwen2_5_vl", "internvl", "qwen_vl") for quads in (False, True)),
        *(("qwen_vl", None), ("nvlm", None)),
    ],
)
def test_what_is_written_of_lines_is_read_back(rows: RowMaker, dialect: Any, quads: bool | None) -> None:
    table = page(rows, line("Fresh bread"), line("咖啡", 300))
    made = {sample["task"]: sample for sample in packed(table, spec(dialect=dialect, quads=quads)).to_pylist()}
    family, shape = DIALECTS[dialect], spec(dialect=dialect, quads=quads).text_shape
    found = family.read(made["spot_text"]["messages_tagged"][1]["content"])
    assert [(one.label, one.kind) for one in found] == [("Fresh bread", shape), ("咖啡", shape)]
    asked = [turn["content"] for turn in made["read_region"]["messages_tagged"][::2]]
    assert [family.read(text)[0].coordinates for text in asked] == [one.coordinates for one in found]
    answered = [turn["content"] for turn in made["find_text"]["messages_tagged"][1::2]]
    assert [family.read(text)[0] for text in answered] == found


def test_the_planned_size_covers_the_lines(rows: RowMaker) -> None:
    table = page(rows, *(line(f"line {at} of many words", 20 * at, size=15) for at in range(40)))
    for sample, plan in zip(
        packed(table, spec()).to_pylist(), judged(table, spec())["samples"].to_pylist()[0], strict=True
    ):
        said = sum(len(turn["content"].encode()) for turn in sample["messages_tagged"])
        assert len(table["image"][0].as_py()) + 2 * said < plan["bytes"] < 20_000

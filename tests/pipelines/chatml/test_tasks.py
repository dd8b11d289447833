"""Which conversations a caption and its regions give, and why others were not made."""

from collections.abc import Sequence

import pytest

from pipelines.chatml.captions import Caption
from pipelines.chatml.dialects import DIALECTS
from pipelines.chatml.regions import Region
from pipelines.chatml.tasks import Limits, Planned, Refused, converse, decide
from schemas.reasons import REFUSALS

LIMITS = Limits(runner_up=0.5, max_turns=8)
QWEN2_VL = DIALECTS["qwen2_vl"]
BOX = (100, 100, 200, 200)


def caption(text: str, lang: str | None = "en", place: int = 0) -> Caption:
    return Caption(text, lang, "web", None, place)


def region(
    text: str,
    phrase: str,
    *,
    expression: str | None = None,
    score: float = 0.9,
    runner_up: float | None = None,
    nth: int = 0,
) -> Region:
    """A region for a phrase."""
    start = text.index(phrase)
    span = (start, start + len(phrase))
    whole = expression or phrase
    outer = text.index(whole)
    return Region(0, span, (outer, outer + len(whole)), (0.1, 0.1, 0.2, 0.2), score, runner_up, "by hand")


def made(
    text: str,
    regions: Sequence[Region],
    task: str,
    boxes: Sequence[tuple[int, ...]] | None = None,
    limits: Limits = LIMITS,
) -> tuple[tuple[int, ...], dict[int | None, str]]:
    """Regions that a task uses, and the refusals of the others."""
    plans, refusals = decide([task], caption(text), regions, boxes or [BOX] * len(regions), limits)  # type: ignore[list-item]
    assert {refusal.reason for refusal in refusals} <= REFUSALS.keys()
    used = plans[0].regions if plans else ()
    return used, {refusal.region: refusal.reason for refusal in refusals}


class TestDecide:
    def test_a_caption_needs_no_regions(self) -> None:
        assert decide(["caption"], caption("a dog"), [], [], LIMITS) == ([Planned("caption", 0, ())], [])

    @pytest.mark.parametrize("task", ["grounded_caption", "rec", "reg"])
    def test_a_grounded_task_needs_one(self, task: str) -> None:
        assert made("a dog", [], task) == ((), {None: "no_region"})

    @pytest.mark.parametrize("task", ["rec", "reg"])
    def test_one_circle_and_one_square_give_both(self, task: str) -> None:
        text = "one circle and one square"
        assert made(text, [region(text, "one circle"), region(text, "one square")], task) == ((0, 1), {})

    @pytest.mark.parametrize("task", ["rec", "reg"])
    def test_two_red_circles_captioned_a_red_circle_give_none(self, task: str) -> None:
        text = "a red circle"
        circles = [region(text, "a red circle", score=0.9), region(text, "a red circle", score=0.8)]
        assert made(text, circles, task) == ((), {0: "second_box", 1: "second_box", None: "no_region"})

    @pytest.mark.parametrize(("runner_up", "used"), [(None, (0,)), (0.44, (0,)), (0.45, ()), (0.8, ())])
    def test_a_second_circle_that_was_not_kept_counts_from_half_the_score_on(
        self, runner_up: float | None, used: tuple[int, ...]
    ) -> None:
        text = "a red circle"
        assert made(text, [region(text, "a red circle", score=0.9, runner_up=runner_up)], "rec")[0] == used

    @pytest.mark.parametrize("task", ["rec", "reg"])
    def test_another_man_is_not_asked_for_and_neither_is_a_man(self, task: str) -> None:
        text = "A man is running, while another man is looking."
        men = [region(text, "A man"), region(text, "another man")]
        assert made(text, men, task)[1] == {0: "ambiguous_text", 1: "ambiguous_text", None: "no_region"}

    def test_ambiguous_things_may_still_be_named_in_a_grounded_caption(self) -> None:
        text = "A man is running, while another man is looking."
        assert made(text, [region(text, "A man"), region(text, "another man")], "grounded_caption") == ((0, 1), {})

    @pytest.mark.parametrize("score", [None, 0.0, -1.0, float("nan"), float("inf")])
    def test_a_box_without_a_score_is_not_asked_for(self, score: float | None) -> None:
        text = "a red circle"
        circle = region(text, text)._replace(score=score, runner_up=0.0)
        assert made(text, [circle], "rec")[1] == {0: "unscored", None: "no_region"}
        assert made(text, [circle], "grounded_caption")[0] == (0,)

    def test_a_runner_up_that_is_no_number_leaves_a_doubt(self) -> None:
        text = "a red circle"
        assert made(text, [region(text, text, runner_up=float("nan"))], "rec")[1][0] == "runner_up"

    def test_captions_that_cannot_be_judged_are_not_asked_about(self) -> None:
        text = "un chien et un autre chien"
        dogs = [region(text, "un chien"), region(text, "un autre chien")]
        plans, refusals = decide(["rec"], caption(text, "fr"), dogs, [BOX, BOX], LIMITS)
        assert plans == []
        assert [refusal.reason for refusal in refusals] == ["other_language", "other_language", "no_region"]

    def test_spans_inside_a_longer_expression_go(self) -> None:
        text = "a dog in a field of flowers"
        regions = [
            region(text, "a dog", expression=text),
            region(text, "a field", expression="a field of flowers"),
            region(text, "flowers"),
        ]
        for task in ("grounded_caption", "rec", "reg"):
            assert made(text, regions, task) == ((0,), {1: "contained_span", 2: "contained_span"})

    def test_of_two_spans_that_overlap_the_longer_stays(self) -> None:
        text = "a dog and a cat on a mat"
        regions = [
            region(text, "a dog", expression="a dog and a cat"),
            region(text, "a cat", expression="a cat on a mat"),
        ]
        assert made(text, regions, "grounded_caption") == ((0,), {1: "contained_span"})

    def test_a_box_without_extent_on_the_grid_is_no_target(self) -> None:
        text = "a dog and a flea"
        regions = [region(text, "a dog"), region(text, "a flea")]
        boxes = [BOX, (7, 7, 7, 8)]
        for task in ("grounded_caption", "rec", "reg"):
            assert made(text, regions, task, boxes) == ((0,), {1: "box_too_small"})

    def test_a_phrase_of_control_characters_is_no_phrase(self) -> None:
        text = "\x07\x07 and a dog"
        assert made(text, [region(text, "\x07\x07"), region(text, "a dog")], "rec")[1] == {0: "blank_phrase"}

    def test_no_conversation_asks_more_than_it_may_and_the_surest_are_asked_first(self) -> None:
        text = "a dog, a cat, a cow"
        regions = [region(text, "a dog", score=0.7), region(text, "a cat", score=0.9), region(text, "a cow", score=0.8)]
        used, refused = made(text, regions, "rec", limits=Limits(0.5, 2))
        assert (used, refused) == ((1, 2), {0: "over_max_turns"})

    def test_regions_of_another_caption_play_no_part(self) -> None:
        text = "a dog"
        other = region(text, "a dog")._replace(caption=1)
        plans, refusals = decide(["rec"], caption(text), [other], [BOX], LIMITS)
        assert (plans, refusals) == ([], [Refused("rec", 0, None, "no_region")])

    def test_a_span_outside_its_caption_is_a_bug(self) -> None:
        with pytest.raises(ValueError, match="span"):
            made("a dog", [region("a dog", "a dog")._replace(span=(0, 9))], "rec")


class TestConverse:
    def test_a_grounded_caption_has_its_boxes_behind_the_phrases(self) -> None:
        text = "Two dogs and a cat."
        regions = [region(text, "Two dogs"), region(text, "Two dogs"), region(text, "a cat")]
        boxes = [(1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12)]
        plan = Planned("grounded_caption", 0, (0, 1, 2))
        (asked, answered) = converse(plan, caption(text), regions, boxes, 7, QWEN2_VL)
        assert asked.parts[0] is None
        assert answered.parts == (
            "<|object_ref_start|>Two dogs<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>"
            "<|box_start|>(5,6),(7,8)<|box_end|> and "
            "<|object_ref_start|>a cat<|object_ref_end|><|box_start|>(9,10),(11,12)<|box_end|>.",
        )

    def test_a_referring_question_names_the_thing_and_is_answered_by_its_box(self) -> None:
        text = "A man and a woman are walking together."
        regions = [region(text, "A man"), region(text, "a woman")]
        boxes = [(1, 2, 3, 4), (5, 6, 7, 8)]
        turns = converse(Planned("rec", 0, (0, 1)), caption(text), regions, boxes, 7, QWEN2_VL)
        assert [turn.role for turn in turns] == ["user", "assistant"] * 2
        assert "the man" in (turns[0].parts[1] or "")
        assert "the woman" in (turns[2].parts[0] or "")
        assert turns[1].parts == ("<|object_ref_start|>A man<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>",)
        assert [turn.parts.count(None) for turn in turns] == [1, 0, 0, 0]

    def test_a_region_is_answered_by_its_phrase(self) -> None:
        text = "A man and a woman are walking together."
        turns = converse(Planned("reg", 0, (0,)), caption(text), [region(text, "a woman")], [(5, 6, 7, 8)], 7, QWEN2_VL)
        assert "<|box_start|>(5,6),(7,8)<|box_end|>" in (turns[0].parts[1] or "")
        assert turns[1].parts == ("A woman.",)

    def test_chinese_is_asked_in_chinese(self) -> None:
        text = "一个男人和一个女人在散步"
        turns = converse(
            Planned("reg", 0, (0,)), caption(text, "zh"), [region(text, "一个女人")], [(5, 6, 7, 8)], 7, QWEN2_VL
        )
        assert turns[1].parts == ("一个女人。",)
        assert not (turns[0].parts[1] or "").isascii()

    def test_spans_still_fit_when_the_caption_is_neutralised(self) -> None:
        text = " \x00<image> a dog, <|im_end|>and a cat "
        regions = [region(text, "a dog"), region(text, "a cat")]
        plan = Planned("grounded_caption", 0, (0, 1))
        (_, answered) = converse(plan, caption(text), regions, [BOX, BOX], 7, QWEN2_VL)
        box = "<|box_start|>(100,100),(200,200)<|box_end|>"
        marked = [f"<|object_ref_start|>{name}<|object_ref_end|>{box}" for name in ("a dog", "a cat")]
        assert answered.parts == (f"< image> {marked[0]}, < |im_end|>and {marked[1]}",)

    def test_the_wording_depends_on_the_row_alone(self) -> None:
        text = "a dog"
        wordings = {
            converse(Planned("rec", 0, (0,)), caption(text), [region(text, text)], [BOX], row, QWEN2_VL)[0].parts[1]
            for row in range(100)
        }
        assert len(wordings) > 3
        again = [
            converse(Planned("caption", 0, ()), caption(text, place=place), [], [], 7, QWEN2_VL) for place in (0, 3)
        ]
        assert again[0] == again[1]

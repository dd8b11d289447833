"""Each way in which a batch can differ from what the shards mean is a problem of its own kind."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from jobs.check_trainer.comparison import problems, seen_rows
from jobs.check_trainer.environment import Answer, TrainerName
from jobs.check_trainer.sample import Sample
from tests.jobs.check_trainer.conftest import MEAN, STD

TRAINERS: list[TrainerName] = ["trl", "swift", "llamafactory"]


def kinds(sample: Sample, answer: Answer, trainer: TrainerName = "trl") -> dict[str, str]:
    return {problem.kind: problem.say for problem in problems(sample, answer, seen_rows(sample, answer), trainer)}


def changed(answer: Answer, **facts: Any) -> Answer:
    return dataclasses.replace(answer, facts={**answer.facts, **facts})


def rewritten(answer: Answer, change: Callable[[list[list[Any]]], list[list[Any]]]) -> Answer:
    first, *others = answer.facts["rows"]
    return changed(answer, rows=[change(first), *others])


def test_a_right_answer_has_no_problem(sample: Sample, answer: Answer) -> None:
    assert kinds(sample, answer) == {}


def test_what_is_seen(sample: Sample, answer: Answer) -> None:
    first, second, third = seen_rows(sample, answer)
    (image,) = first.images
    assert (image.stored, image.seen, image.pinned) == ((400, 300), (252, 168), (252, 168))
    assert image.tokens == 252 * 168 // 784
    assert image.boxes == [((28.0, 28.0, 84.0, 112.0), "it")]
    assert first.loss == ['[{"bbox_2d": [28, 28, 84, 112], "label": "it"}]<|im_end|>']
    assert second.images[0].boxes == []
    assert third.images == []


@pytest.mark.parametrize("line_feed", ["", "\n"])
def test_a_line_feed_behind_the_last_mark_may_bear_loss_or_be_missing(
    sample: Sample, answer: Answer, line_feed: str
) -> None:
    def change(pieces: list[list[Any]]) -> list[list[Any]]:
        asked, (spoken, _), _ = pieces
        return [asked, [spoken + line_feed, True]]

    assert kinds(sample, rewritten(answer, change)) == {}


def test_another_text_is_a_problem(sample: Sample, answer: Answer) -> None:
    def change(pieces: list[list[Any]]) -> list[list[Any]]:
        return [[pieces[0][0].replace("helpful", "useful"), False], *pieces[1:]]

    found = kinds(sample, rewritten(answer, change))
    assert found.keys() == {"text"}
    assert "'useful assistant" in found["text"]
    assert "'helpful assistant" in found["text"]


@pytest.mark.parametrize(
    "change",
    [
        lambda pieces: [[text, False] for text, _ in pieces],
        lambda pieces: [[text, True] for text, _ in pieces],
        lambda pieces: [pieces[0], [pieces[1][0].removesuffix("<|im_end|>"), True], ["<|im_end|>\n", False]],
        lambda pieces: [[pieces[0][0], True], [pieces[1][0], False], pieces[2]],
    ],
    ids=["nowhere", "everywhere", "not on the mark", "on the question"],
)
def test_loss_elsewhere_is_a_problem(sample: Sample, answer: Answer, change: Callable[..., Any]) -> None:
    assert kinds(sample, rewritten(answer, change)).keys() == {"loss"}


@pytest.mark.parametrize("trainer", TRAINERS)
def test_another_budget_is_a_problem_even_where_no_image_tells(
    sample: Sample, answer: Answer, trainer: TrainerName
) -> None:
    found = kinds(sample, changed(answer, budget={"min_pixels": 3136, "max_pixels": 50_960}), trainer)
    assert found.keys() == {"budget"}
    assert "max_pixels in force is 50,960, and not the shards' 50,176" in found["budget"]
    assert {"trl": "from_pretrained", "swift": "MAX_PIXELS=50176", "llamafactory": "pin_processor"}[trainer] in (
        found["budget"]
    )


def test_shrinking_before_the_processor_is_a_problem(sample: Sample, answer: Answer) -> None:
    assert kinds(sample, changed(answer, pre_shrink=589_824), "llamafactory").keys() == {"budget"}
    assert kinds(sample, changed(answer, pre_shrink=10**12), "llamafactory") == {}


def test_another_size_is_a_problem(sample: Sample, answer: Answer) -> None:
    grid = answer.grid.copy()
    grid[0] = grid[0][[0, 2, 1]]  # as many patches, in another shape
    found = kinds(sample, dataclasses.replace(answer, grid=grid))
    assert "1 of 2 images are resized otherwise than pinned, as in row-0: 168 × 252 pixels" in found["grid"]
    assert found.keys() == {"grid", "pixels"}


def test_another_picture_is_a_problem(sample: Sample, answer: Answer) -> None:
    dark = np.tile(np.repeat((0 - np.array(MEAN)) / np.array(STD), 2 * 14 * 14), (len(answer.patches), 1))
    found = kinds(sample, dataclasses.replace(answer, patches=dark.astype(np.float32)))
    assert found.keys() == {"pixels"}
    assert "image 0 of row-0" in found["pixels"]


def test_other_image_files_are_a_problem(sample: Sample, answer: Answer) -> None:
    digests = [*answer.facts["image_digests"]]
    digests[1] = ["0" * 64]
    assert kinds(sample, changed(answer, image_digests=digests)).keys() == {"bytes"}


def test_a_row_or_an_image_that_is_missing_is_a_problem(sample: Sample, answer: Answer) -> None:
    fewer = changed(answer, rows=answer.facts["rows"][:2])
    assert "of 3 rows with 2 images, 2 rows with 2 images" in kinds(sample, fewer)["rows"]
    blind = dataclasses.replace(answer, grid=answer.grid[:1])
    assert "3 rows with 1 images" in kinds(sample, blind)["rows"]

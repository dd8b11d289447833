"""What each trainer hands to the model, from its own loader, template and collator: what the shards mean."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from jobs.check_trainer.environment import TrainerName
from tests.trainers.boxes import is_under_its_box
from tests.trainers.conftest import Checked
from tests.trainers.odd_pictures import odd_pictures
from tests.trainers.world import CONVERSATIONS, RETOLD

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("trainer", ["trl", "swift", "llamafactory"])]
Check = Callable[[TrainerName], Checked]
PAD = "<|image_pad|>"


@pytest.fixture(scope="session")
def stored(world: Path) -> dict[str, dict[str, Any]]:
    """The shard's rows by id."""
    rows = pq.read_table(world / "data/train-00000-of-00001.parquet").to_pylist()
    return {row["id"]: row for row in rows}


def kinds(checked: Checked) -> Iterator[tuple[str, str]]:
    """The odd pictures and the ids of their samples, which come first and in order."""
    yield from zip(odd_pictures(), checked.rows, strict=False)


def test_the_check_has_nothing_to_say(trainer: TrainerName, checked: Check) -> None:
    assert checked(trainer).problems == []


def test_every_row_comes_once_and_in_order(
    trainer: TrainerName, checked: Check, stored: dict[str, dict[str, Any]]
) -> None:
    rows = checked(trainer).rows
    assert list(rows) == list(stored)
    assert [len(row.images) for row in rows.values()] == [len(row["images"]) for row in stored.values()]


def test_loss_lies_on_the_answers_and_the_marks_that_end_them(
    trainer: TrainerName, checked: Check, stored: dict[str, dict[str, Any]]
) -> None:
    line_feed = {"trl": "", "swift": "\n", "llamafactory": "\n"}[trainer]  # after the mark, of no meaning to the model
    for row in checked(trainer).rows.values():
        turns = [turn for turn in stored[row.id]["messages_tagged"] if turn["role"] == "assistant"]
        assert row.loss == [turn["content"] + "<|im_end|>" + line_feed for turn in turns]


def test_a_text_is_the_turns_and_nothing_else(trainer: TrainerName, checked: Check) -> None:
    rows = checked(trainer).rows
    system = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    assert rows["text alone"].text.rstrip("\n") == (
        f"{system}<|im_start|>user\nWhat is 2 + 2?<|im_end|>\n<|im_start|>assistant\n4<|im_end|>"
    )
    assert rows["system turn"].text.startswith("<|im_start|>system\nYou are terse.<|im_end|>\n<|im_start|>user\n")
    images = [f"<|vision_start|>{PAD * image.tokens}<|vision_end|>" for image in rows["two images"].images]
    assert f"Compare {images[0]} with {images[1]}.<|im_end|>" in rows["two images"].text
    assert "<|vision_end|>\n\n  What?  \n<|im_end|>" in rows["white space"].text
    assert rows["several answers"].text.count("<|im_start|>assistant\n") == 3


def test_image_files_are_those_of_the_shard(trainer: TrainerName, checked: Check) -> None:
    seen = checked(trainer)
    assert seen.answer.facts["image_digests"] == seen.sample.digests
    by_hand = sum(len(size) for _, size in CONVERSATIONS.values())
    assert sum(map(len, seen.sample.digests)) == len(odd_pictures()) + by_hand + RETOLD


def test_images_have_the_size_and_the_tokens_that_the_shard_states(
    trainer: TrainerName, checked: Check, stored: dict[str, dict[str, Any]]
) -> None:
    rows = checked(trainer).rows.values()
    assert {image.seen == image.pinned for row in rows for image in row.images} == {True}
    assert any(image.stored[0] * image.stored[1] > 200_704 for row in rows for image in row.images)
    for row in rows:
        tokens = stored[row.id]["n_image_tokens"]
        if tokens is not None:
            assert row.text.count(PAD) == tokens


@pytest.mark.parametrize("kind", list(odd_pictures()))
def test_a_rectangle_lies_under_its_box(trainer: TrainerName, checked: Check, kind: str) -> None:
    seen = checked(trainer)
    (image,) = seen.rows[dict(kinds(seen))[kind]].images
    ((_, label),) = image.boxes
    assert label == "a dark square"
    assert is_under_its_box(image)

"""What the trainer's batch holds, against what the shards mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from jobs.check_trainer.advice import LOSS, TEMPLATE, how_to_pin
from jobs.check_trainer.environment import Answer, TrainerName
from jobs.check_trainer.pictures import Drawn, Pixels, difference, pictures
from jobs.check_trainer.sample import Sample, decoded
from pipelines.chatml.conversation import Conversation
from pipelines.chatml.dialects.smart_resize import MIN_PIXELS

Kind = Literal["rows", "bytes", "budget", "grid", "pixels", "text", "loss"]

_SAME_PICTURE = 12.0
"""Levels, of 255, that a picture may differ from itself resized by another library: noise comes to about half."""
_NO_SHRINKING = 10**9
"""Pixels: a limit from here on shrinks no image that anybody decodes."""
_ABSOLUTE = ("qwen2_5_vl",)
"""Dialects whose coordinates are pixels of what the processor makes, whatever that is."""


class Problem(NamedTuple):
    """A way in which the trainer does not do what the shards mean."""

    kind: Kind
    say: str


@dataclass(frozen=True)
class SeenImage:
    """An image as the model would get it. Sizes are (width, height) in pixels."""

    stored: tuple[int, int]
    seen: tuple[int, int]
    pinned: tuple[int, int]
    tokens: int
    difference: float
    pixels: Pixels
    boxes: list[Drawn]


@dataclass(frozen=True)
class SeenRow:
    """A sample as the model would get it."""

    id: str
    task: str
    text: str
    loss: list[str]
    """The pieces of the text that bear loss."""
    images: list[SeenImage]


def seen_rows(sample: Sample, answer: Answer) -> list[SeenRow]:
    """The batch, row by row. Rows and images that the trainer did not give are left out."""
    seen = iter(zip(pictures(answer.patches, answer.grid, answer.facts), answer.grid.tolist(), strict=True))
    merged = answer.facts["merge"] ** 2
    rows = []
    for row, conversation, pieces in zip(
        sample.rows.to_pylist(), sample.conversations, answer.facts["rows"], strict=False
    ):
        images = []
        for number, (stored, (pixels, grid)) in enumerate(zip(row["images"], seen, strict=False)):
            picture = decoded(stored["bytes"])
            pinned = _pinned(sample, picture.size, len(row["images"]))
            size = (pixels.shape[1], pixels.shape[0])
            found = difference(pixels, picture)
            boxes = _boxes(sample, row, conversation, number, picture.size, size, pinned)
            tokens = grid[1] * grid[2] // merged
            images.append(SeenImage(picture.size, size, pinned, tokens, found, pixels, boxes))
        text = "".join(text for text, _ in pieces)
        rows.append(SeenRow(row["id"], row["task"], text, [text for text, loss in pieces if loss], images))
    return rows


def problems(sample: Sample, answer: Answer, rows: Sequence[SeenRow], trainer: TrainerName) -> list[Problem]:
    """All that is wrong with the batch, each kind once, with what to set."""
    budget = _budget(sample, answer, trainer)
    found = [
        _rows(sample, answer, rows),
        _bytes(sample, answer),
        budget,
        _grid(rows, "" if budget else how_to_pin(trainer, sample.budget.max_pixels)),
        _pixels(rows),
        *_texts(sample, rows, trainer),
    ]
    return [problem for problem in found if problem is not None]


def _pinned(sample: Sample, size: tuple[int, int], n_images: int) -> tuple[int, int]:
    width, height = (np.array([side], np.int64) for side in size)
    resized = sample.dialect.resized(width, height, sample.dialect.budget_each(sample.budget, n_images))
    if resized is None:
        raise ValueError(f"the {sample.dialect.name} dialect pins no size")
    return int(resized[0][0]), int(resized[1][0])


def _boxes(
    sample: Sample,
    row: dict[str, Any],
    conversation: Conversation,
    number: int,
    stored: tuple[int, int],
    seen: tuple[int, int],
    pinned: tuple[int, int],
) -> list[Drawn]:
    """Boxes of an image where the model would take them to be: from the texts, or, where these hold none, `regions`."""
    frame = pinned if sample.dialect.name in _ABSOLUTE else seen
    boxes = []
    if len(row["images"]) == 1:  # a text does not say which of several images it speaks of
        width, height = (np.array([side], np.int64) for side in stored)
        for turn in conversation:
            for found in sample.dialect.read("".join(part or "" for part in turn.parts)):
                for one in found.coordinates if found.kind == "box" else ():
                    fractions = sample.dialect.from_grid(np.array([one], np.int64), width, height, sample.budget)[0]
                    x1, y1, x2, y2 = (fractions * np.array([*frame, *frame])).tolist()
                    boxes.append(Drawn((x1, y1, x2, y2), found.label))
    if boxes:
        return boxes
    scale = seen[0] / stored[0], seen[1] / stored[1]
    for region in row["regions"]:
        if region["image_index"] == number:
            x1, y1, x2, y2 = (side * scale[axis % 2] for axis, side in enumerate(region["bbox"]))
            boxes.append(Drawn((x1, y1, x2, y2), region["label"]))
    return boxes


def _rows(sample: Sample, answer: Answer, rows: Sequence[SeenRow]) -> Problem | None:
    given, images = len(answer.facts["rows"]), sum(len(row.images) for row in rows)
    expected = sum(map(len, sample.digests))
    if given == sample.rows.num_rows and images == expected:
        return None
    return Problem(
        "rows",
        f"of {sample.rows.num_rows} rows with {expected} images, {given} rows with {images} images reached the batch: "
        "the trainer leaves out, cuts or joins samples. Let max_length or cutoff_len be larger, and packing be off.",
    )


def _bytes(sample: Sample, answer: Answer) -> Problem | None:
    if sample.digests == answer.facts["image_digests"]:
        return None
    return Problem(
        "bytes",
        "the loader gives other image files than the shard holds: it decodes and encodes them again. Load the Parquet "
        "files themselves, as the kit does, and not the folder, whose README.md asks for decoded images.",
    )


def _budget(sample: Sample, answer: Answer, trainer: TrainerName) -> Problem | None:
    """Whether the settings are right, for the sample may hold no image that tells."""
    pinned = {"min_pixels": MIN_PIXELS, "max_pixels": sample.budget.max_pixels}
    found, shrinks = answer.facts["budget"], answer.facts.get("pre_shrink")
    wrong = [
        f"{name} in force is {found[name]:,}, and not the shards' {pinned[name]:,}"
        for name in pinned
        if found[name] != pinned[name]
    ]
    if shrinks is not None and shrinks < _NO_SHRINKING:
        wrong.append(f"images over {shrinks:,} pixels are shrunk before the processor sees them")
    return Problem("budget", f"{'; '.join(wrong)}. {how_to_pin(trainer, sample.budget.max_pixels)}") if wrong else None


def _grid(rows: Sequence[SeenRow], advice: str) -> Problem | None:
    images = [(row, image) for row in rows for image in row.images]
    wrong = [(row, image) for row, image in images if image.seen != image.pinned]
    if not wrong:
        return None
    row, image = wrong[0]
    sizes = " × ".join(map(str, image.seen)), " × ".join(map(str, image.pinned))
    return Problem(
        "grid",
        f"{len(wrong)} of {len(images)} images are resized otherwise than pinned, as in {row.id}: {sizes[0]} pixels, "
        f"and not {sizes[1]}. {advice}".rstrip(),
    )


def _pixels(rows: Sequence[SeenRow]) -> Problem | None:
    for row in rows:
        for number, image in enumerate(row.images):
            if image.difference > _SAME_PICTURE:
                return Problem(
                    "pixels",
                    f"image {number} of {row.id} does not show what is stored: the pixels differ by "
                    f"{image.difference:.0f} levels of 255 on average. It may be turned, or another row's.",
                )
    return None


def _texts(sample: Sample, rows: Sequence[SeenRow], trainer: TrainerName) -> list[Problem | None]:
    """Text and loss against the dialect's template, image tokens counted as they came."""
    text: Problem | None = None
    loss: Problem | None = None
    for row, conversation in zip(rows, sample.conversations, strict=False):
        if sum(part is None for turn in conversation for part in turn.parts) != len(row.images):
            continue  # said already
        meant = sample.dialect.training_text(conversation, [image.tokens for image in row.images])
        if text is None and row.text not in (meant.text, meant.text.removesuffix("\n")):
            at = next(
                (n for n, (a, b) in enumerate(zip(row.text, meant.text, strict=False)) if a != b), len(meant.text)
            )
            text = Problem(
                "text",
                f"{row.id} is not written as the {sample.dialect.name} dialect writes it: from character {at} on, "
                f"{row.text[at : at + 60]!r} instead of {meant.text[at : at + 60]!r}. {TEMPLATE[trainer]}",
            )
        answers = [meant.text[start:end] for start, end in meant.loss]
        # a line feed behind the mark that ends an answer belongs to it in some trainers, and to nothing in others
        if loss is None and [piece.removesuffix("\n") for piece in row.loss] != answers:
            loss = Problem(
                "loss",
                f"loss does not lie on the answers and the marks that end them in {row.id}: it lies on "
                f"{[_short(piece) for piece in row.loss]}, and not on {[_short(answer) for answer in answers]}. "
                f"{LOSS[trainer]}",
            )
    return [text, loss]


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:40]} … {text[-30:]}"

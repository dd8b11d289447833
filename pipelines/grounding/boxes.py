"""From what a detector offers to the boxes of a caption's phrases. Pure, over arrays.

GRIT (Kosmos-2 §2) asks for a score over a threshold and for non-maximum suppression across the noun chunks of a
caption; its IoU is unpublished, 0.6 is ours. Boxes are ``x1 y1 x2 y2`` as fractions of the canonical image.
"""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipelines.stage import SPEC

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Span = tuple[int, int]


class Candidates(NamedTuple):
    """Boxes that a detector offers for the phrases of one text: one entry for each pair of box and phrase."""

    boxes: Floats
    """shape (n, 4), fractions of the image; a detector may overshoot its edges"""
    scores: Floats
    """shape (n,), 0–1"""
    phrases: Ints
    """shape (n,): which phrase it is a box of"""

    @staticmethod
    def none() -> "Candidates":
        """No box at all."""
        return Candidates(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))

    def take(self, which: Ints | Bools) -> "Candidates":
        """Those at the places given, in that order, or those that are marked."""
        return Candidates(self.boxes[which], self.scores[which], self.phrases[which])


@dataclass(frozen=True, kw_only=True, config=SPEC)
class BoxRules:
    """Which of a detector's boxes are taken. All bounds are ours but those that say otherwise."""

    nms_iou: Annotated[float, Field(gt=0, le=1)] = 0.6
    """of two boxes of a caption that overlap by more than this, whatever their phrases, the better one stays"""
    min_side: Annotated[float, Field(ge=0)] = 2.0
    """pixels of the shorter side"""
    min_area: Annotated[float, Field(ge=0, le=1)] = 0.0
    """share of the image"""
    max_area: Annotated[float | None, Field(gt=0, le=1)] = None
    """share of the image above which a box says nothing: 0.95 is usual; null takes boxes of any size"""


class Chosen(NamedTuple):
    """The boxes that are taken, in the order of their phrases and, within one, of their scores."""

    boxes: Floats
    scores: Floats
    phrases: Ints
    runner_up: Floats
    """score of the phrase's best box elsewhere, taken or not; 0 where the detector offers none"""


def choose(found: Candidates, threshold: float, rules: BoxRules, width: int, height: int) -> Chosen:
    """The boxes of a caption's phrases in an image of `width` × `height` pixels.

    A score must be over `threshold`: one that equals it is refused. `runner_up` is judged on everything that the
    detector offers, for a box just under the threshold makes a phrase as doubtful as one just over it.
    """
    found = clipped(found)
    found = found.take(is_valid(found.boxes, rules, width, height))
    over = found.take(found.scores > threshold)
    kept = over.take(suppress(over.boxes, over.scores, rules.nms_iou))
    kept = kept.take(np.lexsort((-kept.scores, kept.phrases)))
    return Chosen(*kept, runner_up(kept, found, rules.nms_iou))


def clipped(found: Candidates) -> Candidates:
    """Boxes cut at the image's edge; those with a number that is none are left out."""
    sound = np.isfinite(found.boxes).all(1) & np.isfinite(found.scores)
    found = found.take(sound)
    return found._replace(boxes=found.boxes.clip(0.0, 1.0))


def is_valid(boxes: Floats, rules: BoxRules, width: int, height: int) -> Bools:
    """Which boxes have the extent that `rules` ask for."""
    sides = boxes[:, 2:] - boxes[:, :2]
    area = sides.prod(1)
    # a box without extent is none, whatever the recipe says
    enough: Bools = (sides > 0).all(1) & (sides * (width, height) >= rules.min_side).all(1) & (area >= rules.min_area)
    return enough if rules.max_area is None else enough & (area <= rules.max_area)


def overlaps(first: Floats, second: Floats) -> Floats:
    """Intersection over union of each of `first` with each of `second`, shape (n, m); 0 where both are empty."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = (high - low).clip(0).prod(2)
    area_first, area_second = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (first, second))
    union = area_first[:, None] + area_second[None, :] - common
    shares: Floats = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    return shares


def suppress(boxes: Floats, scores: Floats, iou: float) -> Ints:
    """Non-maximum suppression: places of the boxes that stay, best first; of equal scores the first comes first.

    A box goes when it overlaps one that stays by more than `iou`.
    """
    order = np.argsort(-scores, kind="stable")
    near = overlaps(boxes[order], boxes[order]) > iou
    alive = np.ones(len(order), np.bool_)
    for at in range(len(order)):
        if alive[at]:
            alive[at + 1 :] &= ~near[at, at + 1 :]
    return order[alive].astype(np.int64)


def runner_up(kept: Candidates, found: Candidates, iou: float) -> Floats:
    """For each kept box the best score among boxes of its phrase that lie elsewhere: that overlap it by `iou` or less.

    A second box around the same thing is no rival.
    """
    rivals = (kept.phrases[:, None] == found.phrases[None, :]) & (overlaps(kept.boxes, found.boxes) <= iou)
    scores = np.broadcast_to(found.scores, rivals.shape)
    best: Floats = np.max(scores, axis=1, where=rivals, initial=0.0)
    return best


def unnested(spans: Sequence[Span]) -> set[Span]:
    """Qwen-VL's rule over labels: greedily the most spans of a text of which none lies inside another.

    It is about words, not about places: the box of a hat stays inside that of its man. The shortest spans are taken
    first, which for phrases that lie within or beside each other gives as many as there can be.
    """
    taken: list[Span] = []
    for start, end in sorted(set(spans), key=lambda span: (span[1] - span[0], span)):
        if not any(start <= other_start and other_end <= end for other_start, other_end in taken):
            taken.append((start, end))
    return set(taken)

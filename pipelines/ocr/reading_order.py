"""The order in which the lines of an image are read.

Lines are first put together that run the same way, within 45° of each other; of several such groups the one with most
characters is read first. A group is turned level by the median of its angles, so that a page that lies on its side, on
its head or a little askew is read by its own axes. Level lines go through `pipelines.ocr.cuts`: rows from the top,
columns from the left. Vertical columns of upright characters are read from the right: among themselves they are
turned by a quarter, so that columns are to them what rows are to others; among level lines what hangs together of
them is one box.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipelines.ocr.cuts import blocks_in_order
from pipelines.ocr.quads import Bools, Floats, along, down

_TALL = 1.5
"""Height over width from which a quad of two characters or more is a vertical column; PaddleOCR's bound (its
`get_rotate_crop_image`)."""
_SAME_WAY = np.radians(45.0)
_HANGING_TOGETHER = 1.5
"""Widths of a vertical column between two that belong together."""
_COLUMNS_APART = 1.2
"""Widths of a vertical column between two of different paragraphs: they are set wider than rows are."""

Places = npt.NDArray[np.int64]


def reading_order(quads: Floats, characters: Sequence[int]) -> list[list[int]]:
    """Where the lines stand that are read first, and so on, in blocks; every line is in one block, once.

    `quads` are (n, 4, 2) in pixels, `characters` says how many each line has. Blocks are columns and paragraphs. The
    order of the lines bears on nothing, save where lines have the same quad.
    """
    if not len(quads):
        return []
    given = np.lexsort(quads.reshape(-1, 8).T[::-1])
    quads, counts = quads[given], np.asarray(characters, np.float64)[given]
    found = []
    for group, angle in _groups(quads, counts):
        boxes = _level(quads[group], angle)
        blocks = _in_order(boxes, _vertical(quads[group], counts[group]))
        found += [given[group[block]].tolist() for block in blocks]
    return found


def _groups(quads: Floats, counts: Floats) -> list[tuple[Places, float]]:
    """Lines that run the same way and their angle to the level, most characters first."""
    across, downward = along(quads), down(quads)
    width, height = np.linalg.norm(across, axis=1), np.linalg.norm(downward, axis=1)
    # the longer side tells the angle best
    way = np.where((width >= height)[:, None], across, downward[:, ::-1] * (1, -1))
    angles, lengths = np.arctan2(way[:, 1], way[:, 0]), np.maximum(width, height)
    weights, left, found = np.maximum(counts, 1), np.arange(len(quads)), []
    while len(left):
        apart = _turn(angles[left][:, None] - angles[left])
        near = np.abs(apart) <= _SAME_WAY
        best = int((near * weights[left]).sum(1).argmax())
        chosen = left[near[best]]
        turn = _weighted_median(_turn(angles[chosen] - angles[left[best]]), lengths[chosen])
        found.append((chosen, float(angles[left[best]] + turn)))
        left = left[~near[best]]
    return found


def _turn(angles: Floats) -> Floats:
    """The same angles between -π and π."""
    turned: Floats = np.mod(angles + np.pi, 2 * np.pi) - np.pi
    return turned


def _weighted_median(numbers: Floats, weights: Floats) -> float:
    order = np.argsort(numbers, kind="stable")
    total = np.cumsum(weights[order])
    return float(numbers[order][min(np.searchsorted(total, total[-1] / 2), len(numbers) - 1)])


def _level(quads: Floats, angle: float) -> Floats:
    """The boxes around quads after a turn by -`angle`, (n, 4)."""
    cos, sin = np.cos(angle), np.sin(angle)
    turned = np.stack([quads[..., 0] * cos + quads[..., 1] * sin, quads[..., 1] * cos - quads[..., 0] * sin], -1)
    boxes: Floats = np.concatenate([turned.min(1), turned.max(1)], 1)
    return boxes


def _vertical(quads: Floats, counts: Floats) -> Bools:
    """Which are vertical columns; a lone character is what most characters of the others are."""
    width, height = np.linalg.norm(along(quads), axis=1), np.linalg.norm(down(quads), axis=1)
    several = counts > 1
    tall = several & (height >= _TALL * width)
    lone_too = counts[tall].sum() > counts[several & ~tall].sum()
    vertical: Bools = tall | (~several & lone_too)
    return vertical


def _in_order(boxes: Floats, vertical: Bools) -> list[list[int]]:
    """Level boxes in blocks in reading order."""
    if vertical.all():
        return blocks_in_order(boxes[:, [1, 2, 3, 0]] * (1, -1, 1, -1), _COLUMNS_APART)
    clusters = _clusters(boxes, vertical)
    units = [[at] for at in np.flatnonzero(~vertical).tolist()] + clusters
    around = np.array([[*boxes[unit, :2].min(0), *boxes[unit, 2:].max(0)] for unit in units])
    found: list[list[int]] = []
    for block in blocks_in_order(around):
        level: list[int] = []
        for unit in (units[number] for number in block):
            if not vertical[unit[0]]:
                level += unit
                continue
            found += [level] if level else []
            level = []
            found += [[unit[at] for at in inner] for inner in _in_order(boxes[unit], vertical[unit])]
        found += [level] if level else []
    return found


def _clusters(boxes: Floats, vertical: Bools) -> list[list[int]]:
    """Vertical columns that are read on end: all of them, or those close together where level lines are in between."""
    tall = np.flatnonzero(vertical)
    if not len(tall):
        return []
    middles = (boxes[~vertical, :2] + boxes[~vertical, 2:]) / 2
    low, high = boxes[tall, :2].min(0), boxes[tall, 2:].max(0)
    if not ((middles > low) & (middles < high)).all(1).any():
        return [tall.tolist()]
    reach = _HANGING_TOGETHER * np.median(boxes[tall, 2] - boxes[tall, 0])
    one, other = boxes[tall][:, None], boxes[tall][None]
    near = ((one[..., :2] <= other[..., 2:] + reach / 2) & (other[..., :2] <= one[..., 2:] + reach / 2)).all(-1)
    cluster = np.arange(len(tall))
    for first, second in np.argwhere(np.triu(near, 1)):
        cluster[cluster == cluster[second]] = cluster[first]
    return [tall[cluster == number].tolist() for number in np.unique(cluster)]

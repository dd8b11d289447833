"""From fractions of an image to the whole numbers of a grid."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from pipelines.chatml.dialects.protocol import Floats, Ints

FLOAT32_ERROR = 4e-8
"""Fractions are stored as float32, which is off by up to 2⁻²⁵ (3e-8) below 1; a little more is forgiven."""


def on_scale(fractions: Floats, steps: Ints | int) -> Floats:
    """Fractions times `steps`, with the halves and whole numbers that float32 blurred.

    123/640 of 640 pixels comes out as 123 and not as 122.999996, so that it can be floored, and a tie is a tie again.
    What is nearer than `FLOAT32_ERROR` · steps to a whole number or a half becomes it. Fractions out of 0–1 are
    clamped; NaN counts as 0.
    """
    within = np.clip(np.nan_to_num(np.asarray(fractions, np.float64), nan=0.0), 0.0, 1.0)
    scaled = within * steps
    halves = np.rint(2 * scaled) / 2
    return np.where(np.abs(scaled - halves) <= FLOAT32_ERROR * np.asarray(steps), halves, scaled)


def thousandths(fractions: Floats) -> Ints:
    """Fractions · 1000, floored, 0–999."""
    grid: Ints = np.minimum(np.floor(on_scale(fractions, 1000)), 999).astype(np.int64)
    return grid


def kind_of(coordinates: Sequence[Sequence[int]]) -> Literal["box", "quad"]:
    """Whether `coordinates` are boxes (4 numbers each) or quads (8).

    Raises ValueError: there are none, they are mixed or of another length, or one is negative.
    """
    lengths = {len(one) for one in coordinates}
    if lengths not in ({4}, {8}):
        raise ValueError(f"boxes have 4 coordinates and quads 8, one kind at a time; these have {sorted(lengths)}")
    if any(number < 0 for one in coordinates for number in one):
        raise ValueError(f"a coordinate on a grid is negative: {coordinates}")
    return "box" if lengths == {4} else "quad"


def by_axis(width: Ints, height: Ints, n_coordinates: int) -> Ints:
    """Widths and heights of shape (n,) as they belong to x and y by turns: shape (n, n_coordinates)."""
    return np.tile(np.stack([width, height], axis=-1), n_coordinates // 2)

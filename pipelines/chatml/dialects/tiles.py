"""How InternVL cuts an image: the grid of square tiles whose shape comes nearest to the image's."""

from functools import lru_cache

import numpy as np

from pipelines.chatml.dialects.protocol import Bools, Floats, Ints

TILE = 448
"""Side of a tile, in pixels."""
MAX_TILES = 12
"""As in training (InternVL 1.5, §3.3)."""
MOST_TILES = 128
"""Three times what any InternVL was tested with; a larger number was meant as something else."""

_BATCH = 1 << 15


def tile_grid(width: Ints, height: Ints, max_tiles: int = MAX_TILES) -> tuple[Ints, Ints]:
    """(columns, rows) that each image is cut into; arrays of shape (n,), sides ≥ 1.

    Of all grids of up to `max_tiles` tiles, smaller ones first, the one wins whose columns/rows differ least from
    width/height. On an exact tie, a larger grid wins if the image covers more than half of its pixels (InternVL 1.5,
    §3.2, and its published code, whose arithmetic this is). The order of grids of one size is of no account: no two
    of them are ever the nearest at once, up to `MOST_TILES`.
    """
    w, h = np.asarray(width, np.float64), np.asarray(height, np.float64)
    columns, rows = np.empty(w.shape, np.int64), np.empty(w.shape, np.int64)
    for start in range(0, len(w), _BATCH):  # small enough for the cache
        at = slice(start, start + _BATCH)
        columns[at], rows[at] = _nearest(w[at] / h[at], w[at] * h[at], max_tiles)
    return columns, rows


def _nearest(ratio: Floats, area: Floats, max_tiles: int) -> tuple[Ints, Ints]:
    grids = _grids(max_tiles)
    least = np.full(ratio.shape, np.inf)
    best = np.zeros(ratio.shape, np.intp)
    for place, (columns, rows) in enumerate(grids):
        difference = np.abs(ratio - columns / rows)
        tie: Bools = (difference == least) & (area > 0.5 * TILE * TILE * columns * rows)
        best[(difference < least) | tie] = place
        np.minimum(least, difference, out=least)
    chosen = np.array(grids, np.int64)[best]
    return chosen[:, 0], chosen[:, 1]


@lru_cache
def _grids(max_tiles: int) -> tuple[tuple[int, int], ...]:
    """(columns, rows) of at most so many tiles, smaller grids first."""
    grids = [(columns, rows) for columns in range(1, max_tiles + 1) for rows in range(1, max_tiles // columns + 1)]
    return tuple(sorted(grids, key=lambda grid: (grid[0] * grid[1], grid)))

"""What an image costs: many sizes at once agree with the published rules for one, written here image by image."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.chatml.dialects.smart_resize import (
    MAX_PIXELS,
    MIN_PIXELS,
    QWEN2_FACTOR,
    smart_resize,
    too_long,
)
from pipelines.chatml.dialects.tiles import TILE, tile_grid

LARGE = 12_845_056
SIDES = st.one_of(st.integers(1, 300), st.integers(1, 20_000), st.integers(1, 400).map(lambda half: 14 * half))
SIZES = st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=40)


def resized_one(width: int, height: int, factor: int, min_pixels: int, max_pixels: int) -> tuple[int, int]:
    """The rule of Qwen2-VL's processor for one image, in Python's own arithmetic: (width, height)."""
    sides = (width, height)
    near = [round(side / factor) * factor for side in sides]
    if near[0] * near[1] > max_pixels:
        beta = math.sqrt((height * width) / max_pixels)
        near = [max(factor, math.floor(side / beta / factor) * factor) for side in sides]
    elif near[0] * near[1] < min_pixels:
        beta = math.sqrt(min_pixels / (height * width))
        near = [math.ceil(side * beta / factor) * factor for side in sides]
    return near[0], near[1]


def tiled_one(width: int, height: int, max_tiles: int) -> tuple[int, int]:
    """The rule of InternVL 1.5 for one image, walking the grids from small to large: (columns, rows)."""
    every = [(i, j) for i in range(1, max_tiles + 1) for j in range(1, max_tiles + 1) if i * j <= max_tiles]
    every.sort(key=math.prod)
    best, least = (1, 1), math.inf
    for i, j in every:
        off = abs(width / height - i / j)
        if off < least:
            best, least = (i, j), off
        elif off == least and width * height > 0.5 * 448 * 448 * i * j:
            best = (i, j)
    return best


def random_sizes(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Half ordinary photographs, half anything up to panoramas."""
    random = np.random.default_rng(seed)
    ordinary = random.integers(100, 5000, (n // 2, 2))
    wild = np.exp(random.uniform(0, math.log(20_000), (n - n // 2, 2))).astype(np.int64)
    width, height = np.concatenate([ordinary, wild]).T
    return width, height


@pytest.mark.parametrize(
    ("factor", "min_pixels", "max_pixels"),
    [
        (QWEN2_FACTOR, MIN_PIXELS, MAX_PIXELS),
        (QWEN2_FACTOR, MIN_PIXELS, LARGE),
        (QWEN2_FACTOR, 256 * 28 * 28, 512 * 28 * 28),
        (32, 4 * 32 * 32, 16_384 * 32 * 32),  # Qwen3-VL: patches of 16 × 16, merged 2 × 2
    ],
)
def test_smart_resize_agrees_with_the_published_rule(factor: int, min_pixels: int, max_pixels: int) -> None:
    width, height = random_sizes(3000, seed=1)
    fit = ~too_long(width, height)
    width, height = width[fit], height[fit]
    found = smart_resize(width, height, factor=factor, min_pixels=min_pixels, max_pixels=max_pixels)
    expected = [
        resized_one(w, h, factor, min_pixels, max_pixels) for w, h in zip(width.tolist(), height.tolist(), strict=True)
    ]
    assert len(expected) > 2000
    assert np.stack(found, axis=1).tolist() == [list(size) for size in expected]


@given(sizes=SIZES, max_pixels=st.one_of(st.sampled_from([MIN_PIXELS, MAX_PIXELS, LARGE]), st.integers(3136, LARGE)))
def test_smart_resize_agrees_at_any_size_and_budget(sizes: list[tuple[int, int]], max_pixels: int) -> None:
    width, height = np.array(sizes).T
    found = smart_resize(width, height, max_pixels=max_pixels)
    assert list(zip(*(sides.tolist() for sides in found), strict=True)) == [
        resized_one(w, h, 28, MIN_PIXELS, max_pixels) for w, h in sizes
    ]
    assert all((sides % 28 == 0).all() and (sides >= 28).all() for sides in found)


def test_more_than_200_to_1_is_too_long() -> None:
    assert too_long(np.array([2000, 2001, 10, 10]), np.array([10, 10, 2000, 2001])).tolist() == [
        False,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize("max_tiles", [1, 2, 6, 12, 24, 40])
def test_tiling_agrees_with_the_published_rule(max_tiles: int) -> None:
    width, height = random_sizes(2400, seed=max_tiles)
    # sides in small ratios, where ties are
    whole = np.random.default_rng(max_tiles).integers(1, 13, (600, 3))
    width = np.concatenate([width, whole[:, 0] * 50 * whole[:, 2]])
    height = np.concatenate([height, whole[:, 1] * 50 * whole[:, 2]])
    columns, rows = tile_grid(width, height, max_tiles)
    assert list(zip(columns.tolist(), rows.tolist(), strict=True)) == [
        tiled_one(w, h, max_tiles) for w, h in zip(width.tolist(), height.tolist(), strict=True)
    ]


@given(sizes=SIZES, max_tiles=st.integers(1, 40))
def test_tiling_agrees_at_any_size(sizes: list[tuple[int, int]], max_tiles: int) -> None:
    width, height = np.array(sizes).T
    columns, rows = tile_grid(width, height, max_tiles)
    assert list(zip(columns.tolist(), rows.tolist(), strict=True)) == [tiled_one(w, h, max_tiles) for w, h in sizes]
    assert ((columns * rows >= 1) & (columns * rows <= max_tiles)).all()


def test_many_images_are_tiled_as_few_are() -> None:
    width, height = random_sizes(100_000, seed=7)
    everything = np.stack(tile_grid(width, height))
    some = slice(32_700, 32_800)  # across the border of a batch
    assert np.array_equal(everything[:, some], np.stack(tile_grid(width[some], height[some])))


def test_no_image_is_no_tile() -> None:
    none = np.array([], np.int64)
    assert [len(sides) for sides in (*tile_grid(none, none), *smart_resize(none, none))] == [0, 0, 0, 0]


def tied_neighbours(max_tiles: int) -> list[tuple[float, float]]:
    """Neighbouring ratios of columns to rows that two grids of one size have."""
    sizes: dict[float, set[int]] = {}
    for i in range(1, max_tiles + 1):
        for j in range(1, max_tiles // i + 1):
            sizes.setdefault(i / j, set()).add(i * j)
    ratios = sorted(sizes)
    return [(a, b) for a, b in pairwise(ratios) if sizes[a] & sizes[b]]


def test_the_order_of_grids_of_one_size_never_matters() -> None:
    """The published code leaves it to the order of a Python set."""
    assert [tied_neighbours(max_tiles) for max_tiles in range(1, 129)] == [[]] * 128


def test_a_tile_is_448_pixels() -> None:
    assert TILE == 448

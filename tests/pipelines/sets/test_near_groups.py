"""Groups of near duplicates: exactly those that comparing every pair gives, for any hashes, distance and way to it."""

import io
import tracemalloc
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from pipelines.pull.signals import at_working_size, perceptual_hash
from pipelines.sets.near_groups import components, counted, near_groups

Hashes = NDArray[np.uint64]

HASH = st.integers(0, 2**64 - 1)
FLIPS = st.sets(st.integers(0, 63), max_size=9).map(lambda bits: sum(1 << bit for bit in bits))
FAMILIES = st.tuples(st.lists(HASH, min_size=1, max_size=3), st.lists(FLIPS, min_size=1, max_size=12))
"""Hashes that are random, and others that are a few bits, all of them or the same, from one of these."""


def hashes_of(family: tuple[list[int], list[int]]) -> Hashes:
    bases, flips = family
    return np.array([base ^ flip for base in bases for flip in flips], np.uint64)


def by_comparing_all(hashes: Hashes, distance: int) -> Hashes:
    """The smallest hash each can reach, from the whole matrix of distances."""
    near = np.bitwise_count(hashes[:, None] ^ hashes) <= distance
    names = hashes.copy()
    while True:
        further = np.array([names[row].min() for row in near], np.uint64)
        if np.array_equal(further, names):
            return names
        names = further


class TestAgainstEveryPair:
    @given(FAMILIES, st.integers(0, 8))
    @settings(deadline=None)
    def test_few_hashes(self, family: tuple[list[int], list[int]], distance: int) -> None:
        hashes = hashes_of(family)
        np.testing.assert_array_equal(near_groups(hashes, distance), by_comparing_all(hashes, distance))

    @given(FAMILIES, st.integers(1, 8), st.integers(0, 4))
    @settings(deadline=None)
    def test_however_many_blocks_they_are_keyed_on(
        self, family: tuple[list[int], list[int]], distance: int, shared: int
    ) -> None:
        distinct = np.unique(hashes_of(family))
        names = distinct[components(distinct, distance, shared=shared)]
        np.testing.assert_array_equal(names, by_comparing_all(distinct, distance))

    @given(st.lists(st.integers(0, 2**12 - 1), min_size=1, max_size=60), st.integers(1, 16), st.integers(0, 4))
    @settings(deadline=None)
    def test_hashes_that_vary_in_few_bits(self, low: list[int], distance: int, shared: int) -> None:
        distinct = np.unique(np.array(low, np.uint64) << np.uint64(30) | np.uint64(1 << 63 | 5))
        names = distinct[components(distinct, distance, shared=shared)]
        np.testing.assert_array_equal(names, by_comparing_all(distinct, distance))


def spread(n: int, seed: int = 0) -> Hashes:
    return np.random.default_rng(seed).integers(0, 2**64 - 1, n, np.uint64, endpoint=True)


def pairs(n: int, distance: int) -> tuple[Hashes, Hashes]:
    """Hashes far from each other, and one at most so many bits from each."""
    bases = spread(n, 7)
    copies = bases.copy()
    for place in np.random.default_rng(distance).choice(64, (distance, n)).astype(np.uint64):
        copies ^= np.uint64(1) << place
    return bases, copies


def within(bits: list[int], n: int, seed: int = 0) -> Hashes:
    """Hashes that vary in these bits alone."""
    places = np.array(bits, np.uint64)
    return (np.random.default_rng(seed).integers(0, 2, (n, len(bits)), np.uint64) << places).sum(1, dtype=np.uint64)


def repeated(n: int) -> Hashes:
    """Eight bits, each five times, and 24 others: crowds that agree in many bits, with nothing between them."""
    low, high = within(list(range(8)), n), within(list(range(40, 64)), n, 1)
    return high | sum(((low >> np.uint64(bit) & np.uint64(1)) * np.uint64(0b11111 << 5 * bit)) for bit in range(8))


CROWDS: dict[str, Callable[[], Hashes]] = {
    "two crowds far apart": lambda: np.concatenate(
        [within(list(range(14)), 1500), within(list(range(14)), 1500, 1) | np.uint64(0xFFFF << 40)]
    ),
    "a crowd with strays": lambda: np.concatenate(
        [within(list(range(0, 36, 3)), 2500), spread(40) & np.uint64(0xFFF0000FF) | np.uint64(1 << 50), spread(200)]
    ),
    "crowds of their own around every base": lambda: np.concatenate(
        [within([5, 9, 23, 24, 40, 63], 50, seed) ^ base for seed, base in enumerate(spread(50))]
    ),
    "sparse in 26 bits": lambda: within(list(range(0, 52, 2)), 3000),
    "agreeing in repeated bits": lambda: repeated(3000),
}


@pytest.mark.parametrize("shared", [None, 1, 2])
@pytest.mark.parametrize("distance", [1, 2, 4, 6])
@pytest.mark.parametrize("crowd", CROWDS)
def test_crowds_of_alike_hashes_are_grouped_as_by_comparing_all(crowd: str, distance: int, shared: int | None) -> None:
    distinct = np.unique(CROWDS[crowd]())
    names = distinct[components(distinct, distance, shared=shared)]
    np.testing.assert_array_equal(names, by_comparing_all(distinct, distance))


@pytest.mark.parametrize("agreeing", range(5))
@pytest.mark.parametrize("shared", [None, 1])
def test_crowds_that_only_one_table_can_join(agreeing: int, shared: int | None) -> None:
    blocks = [[15, 14, 13, 12], [11, 10, 9], [8, 7, 6], [5, 4, 3], [2, 1, 0]]
    between = [block[0] for number, block in enumerate(blocks) if number != agreeing]
    crowd = np.unique(within([bit for block in blocks for bit in block if bit not in between], 60_000))
    assert len(crowd) == 2**12
    both = np.sort(np.concatenate([crowd, crowd | np.uint64(sum(1 << bit for bit in between))]))
    assert not components(both, 4, shared=shared).any()
    assert len(np.unique(components(both, 3, shared=shared))) == 2


def test_pairs_beside_a_crowd_are_found() -> None:
    crowd, (bases, copies) = within(list(range(16)), 100_000), pairs(500, 4)
    names = near_groups(np.concatenate([crowd, bases, copies]), 4)
    assert set(names[: len(crowd)].tolist()) == {crowd.min()}
    np.testing.assert_array_equal(names[len(crowd) :], np.tile(np.minimum(bases, copies), 2))


def test_memory_stays_linear_where_every_hash_is_near_every_other() -> None:
    hashes = within(list(range(17)), 1 << 17)
    tracemalloc.start()
    try:
        names = near_groups(hashes, 4)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert set(names.tolist()) == {0}
    assert peak < 100_000_000  # a byte for every pair of distinct hashes would be seven times as much


@pytest.mark.parametrize("distance", [2, 4])
def test_half_a_million_pairs_are_found_and_nothing_else(distance: int) -> None:
    bases, copies = pairs(500_000, distance)
    names = near_groups(np.concatenate([bases, copies]), distance)
    # nothing else: of the 10¹² pairs of random hashes a share of 680,000 / 2⁶⁴ is within 4 bits
    np.testing.assert_array_equal(names, np.tile(np.minimum(bases, copies), 2))


class TestGroups:
    def test_a_chain_is_one_group_and_goes_by_its_smallest_hash(self) -> None:
        chain = np.array([0b1111 << 4 * step for step in range(5)] + [0], np.uint64)
        assert near_groups(chain, 4).tolist() == [0] * 6
        assert near_groups(chain[:-1], 8).tolist() == [0b1111] * 5
        assert near_groups(chain[:-1], 7).tolist() == chain[:-1].tolist()

    def test_at_distance_0_only_equals_are_together(self) -> None:
        assert near_groups(np.array([3, 2, 3], np.uint64), 0).tolist() == [3, 2, 3]

    def test_no_hashes_make_no_groups(self) -> None:
        assert near_groups(np.empty(0, np.uint64), 4).tolist() == []

    @given(FAMILIES, st.randoms(use_true_random=False))
    @settings(deadline=None)
    def test_the_order_of_hashes_plays_no_part(self, family: tuple[list[int], list[int]], random: Any) -> None:
        hashes = hashes_of(family)
        order = list(range(len(hashes)))
        random.shuffle(order)
        np.testing.assert_array_equal(near_groups(hashes[order], 4), near_groups(hashes, 4)[order])

    @pytest.mark.parametrize("distance", [-1, 17])
    def test_other_distances_are_refused(self, distance: int) -> None:
        with pytest.raises(ValueError, match="from 0 to 16 bits"):
            near_groups(spread(3), distance)

    @given(st.lists(st.integers(0, 9), max_size=30))
    @settings(deadline=None)
    def test_counted_tells_how_often_each_is_there(self, values: list[int]) -> None:
        distinct, counts = counted(np.sort(np.array(values, np.uint64)))
        assert dict(zip(distinct.tolist(), counts.tolist(), strict=True)) == {v: values.count(v) for v in set(values)}


PHOTOGRAPHS = (
    *("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "hubble_deep_field.jpg"),
    *("ihc.png", "moon.png", "motorcycle_left.png", "page.png", "retina.jpg", "rocket.jpg", "text.png"),
)
"""Of those that lie inside scikit-image's wheel."""


def photograph(file: str) -> Image.Image:
    package = find_spec("skimage")
    assert package is not None and package.origin is not None
    return Image.open(Path(package.origin).parent / "data" / file).convert("RGB")


def re_encoded(image: Image.Image, quality: int) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(out)


def hash_of(image: Image.Image) -> int:
    return perceptual_hash(at_working_size(np.asarray(image.convert("L"))))


def test_copies_of_photographs_are_with_their_original_and_other_photographs_apart() -> None:
    hashes = []
    for image in map(photograph, PHOTOGRAPHS):
        half = image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC)
        hashes += [hash_of(copy) for copy in (image, re_encoded(image, 60), half, re_encoded(half, 60))]
    names = near_groups(np.array(hashes, np.uint64), 4).reshape(-1, 4)
    assert (names == names[:, :1]).all(), "copies are together"
    assert len(np.unique(names)) == len(PHOTOGRAPHS), "photographs are apart"

"""Groups of near-identical pictures: the connected components of "their perceptual hashes differ in few bits".

Exact: no pair within the distance is missed. Split the bits into ``distance + r`` blocks, and two hashes within the
distance agree in at least r of them; so for every choice of r blocks the hashes are sorted with these blocks on top,
and those that agree in them are compared (permuted tables: Manku, Jain, Das Sarma, "Detecting near-duplicates for web
crawling", WWW 2007, §3). More blocks mean more tables and smaller buckets: r is what costs least for so many hashes.

Another order of bits changes no distance, and can be undone: a table is the hashes themselves, without an index.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.sets.forest import Forest, Roots

Hashes = NDArray[np.uint64]

MAX_DISTANCE = 16

_CHUNK = 1 << 18
"""Hashes of a table that are compared at a time, whole buckets: what bounds memory beside the tables themselves."""
_DENSE = 32
"""In a bucket of more hashes than this, it is first looked up which are known to be one group."""
_CROWD = 256
"""A bucket of more hashes than this is dealt with by itself, and may be split by the bits in which its hashes vary."""
_SAMPLE = 4096

_SORT_NS, _COMPARE_NS, _OUTRIGHT_NS = 80.0, 10.0, 1.1
"""Measured: a hash put into a table; a pair compared within a bucket; a pair compared when all are."""


def near_groups(hashes: Hashes, distance: int) -> Hashes:
    """For each of `hashes` (n, in any order) the name of its group: the smallest hash in it.

    Two hashes are in one group when a chain of hashes leads from one to the other in steps of at most `distance` bits
    (0–16; 0 is equality). Raises `ValueError` for another distance. Time is that of `components`; memory is some 40
    bytes a hash.
    """
    names, group = numbered_groups(hashes, distance)
    return names[group]


def numbered_groups(hashes: Hashes, distance: int) -> tuple[Hashes, Roots]:
    """The distinct ones among `hashes`, ascending, and for each of `hashes` where among them its group's name is."""
    distinct, _ = counted(np.sort(hashes))
    roots = components(distinct, distance)
    group = np.empty(len(hashes), np.int32)
    for part in _chunks(len(hashes), 1 << 22):
        group[part] = roots[_search(distinct, hashes[part])]
    return distinct, group


def counted(ascending: Hashes) -> tuple[Hashes, NDArray[np.int32]]:
    """The distinct ones among hashes in ascending order, and how often each is there (n < 2³¹)."""
    starts = np.flatnonzero(np.concatenate([ascending[:1] == ascending[:1], ascending[1:] != ascending[:-1]]))
    counts = np.empty(len(starts), np.int32)
    np.subtract(starts[1:], starts[:-1], out=counts[:-1], casting="same_kind")
    counts[-1:] = len(ascending) - starts[-1:]
    return ascending[starts], counts


def components(distinct: Hashes, distance: int, *, shared: int | None = None) -> Roots:
    """For each of `distinct` (n hashes, ascending, n < 2³¹) the index of the smallest hash of its group.

    `shared` is the r of the module's text (0 compares all pairs) and changes no result; None takes what costs least.

    Memory is 12 bytes a hash and some 100 MB; up to 50 bytes a hash where most are alike. Time, where hashes spread, is
    about n for each of ``C(distance + r, r)`` tables: seconds a million up to a distance of 4, twice as much for each
    bit more, so that distances above 8 are for sets of some 100,000. Crowds of alike hashes are split by the bits they
    differ in, and are not compared again once they are known to be one group.
    """
    if not 0 <= distance <= MAX_DISTANCE:
        raise ValueError(f"distance {distance}: it must be from 0 to {MAX_DISTANCE} bits")
    forest = Forest(np.arange(len(distinct), dtype=np.int32))
    if distance and len(distinct):
        _join(distinct, forest, distance, shared)
    return forest.roots


@dataclass(frozen=True, slots=True)
class _BitOrder:
    """Some bits of a hash in another order at the top of 64, the others, which are the same in all hashes, left out.

    `moves` are the bits (a mask) that go up by so many places, or down; `constant` is what was left out.
    """

    moves: tuple[tuple[int, int], ...]
    constant: int

    @staticmethod
    def of(bits: Sequence[int], constant: int) -> "_BitOrder":
        """The order that has `bits` (positions) from the top down."""
        masks: dict[int, int] = {}
        for place, bit in zip(range(63, -1, -1), bits, strict=False):
            masks[place - bit] = masks.get(place - bit, 0) | 1 << bit
        return _BitOrder(tuple(masks.items()), constant)

    def apply(self, hashes: Hashes, out: Hashes) -> Hashes:
        """`hashes` with their bits in this order, into `out`."""
        for part in _chunks(len(hashes)):
            out[part] = 0
            for up, mask in self.moves:
                out[part] |= _shifted(hashes[part] & np.uint64(mask), up)
        return out

    def undo(self, moved: Hashes) -> Hashes:
        """The hashes again."""
        out = np.full_like(moved, self.constant)
        for up, mask in self.moves:
            out |= _shifted(moved, -up) & np.uint64(mask)
        return out


def _join(hashes: Hashes, forest: Forest, distance: int, shared: int | None = None) -> None:
    """Join all pairs of `hashes` (ascending, distinct, at least one) within the distance; `forest` may know of some."""
    common = int(np.bitwise_and.reduce(hashes))
    varying = common ^ int(np.bitwise_or.reduce(hashes))
    bits = [bit for bit in range(63, -1, -1) if varying >> bit & 1]
    if len(bits) <= distance:
        forest.roots[:] = 0
        return
    if distance > 1 and len(hashes) * sum(math.comb(len(bits), d) for d in range(distance + 1)) > 2 ** len(bits):
        _join(hashes, forest, distance // 2)  # each has neighbours: few bits, cheaply told, will make most one group
    shared = _cheapest(forest, len(bits), distance) if shared is None else min(shared, len(bits) - distance)
    if shared == 0:
        _join_outright(hashes, forest, distance)
        return
    blocks = [block.tolist() for block in np.array_split(np.array(bits), distance + shared)]
    keys = list(combinations(range(len(blocks)), shared))
    random.Random(0).shuffle(keys)  # soon every bit was left out of a key, by which crowds become one group early
    rows = np.empty_like(hashes)
    for key in keys:
        top = [bit for block in key for bit in blocks[block]]
        rest = [bit for block in range(len(blocks)) if block not in key for bit in blocks[block]]
        order = _BitOrder.of([*top, *rest], common)
        order.apply(hashes, rows).sort()
        _Table(rows, len(top), hashes, order, distance).join(forest)
        if not forest.roots.any():
            return


def _join_outright(hashes: Hashes, forest: Forest, distance: int) -> None:
    """Compare all pairs but those within the largest group that is known."""
    _, group, sizes = np.unique(forest.roots, return_inverse=True, return_counts=True)
    order = np.argsort(group == sizes.argmax(), kind="stable")
    hashes, others = hashes[order], len(hashes) - int(sizes.max())
    rows = max(1, _CHUNK // len(hashes))
    for first in range(0, others, rows):
        apart = np.bitwise_count(hashes[first : min(first + rows, others), None] ^ hashes[first:])
        one, other = np.divmod(np.flatnonzero(apart <= distance), apart.shape[1])
        one, other = order[first + one], order[first + other]
        fresh = forest.roots[one] != forest.roots[other]
        forest.join(one[fresh], other[fresh])
    forest.settle()


def _cheapest(forest: Forest, bits: int, distance: int) -> int:
    """How many blocks to key on, or 0 to compare outright, as if hashes were spread evenly over so many bits."""
    n, sample = len(forest.roots), forest.roots[:: max(1, len(forest.roots) // _SAMPLE)]
    _, sizes = np.unique(sample, return_counts=True)
    unknown = max(1 - float(np.square(sizes / len(sample)).sum()), 1 / len(sample))
    pairs = unknown * n**2 / 2  # that are not known to be in one group

    def cost(shared: int) -> float:
        if shared == 0:
            return pairs * _OUTRIGHT_NS
        met = pairs / 2 ** (bits * shared / (distance + shared))
        return math.comb(distance + shared, shared) * (n * _SORT_NS + met * _COMPARE_NS)

    return min(range(bits - distance + 1), key=cost)


@dataclass(frozen=True, slots=True)
class _Table:
    """The `hashes` in another order of bits, ascending: `rows`. Buckets are rows that agree in their top `key_bits`."""

    rows: Hashes
    key_bits: int
    hashes: Hashes
    order: _BitOrder
    distance: int

    def join(self, forest: Forest) -> None:
        """Join all pairs within the distance that are in one bucket."""
        below = (1 << 64 - self.key_bits) - 1
        first = 0
        while first < len(self.rows):
            end = first + _CHUNK
            if end < len(self.rows):  # a bucket that would be cut is left to the next chunk
                end = int(np.searchsorted(self.rows, self.rows[end] & ~np.uint64(below)))
            if end > first:
                self._join_buckets(self.rows[first:end], forest)
            else:
                end = int(np.searchsorted(self.rows, self.rows[first] | np.uint64(below), side="right"))
                self._join_crowd(self.rows[first:end], forest)
            first = end
        forest.settle()

    def _join_buckets(self, rows: Hashes, forest: Forest) -> None:
        keys = rows >> np.uint64(64 - self.key_bits)
        starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
        sizes = np.diff(starts, append=len(rows))
        partners = np.repeat(starts + sizes - 1, sizes) - np.arange(len(rows))  # that follow in the same bucket
        if (dense := (sizes > _DENSE) & (sizes <= _CROWD)).any():
            self._thin_out(rows, partners, starts[dense], sizes[dense], forest)
        for start, size in zip(starts[sizes > _CROWD].tolist(), sizes[sizes > _CROWD].tolist(), strict=True):
            self._join_crowd(rows[start : start + size], forest)
            partners[start : start + size] = 0
        found = Forest(np.arange(len(rows), dtype=np.int32))
        at, step = np.flatnonzero(partners > 0), 1
        while len(at):
            near = at[np.bitwise_count(rows[at] ^ rows[at + step]) <= self.distance]
            found.join(near, near + step)
            step += 1
            at = at[partners[at] >= step]
        found.settle()
        moved = np.flatnonzero(found.roots != np.arange(len(rows)))
        forest.join(self._index(rows[moved]), self._index(rows[found.roots[moved]]))

    def _thin_out(
        self, rows: Hashes, partners: NDArray[Any], starts: NDArray[Any], sizes: NDArray[Any], forest: Forest
    ) -> None:
        """In dense buckets, have hashes of one group, which most may be of by now, not compared among themselves.

        The others come first in their bucket, and alone have partners.
        """
        at = np.repeat(starts - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
        roots = forest.roots[self._index(rows[at])]
        firsts = np.cumsum(sizes) - sizes
        known = roots == np.repeat(roots[firsts + sizes // 2], sizes)
        moved = np.argsort(2 * np.repeat(np.arange(len(sizes)), sizes) + known, kind="stable")
        rows[at] = rows[at[moved]]
        partners[at[known[moved]]] = 0

    def _join_crowd(self, rows: Hashes, forest: Forest) -> None:
        """Join the pairs of one large bucket, by the bits in which its own hashes vary."""
        index = self._index(rows)
        _, first, group = np.unique(forest.roots[index], return_index=True, return_inverse=True)
        if len(first) > 1:
            known = first[group].astype(np.int32)
            inside = Forest(known.copy())
            _join(rows, inside, self.distance)
            moved = np.flatnonzero(inside.roots != known)
            forest.join(index[moved], index[inside.roots[moved]])

    def _index(self, rows: Hashes) -> NDArray[np.intp]:
        """Where rows are in `hashes`."""
        return _search(self.hashes, self.order.undo(rows))


def _shifted(hashes: Hashes, up: int) -> Hashes:
    return hashes << np.uint64(up) if up > 0 else hashes >> np.uint64(-up)


def _search(ascending: Hashes, wanted: Hashes) -> NDArray[np.intp]:
    """Where each of `wanted` is in `ascending`; looked up in order, which finds neighbours in the processor's cache."""
    order = np.argsort(wanted)
    at = np.empty(len(wanted), np.intp)
    at[order] = np.searchsorted(ascending, wanted[order])
    return at


def _chunks(n: int, size: int = _CHUNK) -> Iterator[slice]:
    return (slice(first, first + size) for first in range(0, n, size))

"""Looking a hash up among millions: exactly, or within so many bits."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KEY_BITS = 16
_ONES = np.array([value.bit_count() for value in range(1 << 16)], np.uint8)


class DigestSet:
    """SHA-256 digests, by their first 128 bits, which is as good as all of them: 16 bytes of memory a digest."""

    def __init__(self, digests: NDArray[np.uint8]) -> None:
        """`digests`: n × 32 bytes."""
        words = np.ascontiguousarray(digests[:, :16]).view(np.uint64)
        order = words[:, 0].argsort()
        self._first, self._second = words[order, 0], words[order, 1]

    def __contains__(self, digest: bytes) -> bool:
        first, second = np.frombuffer(digest[:16], np.uint64)
        start, end = self._first.searchsorted(first, "left"), self._first.searchsorted(first, "right")
        return bool((self._second[start:end] == second).any())


class HammingIndex:
    """Hashes of one width, and whether any of them is within `distance` bits of another.

    Multi-index hashing (Norouzi et al., 2012): the bits are cut into ``distance // 2 + 1`` bands. Of a hash within
    `distance`, at least one band differs in one bit at most, so only hashes whose band is that near are compared.
    Memory: the hash and 4 bytes a band for each, which for 10 million hashes of 64 bits and distance 4 is 200 MB.
    """

    def __init__(self, hashes: NDArray[np.uint8], distance: int) -> None:
        """`hashes`: n × whole multiples of 8 bytes."""
        self._distance = distance
        self._hashes = np.ascontiguousarray(hashes).view(np.uint64)
        edges = np.linspace(0, hashes.shape[1] * 8, distance // 2 + 2).round().astype(int)
        self._bands = [_Band(self._hashes, int(start), int(end)) for start, end in pairwise(edges)]

    def has_near(self, wanted: bytes) -> bool:
        """Whether any hash is within the distance of `wanted`."""
        return self.nearest(wanted) is not None

    def nearest(self, wanted: bytes) -> tuple[int, int] | None:
        """The row of the nearest hash and its distance; the first of equals, None where all are beyond the distance."""
        words = np.frombuffer(wanted, np.uint64)
        best: tuple[int, int] | None = None
        for band in self._bands:
            rows = band.near(words)
            apart = _ONES[(self._hashes[rows] ^ words).view(np.uint16)].sum(1, dtype=np.uint16)
            for at in np.flatnonzero(apart <= self._distance):
                row, distance = int(rows[at]), int(apart[at])
                if best is None or (distance, row) < (best[1], best[0]):
                    best = row, distance
        return best


class _Band:
    """Rows of hashes by the bits of one band, or its first 16 where it is wider."""

    def __init__(self, hashes: NDArray[np.uint64], start: int, end: int) -> None:
        self._word, self._shift = divmod(start, 64)
        self._width = min(_KEY_BITS, end - start)
        keys = self._keys(hashes)
        self._rows = keys.argsort(kind="stable").astype(np.uint32)
        counts = np.bincount(keys, minlength=1 << self._width)
        self._starts = np.concatenate([[0], counts.cumsum()])

    def near(self, words: NDArray[np.uint64]) -> NDArray[np.uint32]:
        """Rows whose key differs from that of `words` in one bit at most."""
        key = int(self._keys(words[None])[0])
        keys = [key, *(key ^ 1 << bit for bit in range(self._width))]
        return np.concatenate([self._rows[self._starts[near] : self._starts[near + 1]] for near in keys])

    def _keys(self, hashes: NDArray[np.uint64]) -> NDArray[Any]:
        found = hashes[:, self._word] >> np.uint64(self._shift)
        if self._shift + self._width > 64:
            found |= hashes[:, self._word + 1] << np.uint64(64 - self._shift)
        return (found & np.uint64((1 << self._width) - 1)).astype(np.uint16)

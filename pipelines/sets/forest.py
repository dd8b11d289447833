"""Disjoint sets of numbers, joined by many pairs at a time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Roots = NDArray[np.int32]

_PENDING = 1 << 20
"""Pairs that are noted before they are joined."""
_CHUNK = 1 << 18


class Forest:
    """Disjoint sets of 0 … n − 1: `roots` holds the smallest member of each one's set, as of the last `settle`."""

    def __init__(self, roots: Roots) -> None:
        self.roots = roots
        self._pending: list[tuple[NDArray[Any], NDArray[Any]]] = []
        self._count = 0

    def join(self, one: NDArray[Any], other: NDArray[Any]) -> None:
        """Note pairs that belong together."""
        if len(one):
            self._pending.append((one, other))
            self._count += len(one)
            if self._count > _PENDING:
                self.settle()

    def settle(self) -> None:
        """Join what was noted: roots hang themselves below the smallest root they meet, until none is left to."""
        if not self._pending:
            return
        one = self.roots[np.concatenate([pair[0] for pair in self._pending])]
        other = self.roots[np.concatenate([pair[1] for pair in self._pending])]
        self._pending, self._count = [], 0
        differ = one != other
        # over the few roots concerned, so that a round costs nothing for all the others
        nodes, at = np.unique(np.concatenate([one[differ], other[differ]]), return_inverse=True)
        one, other = np.split(at, 2)
        below = np.arange(len(nodes))
        while len(one):
            np.minimum.at(below, np.maximum(one, other), np.minimum(one, other))
            while not np.array_equal(further := below[below], below):
                below = further
            one, other = below[one], below[other]
            differ = one != other
            one, other = one[differ], other[differ]
        if len(nodes):
            self.roots[nodes] = nodes[below]
            for first in range(0, len(self.roots), _CHUNK):
                self.roots[first : first + _CHUNK] = self.roots[self.roots[first : first + _CHUNK]]

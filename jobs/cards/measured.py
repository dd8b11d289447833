"""Counts on their way into a card: exact, small, and the same however rows are grouped before they are added up."""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.cards.catalogue import GRID, MEASURES

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Key = str | None
SourceKey = tuple[str, str | None]

_MOST_KEYS = 10_000
"""Sources may state any text as a language or a licence: of more keys the rarest are summed up."""


class Measured:
    """Everything that is counted of some rows. `add` with another one gives what is counted of both."""

    def __init__(self) -> None:
        self.bins: dict[str, Ints] = {}
        """By measure, shape (2, bins): all, and those that stayed."""
        self.undivided: set[str] = set()
        """Measures that only what stayed was measured for."""
        self.tallies: dict[str, Counter[Key]] = {}
        self.grid: Ints = np.zeros(GRID * GRID, np.int64)
        """Centres of boxes by cell, row by row."""
        self.boxes: Ints = np.zeros(3, np.int64)
        """Images with boxes, images with several, and boxes."""
        self.sources: Counter[SourceKey] = Counter()
        self.forgotten: Counter[str] = Counter()
        """How often keys occurred that are not held, by tally."""
        self.samples: Counter[str] = Counter()
        self.text_tokens: Counter[str] = Counter()
        self.image_tokens: Counter[str] = Counter()
        """By task; a task that is absent is not counted in tokens."""

    def add_values(self, name: str, values: npt.NDArray[Any], stayed: Bools | None = None) -> None:
        """Count values without nulls, shape (n,); `stayed`, of the same shape, says which of them did."""
        edges = MEASURES[name].edges
        at = np.maximum(np.searchsorted(edges, values, side="right") - 1, 0)
        bins = self.bins.setdefault(name, np.zeros((2, len(edges)), np.int64))
        bins[0] += np.bincount(at, minlength=len(edges))
        if stayed is None:
            self.undivided.add(name)
        else:
            bins[1] += np.bincount(at[stayed], minlength=len(edges))

    def add_keys(self, name: str, keys: pa.Array | pa.ChunkedArray) -> None:
        """Count strings; null is the unknown."""
        self.add_counts(name, Counter({one["values"].as_py(): one["counts"].as_py() for one in pc.value_counts(keys)}))

    def add_counts(self, name: str, counts: "Counter[Key]") -> None:
        """Count keys that are counted already."""
        self.tallies.setdefault(name, Counter()).update(counts)

    def add(self, other: "Measured") -> None:
        """Take over what another one counted of other rows."""
        for name, bins in other.bins.items():
            self.bins[name] = self.bins[name] + bins if name in self.bins else bins
        self.undivided |= other.undivided
        for name, counts in other.tallies.items():
            self.add_counts(name, counts)
        self.grid = self.grid + other.grid
        self.boxes = self.boxes + other.boxes
        for mine, theirs in (
            (self.samples, other.samples),
            (self.text_tokens, other.text_tokens),
            (self.image_tokens, other.image_tokens),
        ):
            mine.update(theirs)
        self.sources.update(other.sources)
        self.forgotten.update(other.forgotten)
        self._bound()

    def _bound(self) -> None:
        for name, counts in self.tallies.items():
            self.forgotten[name] += _sum_up(counts)
        _sum_up(self.sources)


def _sum_up(counts: "Counter[Any]") -> int:
    """Keep the most frequent keys where there are too many; how often the others occurred."""
    if len(counts) <= 2 * _MOST_KEYS:
        return 0
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    counts.clear()
    counts.update(dict(ordered[:_MOST_KEYS]))
    return sum(n for _, n in ordered[_MOST_KEYS:])

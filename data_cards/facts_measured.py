"""What was measured of a run's rows, as plain values that charts and tables are made of. All are exact counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from schemas.reasons import REASONS

Section = Literal["images", "captions", "grounding", "ocr", "translation", "tokens", "duplicates"]


@dataclass(frozen=True, slots=True)
class Count:
    """How often something occurs. `key` is None for the unknown; it may come from sources and hold any text."""

    key: str | None
    n: int


@dataclass(frozen=True, slots=True)
class Threshold:
    """A value that a stage of the recipe holds a measured one against."""

    stage: str
    setting: str
    value: float
    """In the unit of the histogram that it is drawn into."""
    origin: str
    """As in ``published: COYO-700M, table 1``; ``recipe`` or ``default`` where nobody says."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of measured values over fixed bins.

    Bin i holds the values ``edges[i] ≤ v < edges[i + 1]``; the last bin has no upper end. No value is below the first
    edge. Raises ValueError for edges that do not ascend, other numbers of bins, or more kept than there are.
    """

    name: str
    """Stable, as ``shorter_side``: the same measure has the same name and the same edges in every card."""
    title: str
    """For people, as ``shorter side``."""
    section: Section
    of: str
    """What is counted, in the plural: images, captions, boxes."""
    unit: str
    """Empty for plain numbers."""
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    kept: tuple[int, ...] | None = None
    """Of `counts`, those of rows that came through to the end; None where only such rows were measured."""
    thresholds: tuple[Threshold, ...] = ()

    def __post_init__(self) -> None:
        if not self.edges or any(upper <= lower for lower, upper in pairwise(self.edges)):
            raise ValueError(f"{self.name}: the edges do not ascend")
        if {len(self.counts), len(self.kept or self.counts)} != {len(self.edges)}:
            raise ValueError(f"{self.name}: one count for each edge is needed")
        if self.kept and any(kept > n for kept, n in zip(self.kept, self.counts, strict=True)):
            raise ValueError(f"{self.name}: more were kept than there are")

    @property
    def total(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts by key, most first; of many keys the most frequent, the others summed up."""

    name: str
    title: str
    section: Section
    of: str
    counts: tuple[Count, ...]
    meanings: Mapping[str, str]
    """What keys of a closed list mean; empty for keys that are plain words."""
    other_keys: int = 0
    others: int = 0
    """How often the other keys occur together."""

    @property
    def total(self) -> int:
        return sum(count.n for count in self.counts) + self.others


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Counts over a grid laid over the image, row by row from the top left."""

    name: str
    title: str
    section: Section
    of: str
    columns: int
    rows: int
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.counts) != self.columns * self.rows:
            raise ValueError(f"{self.name}: {len(self.counts)} counts for {self.columns} × {self.rows} cells")

    @property
    def total(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class BoxCounts:
    """How many boxes the rows have that came through to the end; equal boxes of one image count once."""

    images: int
    """With at least one box."""
    several: int
    """With at least two: CogVLM-40M has over 75 % of them."""
    boxes: int

    def __post_init__(self) -> None:
        if not self.several <= self.images <= self.boxes:
            raise ValueError("boxes, images and those with several do not fit one another")

    @property
    def share(self) -> float | None:
        """Of the images with boxes, those with at least two; None where there are none."""
        return self.several / self.images if self.images else None


@dataclass(frozen=True, slots=True)
class Host:
    """What became of the rows of one host; the empty name stands for rows without a URL."""

    name: str
    rows: int
    kept: int
    left: tuple[tuple[str, str, int], ...]
    """Stage, reason, rows; most first."""

    def __post_init__(self) -> None:
        if unknown := {reason for _, reason, _ in self.left} - REASONS.keys():
            raise ValueError(f"not in the closed list of reasons: {', '.join(sorted(unknown))}")


@dataclass(frozen=True, slots=True)
class TaskTokens:
    """Tokens of one task's samples, as the dialect counts them; None where it does not."""

    task: str
    samples: int
    text: int | None
    image: int | None
    supervised: int | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One setting of a stage (None for a stage without any), and where it comes from."""

    stage: str
    setting: str | None
    value: str
    origin: str
    """published, secondary, ours; ``recipe`` or ``default`` where nobody says."""
    source: str | None
    """Where it is published, or why it is ours."""


@dataclass(frozen=True, slots=True)
class AnnotationEngine:
    """A model or library whose answers are in the set."""

    stage: str
    name: str
    version: str
    weights: str
    """Name and digest, as far as there are any."""


@dataclass(frozen=True, slots=True)
class SourceLicense:
    """Rows that came through to the end, by source and by licence as the source states it; None: not stated."""

    source: str
    license: str | None
    rows: int


@dataclass(frozen=True, slots=True)
class Review:
    """What people said of a sample of one stage's work. Those not sure count neither way in `precision`."""

    stage: str
    n: int
    yes: int
    no: int
    unsure: int
    seed: int
    precision: float | None
    wilson: tuple[float, float] | None
    """Bounds of the interval that holds the precision at 95 % (Wilson, 1927); None where nobody was sure."""

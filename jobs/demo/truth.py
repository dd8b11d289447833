"""What is true of every row of the demo's world: how it must end, and what it shows."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from jobs.demo.scenes import Object, Phrase
from schemas.reasons import REASONS, Outcome


@dataclass(frozen=True, slots=True)
class Duplicates:
    """A group of rows of which only some may survive; which ones depends on the order of the plan."""

    group: str
    survivors: int
    reason: str
    """why the others leave"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One row of the URL table and what must become of it in the demo recipe."""

    row: int = -1
    """position in ``pairs.parquet``"""
    url: str | None
    caption: str | None
    license: str | None = None
    collection: str
    """photographs, shapes, pages or misfits"""
    kind: str
    """which misfit; the collection's name for rows with nothing odd about them"""
    reason: str | None = None
    """why the row must leave, from the closed list; None when it must stay"""
    width: int | None = None
    """of the canonical pixels; None where there is no image"""
    height: int | None = None
    sha256: str | None = None
    """of the bytes served, hex; None where the server cannot be asked or keeps no promise about them"""
    as_served: bool | None = None
    """whether the stored image must be the bytes served; None where there is no image"""
    reference: str | None = None
    """PNG of the canonical pixels, relative to the world's folder; only where the bytes are not kept"""
    tolerance: float = 0.0
    """mean absolute difference from the reference that the way to the canonical pixels excuses, 0–255"""
    objects: tuple[Object, ...] = ()
    """what was drawn, boxes in canonical pixels"""
    phrases: tuple[Phrase, ...] = ()
    """which words of the caption speak of which objects"""
    lines: tuple[str, ...] = ()
    """what is written on it, in reading order; told of pages alone, though photographs hold text too"""
    duplicates: Duplicates | None = None
    """set where the row must stay only if it survives its group"""

    def __post_init__(self) -> None:
        for reason in (self.reason, self.duplicates and self.duplicates.reason):
            if reason is not None and reason not in REASONS:
                raise ValueError(f"{reason!r} is not in the closed list of reasons")

    @property
    def outcome(self) -> Outcome:
        """Kept, rejected or failed; kept for a row that is yet to survive its group."""
        return REASONS[self.reason].outcome if self.reason else Outcome.KEPT


_ADAPTER: TypeAdapter[Truth] = TypeAdapter(Truth)


def write_truth(file: Path, rows: Iterable[Truth]) -> None:
    """One JSON object a row, in the order of the URL table."""
    file.write_bytes(b"".join(_ADAPTER.dump_json(row) + b"\n" for row in rows))


def read_truth(file: Path) -> tuple[Truth, ...]:
    """The rows that `write_truth` wrote."""
    with file.open("rb") as lines:
        return tuple(_ADAPTER.validate_json(line) for line in lines)


def expected(rows: Iterable[Truth]) -> Counter[str]:
    """How many rows end as ``kept`` and how many for each reason; duplicates are counted by group, whoever survives.

    ValueError: some members of a group are missing.
    """
    rows = tuple(rows)
    ends = Counter(row.reason or "kept" for row in rows)
    for group, size in Counter(row.duplicates for row in rows if row.duplicates).items():
        if size <= group.survivors:
            raise ValueError(f"of the duplicates {group.group!r} only {size} are here")
        ends["kept"] -= size - group.survivors
        ends[group.reason] += size - group.survivors
    return ends

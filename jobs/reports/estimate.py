"""What a run would do, before it does it: parts by hop, disk, inodes."""

import shutil
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.running.state import RunState
from jobs.running.tally import HopTally

_IMAGE_BYTES = 100_000
"""A web image, until the run's own parts say better."""
_ROW_BYTES = 200
"""A row in a layer without images."""


@dataclass(frozen=True)
class Estimate:
    """Parts to do and to skip by hop; bytes and files that the finished run will take."""

    rows: int
    input_rows: int
    parts: int
    skipped: dict[str, int]
    image_bytes: int
    measured: bool
    disk_bytes: int
    inodes: int
    free_bytes: int

    def facts(self) -> dict[str, Any]:
        """As plain values."""
        return vars(self)

    def show(self, console: Console) -> None:
        """For people."""
        console.print(Text(f"{self.rows:,} of {self.input_rows:,} rows of input, in {self.parts:,} parts"))
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("hop")
        table.add_column("parts to do", justify="right")
        table.add_column("committed already", justify="right")
        for name, skipped in self.skipped.items():
            table.add_row(name, f"{self.parts - skipped:,}", f"{skipped:,}")
        console.print(table)
        basis = "measured on this run's parts" if self.measured else "assumed"
        console.print(
            Text(
                f"disk, when all is done: about {self.disk_bytes / 1e9:,.1f} GB "
                f"(images of {self.image_bytes / 1e3:,.0f} kB, {basis}; kept twice, as pulled and in shards), "
                f"{self.inodes:,} files; free here: {self.free_bytes / 1e9:,.1f} GB"
            )
        )


def estimate(state: RunState) -> Estimate:
    """Look at what is committed, and reckon the rest from it."""
    state.count_valid()
    rows, parts = state.plan.planned_rows, len(state.plan.parts)
    pulled, last = state.tally[state.hops[0].name], state.tally[state.hops[-1].name]
    pulled_bytes = sum(commit.bytes for commit in state.manifests[state.hops[0].name])
    measured = pulled.kept > 0
    image_bytes = pulled_bytes // pulled.kept if measured else _IMAGE_BYTES
    kept_share, used_share = _share(pulled), _share(pulled) * _share(last)
    disk = rows * (image_bytes * (kept_share + used_share) + _ROW_BYTES * (len(state.hops) + 1))
    shards = 1 + int(rows * used_share * image_bytes) // (state.recipe.pack.shard_mb * 1_000_000)
    return Estimate(
        rows,
        state.plan.input_rows,
        parts,
        {hop.name: state.tally[hop.name].done for hop in state.hops},
        image_bytes,
        measured,
        int(disk),
        parts * len(state.hops) + shards + len(state.plan.windows) + len(state.hops) + 8,
        shutil.disk_usage(state.layout.root).free,
    )


def _share(tally: HopTally) -> float:
    """Of the rows that entered a hop, those it kept; 1 while none did."""
    return tally.kept / tally.entered if tally.entered else 1.0

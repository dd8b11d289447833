"""The list of committed parts of a hop, so that resume and status never list or open a million files.

`manifest/<hop>.parquet` is compacted; commits since then are lines of `manifest/<hop>.journal`, so that a driver
killed at any moment forgets at most the line it was writing. A part that is not in the manifest is not lost by that:
the next attempt at it finds the commit in its place. The manifest is derived; the layer files are the truth.
"""

import dataclasses
import json
import sys
from collections.abc import Iterator
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.store.commit import Commit
from jobs.store.files import publish, temporary_of
from schemas.layout import RunLayout

_COUNTS = pa.map_(pa.string(), pa.int64())
_SCHEMA = pa.schema(
    [
        ("part", pa.int64()),
        ("bytes", pa.int64()),
        ("digest", pa.string()),
        ("fingerprint", pa.string()),
        ("inputs", pa.map_(pa.string(), pa.string())),
        ("counts", _COUNTS),
    ]
)
_COMPACT_AFTER = 20_000


class Manifest:
    """Commits of one hop by part number. Written by the driver alone; anyone may read."""

    def __init__(self, layout: RunLayout, hop: str) -> None:
        self._path = layout.manifest / f"{hop}.parquet"
        self._journal_path = layout.manifest / f"{hop}.journal"
        self._commits: dict[int, Commit] = {}
        self._journal: TextIO | None = None
        self._lines = 0
        self._load()

    def __getitem__(self, part: int) -> Commit:
        return self._commits[part]

    def __contains__(self, part: int) -> bool:
        return part in self._commits

    def __iter__(self) -> Iterator[Commit]:
        return iter(self._commits.values())

    def __len__(self) -> int:
        return len(self._commits)

    def get(self, part: int) -> Commit | None:
        """The commit of a part, or None."""
        return self._commits.get(part)

    def record(self, commit: Commit) -> None:
        """Add or replace a part's commit, durably against a killed driver."""
        self._commits[commit.part] = commit
        self._write(dataclasses.asdict(commit))

    def forget(self, part: int) -> None:
        """Mark a part for redoing."""
        if self._commits.pop(part, None):
            self._write({"part": part, "forgotten": True})

    def compact(self) -> None:
        """Fold the journal into the Parquet file."""
        if self._journal is None and not self._journal_path.exists():
            return
        rows = [dataclasses.asdict(self._commits[part]) for part in sorted(self._commits)]
        for row in rows:
            row["inputs"], row["counts"] = list(row["inputs"].items()), list(row["counts"].items())
        temporary = temporary_of(self._path, "manifest")
        pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), temporary, compression="zstd")
        publish(temporary, self._path)
        if self._journal:
            self._journal.close()
            self._journal = None
        self._journal_path.unlink(missing_ok=True)
        self._lines = 0

    def _write(self, line: dict[str, object]) -> None:
        if self._journal is None:
            self._journal_path.parent.mkdir(parents=True, exist_ok=True)
            self._journal = self._journal_path.open("a", encoding="utf-8")
            self._journal.write("\n")  # ends a line that a killed driver may have left torn
        self._journal.write(json.dumps(line) + "\n")
        self._journal.flush()
        self._lines += 1
        if self._lines >= max(_COMPACT_AFTER, len(self._commits)):  # so that all compactions together cost O(n)
            self.compact()

    def _load(self) -> None:
        # the journal first: a driver that compacts it in between leaves the same lines in the Parquet file
        try:
            journal = self._journal_path.read_bytes()
        except FileNotFoundError:
            journal = b""
        if self._path.exists():
            for row in pq.read_table(self._path).to_pylist():
                self._commits[row["part"]] = _commit(row)
        for line in journal.splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # torn by a kill, or zeros after a power cut: the next attempt at that part finds its commit
            if not isinstance(entry, dict):
                continue  # the same: what is left of a line may be a number
            if entry.get("forgotten"):
                self._commits.pop(entry["part"], None)
            else:
                self._commits[entry["part"]] = _commit(entry)


def _commit(row: dict[str, Any]) -> Commit:
    """A commit as read. Names and fingerprints are shared: a hundred million rows make 200,000 commits a hop."""
    return Commit(
        row["part"],
        row["bytes"],
        row["digest"],
        sys.intern(row["fingerprint"]),
        {sys.intern(layer): content for layer, content in dict(row["inputs"]).items()},
        {sys.intern(what): rows for what, rows in dict(row["counts"]).items()},
    )

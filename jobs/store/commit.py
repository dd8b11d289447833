"""One file a part: how a hop's work is committed, and how a commit is recognised.

A layer file's footer holds what is needed to judge it without its neighbours: the fingerprint of the hop, the digest
of every layer file it read, and its counts.
"""

import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.store.files import digest, publish, temporary_of
from schemas.reasons import Outcome

FOOTER = b"shardmill"
KEPT = "kept"
_VERDICT_COLUMNS = ("id", "outcome", "stage", "reason")


@dataclass(frozen=True, slots=True)
class Commit:
    """A committed part of a hop.

    `inputs` maps each layer it read to the digest of the file it read; `counts` maps ``kept`` and ``stage/reason`` to
    rows, of the rows that no later generation has taken over.
    """

    part: int
    bytes: int
    digest: str
    fingerprint: str
    inputs: dict[str, str]
    counts: dict[str, int]

    def answers(self, fingerprint: str, inputs: dict[str, str]) -> bool:
        """Whether this is what the hop would compute now."""
        return self.fingerprint == fingerprint and self.inputs == inputs

    @property
    def rows(self) -> int:
        """Rows that entered, of those no later generation has taken over."""
        return sum(self.counts.values())


class LayerWriter:
    """Streams the row groups of one layer file, which appears under its name with `commit` and not before.

    Used as a context manager, it removes what was written when the block ends without a commit.
    """

    def __init__(self, path: Path, schema: pa.Schema, attempt: str) -> None:
        self._path = path
        self._temporary = temporary_of(path, attempt)
        self._schema = schema
        self._more: dict[str, Counter[str]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        # image bytes are compressed already, and hashes do not compress
        compression = {name: "none" if name in ("image", "sha256") else "zstd" for name in _leaves(schema)}
        self._writer = pq.ParquetWriter(
            self._temporary, schema, compression=compression, use_dictionary=False, write_statistics=False
        )

    def __enter__(self) -> "LayerWriter":
        return self

    def write(self, rows: pa.Table) -> None:
        """Append one row group; `rows` has the writer's schema."""
        self._writer.write_table(rows)

    def count(self, name: str, counts: Counter[str]) -> None:
        """Add to counts that the footer holds under `name`."""
        self._more.setdefault(name, Counter()).update(counts)

    def commit(
        self, part: int, fingerprint: str, inputs: dict[str, str], total: Counter[str], current: Counter[str]
    ) -> Commit:
        """Close, sync and publish the file.

        `total` counts every row and goes into the footer; `current` leaves out the rows that a later generation has
        taken over and goes into the manifest.
        """
        footer: dict[str, Any] = {
            "part": part,
            "fingerprint": fingerprint,
            "inputs": inputs,
            "counts": dict(sorted(total.items())),
        }
        footer |= {name: dict(counts) for name, counts in self._more.items()}
        self._writer.add_key_value_metadata({FOOTER: json.dumps(footer).encode()})
        self._writer.close()
        size, content = self._temporary.stat().st_size, digest(self._temporary)
        publish(self._temporary, self._path)
        return Commit(part, size, content, fingerprint, inputs, dict(sorted(current.items())))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._temporary.exists():
            with suppress(OSError):  # the disk may be full: the error on its way up says so
                self._writer.close()
            self._temporary.unlink()


def read_footer(path: Path) -> dict[str, Any]:
    """What `LayerWriter.finish` wrote. Raises `pa.ArrowInvalid` or `OSError` for a file that is not a layer file."""
    with pq.ParquetFile(path) as file:
        metadata = file.metadata.metadata or {}
        if FOOTER not in metadata:
            raise pa.ArrowInvalid(f"{path} has no shardmill footer")
        footer: dict[str, Any] = json.loads(metadata[FOOTER])
        return footer


def read_layer(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Columns of a layer file, all of them for None."""
    with pq.ParquetFile(path, memory_map=True) as file:
        return file.read(columns)


def read_commit(path: Path, superseded: "np.ndarray[Any, Any]") -> Commit | None:
    """The commit at `path`, its counts less the superseded rows; None where there is no readable layer file."""
    try:
        footer = read_footer(path)
    except (pa.ArrowInvalid, OSError):
        return None
    counts = current_counts(path, superseded) if len(superseded) else footer["counts"]
    return Commit(
        footer["part"], path.stat().st_size, digest(path), footer["fingerprint"], footer["inputs"], dict(counts)
    )


def current_counts(path: Path, superseded: "np.ndarray[Any, Any]") -> dict[str, int]:
    """Counts of a layer file less its superseded rows, read from the verdict columns."""
    rows = read_layer(path, list(_VERDICT_COLUMNS))
    if len(superseded):
        rows = rows.filter(pc.invert(pc.is_in(rows["id"], pa.array(superseded))))
    return dict(sorted(count(rows).items()))


def count(rows: pa.Table) -> Counter[str]:
    """Rows by ``kept`` or ``stage/reason``."""
    groups = rows.group_by(["outcome", "stage", "reason"]).aggregate([([], "count_all")]).to_pylist()
    return Counter(
        {KEPT if g["outcome"] == Outcome.KEPT else f"{g['stage']}/{g['reason']}": g["count_all"] for g in groups}
    )


def _leaves(schema: pa.Schema) -> list[str]:
    """Parquet's names of the leaf columns of a schema."""
    names: list[str] = []

    def walk(prefix: str, kind: pa.DataType) -> None:
        if pa.types.is_struct(kind):
            for field in kind:
                walk(f"{prefix}.{field.name}", field.type)
        elif pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
            walk(f"{prefix}.list.element", kind.value_type)
        elif pa.types.is_map(kind):
            walk(f"{prefix}.key_value.key", kind.key_type)
            walk(f"{prefix}.key_value.value", kind.item_type)
        else:
            names.append(prefix)

    for field in schema:
        walk(field.name, field.type)
    return names

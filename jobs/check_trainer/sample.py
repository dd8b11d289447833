"""A few rows of a data set, laid out as a small data set of their own: what a trainer is given to read.

A trainer would otherwise convert the whole set before it shows its first batch.
"""

import hashlib
import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from jobs.check_trainer.mistake import CheckMistakeError
from pipelines.chatml.conversation import Conversation, Turn
from pipelines.chatml.dialects import DIALECTS
from pipelines.chatml.dialects.protocol import Budget, Dialect
from schemas.chatml import parquet_options

_FOOTER = b"shardmill"


@dataclass(frozen=True)
class Sample:
    """Rows of the first training shard, and what its footer says of how they were packed."""

    dataset: Path
    """The folder with ``data/`` and ``trainers/``."""
    dialect: Dialect
    budget: Budget
    rows: pa.Table

    @property
    def conversations(self) -> list[Conversation]:
        """The rows' turns, None standing for an image."""
        return [
            tuple(Turn(turn["role"], tuple(part["text"] for part in turn["content"])) for turn in messages)
            for messages in self.rows["messages"].to_pylist()
        ]

    @property
    def digests(self) -> list[list[str]]:
        """SHA-256 of the rows' image files."""
        rows: list[list[dict[str, Any]]] = self.rows["images"].to_pylist()
        return [[hashlib.sha256(image["bytes"]).hexdigest() for image in images] for images in rows]

    def write(self, folder: Path) -> None:
        """Lay the sample out in `folder` as a data set: the same file names, features, footer and kit."""
        for split in ("train", "validation"):
            shard = _first_shard(self.dataset, split)
            if shard is None:
                continue
            rows = self.rows if split == "train" else _evenly(pq.ParquetFile(shard), 1)
            target = folder / "data" / f"{split}-00000-of-00001.parquet"
            target.parent.mkdir(exist_ok=True)
            pq.write_table(rows, target, **parquet_options())
        shutil.copytree(self.dataset / "trainers", folder / "trainers")


def take(folder: Path, rows: int) -> Sample:
    """A sample of at most so many `rows`, evenly spread over the first training shard.

    `folder` is a run's folder or its data set. Raises `CheckMistakeError` where there is no packed data set, no kit
    for it, or a dialect that trainers cannot be checked for.
    """
    dataset = next((path for path in (folder / "dataset", folder) if (path / "data").is_dir()), None)
    shard = dataset and _first_shard(dataset, "train")
    if dataset is None or shard is None:
        raise CheckMistakeError(f"{folder} holds no packed data set: no data/train-*.parquet. Run it to its end first.")
    file = pq.ParquetFile(shard)
    told = (file.schema_arrow.metadata or {}).get(_FOOTER)
    if told is None:
        raise CheckMistakeError(f"{shard} does not say how it was packed: shardmill did not write it")
    facts = json.loads(told)
    name = facts["dialect"]
    if not name.startswith("qwen2"):
        raise CheckMistakeError(
            f"the shards are packed for the dialect {name}, and only the Qwen dialects can be checked: "
            "for others nobody has compared what trainers make of them (docs/trainers.md)"
        )
    if not (dataset / "trainers").is_dir():
        raise CheckMistakeError(f"{dataset} has no trainers/ folder: `shardmill pack` writes it")
    if file.metadata.num_rows == 0:
        raise CheckMistakeError(f"{shard} holds no rows")
    dialect = DIALECTS[name]
    budget = dialect.budget(Budget(max_pixels=facts.get("max_pixels")))
    return Sample(dataset, dialect, budget, _evenly(file, rows))


def decoded(file: bytes) -> Image.Image:
    """The picture in an image file of a shard, whose pixels every decoder reads alike."""
    return Image.open(io.BytesIO(file)).convert("RGB")


def _first_shard(dataset: Path, split: str) -> Path | None:
    return next(iter(sorted((dataset / "data").glob(f"{split}-*.parquet"))), None)


def _evenly(file: pq.ParquetFile, n: int) -> pa.Table:
    """At most `n` rows, evenly spread; only their row groups are read."""
    total = file.metadata.num_rows
    wanted = np.unique(np.linspace(0, total - 1, min(n, total)).round().astype(np.int64))
    pieces, start = [], 0
    for group in range(file.num_row_groups):
        end = start + file.metadata.row_group(group).num_rows
        inside = wanted[(wanted >= start) & (wanted < end)]
        if len(inside):
            pieces.append(file.read_row_group(group).take(inside - start))
        start = end
    return pa.concat_tables(pieces)

"""The engines measured beside each other: how each is called, and how its output is read back.

All fetch, check that the image decodes (but for img2dataset with `disable_all_reencoding`, which stores whatever came),
and write Parquet with the bytes as served where they can stay.
"""

import hashlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow.parquet as pq

from benchmarks.peers import peer
from benchmarks.workload import AMBIGUOUS, Item

_HERE = Path(__file__).parent
_BATCH_ROWS = 100

Stored = Iterable[tuple[str, bytes]]
"""URL and stored image file of every kept row."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One contender."""

    name: str
    title: str
    command: Callable[[Path, Path], Sequence[str | Path]]
    """From the URL table and the output folder."""
    first: str
    """Glob below the output folder: the file that shows the first finished piece of work."""
    stored: Callable[[Path], Stored]
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Accounting:
    """An engine's output against the truth, in rows."""

    kept: int
    lost: int
    """Images that decode and are not there."""
    spurious: int
    """Kept, though no image that decodes was served."""
    altered: int
    """Kept with other bytes than served."""
    altered_needlessly: int
    """Of these, images that every decoder reads alike."""

    @property
    def exact(self) -> bool:
        return not (self.lost or self.spurious or self.altered_needlessly)


def account(stored: Stored, items: Sequence[Item]) -> Accounting:
    """Compare what was stored with what was served. Raises `ValueError` for a URL that is there twice."""
    served = {f"/{item.path}": item for item in items}
    counts: Counter[str] = Counter()
    for url, image in stored:
        split = urlsplit(url)
        item = served.pop(f"{split.path}?{split.query}" if split.query else split.path, None)
        if item is None:
            raise ValueError(f"{url} was kept twice or never asked for")
        counts["kept"] += 1
        if not item.ok:
            counts["spurious"] += 1
        elif hashlib.sha256(image).hexdigest() != item.sha256:
            counts["altered"] += 1
            counts["altered_needlessly"] += item.kind not in AMBIGUOUS
    return Accounting(
        kept=counts["kept"],
        lost=sum(item.ok for item in served.values()),
        spurious=counts["spurious"],
        altered=counts["altered"],
        altered_needlessly=counts["altered_needlessly"],
    )


def _img2dataset(setting: str) -> Callable[[Path, Path], list[str | Path]]:
    """Shards that divide all sizes evenly."""

    def command(urls: Path, output: Path) -> list[str | Path]:
        return [
            peer("img2dataset") / "img2dataset",
            *("--url_list", urls, "--input_format", "parquet", "--url_col", "url", "--caption_col", "caption"),
            *("--output_folder", output, "--output_format", "parquet", "--number_sample_per_shard", "1250"),
            *("--processes_count", "2", "--thread_count", "32"),
            *("--resize_mode", "no", f"--{setting}", "True", "--enable_wandb", "False"),
        ]

    return command


def _ceiling(*options: str) -> Callable[[Path, Path], list[str | Path]]:
    def command(urls: Path, output: Path) -> list[str | Path]:
        return [peer("ceiling") / "python", _HERE / "ceiling.py", "--input", urls, "--output", output, *options]

    return command


def _shardmill(*options: str) -> Callable[[Path, Path], list[str | Path]]:
    def command(urls: Path, output: Path) -> list[str | Path]:
        program = Path(sys.executable).parent / "shardmill"
        recipe = _HERE / "pull.yaml"
        return [program, "run", recipe, "--input", urls, "--output", output, "--until", "pull", *options]

    return command


def _rows(files: Iterable[Path], columns: Sequence[str], kept: tuple[str, str]) -> Iterator[tuple[str, bytes]]:
    """URL and image columns, in this order, of the rows where the column `kept` has its value."""
    column, value = kept
    for file in sorted(files):
        for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS, columns=[*columns, column]):
            for row in batch.to_pylist():
                if row[column] == value:
                    yield row[columns[0]], row[columns[1]]


def _of_img2dataset(output: Path) -> Stored:
    return _rows(output.glob("*.parquet"), ("url", "jpg"), ("status", "success"))


def _of_shardmill(output: Path) -> Stored:
    return _rows(output.glob("layers/pull/part-*.parquet"), ("final_url", "image"), ("outcome", "kept"))


def _of_ceiling(output: Path) -> Stored:
    return _rows(output.glob("*.parquet"), ("url", "image"), ("outcome", "kept"))


_SHARDMILL_FIRST = "layers/pull/part-*.parquet"
_IMG2DATASET_FIRST = "*_stats.json"  # the shard's own file is there, and broken, from its first row on

ENGINES = (
    Engine(
        name="img2dataset",
        title="img2dataset `skip_reencode`",
        command=_img2dataset("skip_reencode"),
        first=_IMG2DATASET_FIRST,
        stored=_of_img2dataset,
    ),
    Engine(
        name="img2dataset-raw",
        title="img2dataset `disable_all_reencoding`",
        command=_img2dataset("disable_all_reencoding"),
        first=_IMG2DATASET_FIRST,
        stored=_of_img2dataset,
    ),
    Engine(
        name="inline",
        title="shardmill `--engine inline`",
        command=_shardmill("--engine", "inline"),
        first=_SHARDMILL_FIRST,
        stored=_of_shardmill,
        ours=True,
    ),
    Engine(
        name="ray",
        title="shardmill on Ray",
        command=_shardmill(),
        first=_SHARDMILL_FIRST,
        stored=_of_shardmill,
        ours=True,
    ),
    Engine(
        name="ceiling",
        title="ceiling: one hand-written loop",
        command=_ceiling(),
        first="*.parquet",
        stored=_of_ceiling,
    ),
    Engine(
        name="ceiling-full",
        title="the same, full decode",
        command=_ceiling("--full"),
        first="*.parquet",
        stored=_of_ceiling,
    ),
)

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
ENVIRONMENT |= {"NO_ALBUMENTATIONS_UPDATE": "1", "WANDB_MODE": "disabled"}
"""As in a plain shell: above all, Python may keep its bytecode. img2dataset's dependencies call out when imported,
unless told not to."""

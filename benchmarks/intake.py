"""What it costs to take in a large table of URLs: rows a second, CPU, peak memory, and reading one part back.

    python -m benchmarks.intake [--rows N] [--format parquet|csv|tsv|jsonl] [--folder DIR] [--keep]

prints one line of JSON. The table is made first, of made-up rows the size of real ones (URL of some 90 bytes, caption
of some 60, width, height, similarity), and is not part of what is measured: intake runs in a process of its own.
"""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from benchmarks.measure import measure
from jobs.store.intake import stream
from pipelines.sources.inputs import find
from pipelines.sources.spec import SourceSpec

_CHUNK_ROWS = 1 << 20
_HOSTS = 50_000
_VOCABULARY = (
    "a the of on in with red old small blue dog house street view photo woman man market river bridge mountain "
    "sunset portrait vintage wooden table kitchen garden flowers summer winter city night lights "
    "beautiful handmade ceramic"
)
_WORDS = pa.array(_VOCABULARY.split())
_CAPTION_WORDS = 10


def make_table(path: Path, rows: int, seed: int = 0) -> None:
    """Write `rows` rows to `path`, in the format of its suffix."""
    rng = np.random.default_rng(seed)
    with path.open("wb") as file:
        writer = None
        for start in range(0, rows, _CHUNK_ROWS):
            chunk = _rows(rng, min(_CHUNK_ROWS, rows - start))
            if path.suffix == ".jsonl":
                file.writelines(json.dumps(row).encode() + b"\n" for row in chunk.to_pylist())
                continue
            if writer is None and path.suffix == ".parquet":
                writer = pq.ParquetWriter(file, chunk.schema)
            elif writer is None:
                delimiter = "\t" if path.suffix == ".tsv" else ","
                writer = csv.CSVWriter(file, chunk.schema, write_options=csv.WriteOptions(delimiter=delimiter))
            writer.write_table(chunk)
        if writer is not None:
            writer.close()


def _rows(rng: np.random.Generator, n: int) -> pa.Table:
    def hexadecimal() -> pa.Array:
        digits = np.frombuffer(b"0123456789abcdef", np.uint8)[rng.integers(0, 16, n * 24)]
        offsets = pa.py_buffer(np.arange(n + 1, dtype=np.int32) * 24)
        return pa.StringArray.from_buffers(n, offsets, pa.py_buffer(digits))

    hosts = pc.binary_join_element_wise("https://images.host-", pa.array(rng.integers(0, _HOSTS, n)).cast("string"), "")
    drawn = (_WORDS.take(pa.array(rng.integers(0, len(_WORDS), n))) for _ in range(_CAPTION_WORDS))
    return pa.table(
        {
            "url": pc.binary_join_element_wise(
                hosts, ".example/uploads/", hexadecimal(), "/", hexadecimal(), ".jpg", ""
            ),
            "caption": pc.binary_join_element_wise(*drawn, " "),
            "width": rng.integers(200, 4000, n, np.int32),
            "height": rng.integers(200, 4000, n, np.int32),
            "similarity": rng.uniform(0.2, 0.4, n).astype(np.float32),
        }
    )


def _take_in(table: str, out: Path) -> None:
    """The measured process."""
    spec = SourceSpec()
    windows = stream(find([table], spec), spec, out, seed=0, first_id=0, first_window=0)
    print(json.dumps({"rows": sum(window.rows for window in windows), "windows": len(windows)}))


def _ms_to_read_a_part(window: Path, columns: list[str] | None) -> float:
    took = []
    for group in range(0, pq.ParquetFile(window).num_row_groups, 50):
        started = time.perf_counter()
        with pq.ParquetFile(window, memory_map=True) as file:
            file.read_row_group(group, columns=columns)
        took.append(time.perf_counter() - started)
    return round(1000 * median(took), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--format", choices=("parquet", "csv", "tsv", "jsonl"), default="parquet")
    parser.add_argument("--folder", type=Path, default=Path("bench-intake"), help="scratch; removed unless --keep")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--take-in", nargs=2, metavar=("TABLE", "OUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.take_in:
        _take_in(arguments.take_in[0], Path(arguments.take_in[1]))
        return
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    table, out, log = folder / f"table-{arguments.rows}.{arguments.format}", folder / "input", folder / "log"
    if not table.exists():
        make_table(table, arguments.rows)
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "benchmarks.intake", "--take-in", str(table), str(out)]
    cost = measure(command, log=log, label=f"intake of {arguments.format}", timeout_s=3600)
    if cost.exit_code:
        sys.exit(log.read_text())
    taken = json.loads(log.read_text().splitlines()[-1])
    first = min(out.iterdir())
    figures = {
        "format": arguments.format,
        **taken,
        "rows_per_s": round(taken["rows"] / cost.wall_s),
        "rows_per_cpu_s": round(taken["rows"] / cost.cpu_s),
        "wall_s": cost.wall_s,
        "cpu_s": cost.cpu_s,
        "peak_rss_mb": cost.peak_rss_mb,
        "load": cost.load,
        "table_mb": round(table.stat().st_size / 1e6),
        "input_mb": round(sum(window.stat().st_size for window in out.iterdir()) / 1e6),
        "read_part_ms": _ms_to_read_a_part(first, None),
        "read_part_id_url_ms": _ms_to_read_a_part(first, ["id", "url"]),
    }
    print(json.dumps(figures))
    if not arguments.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

"""From a benchmark to the list of its hashes."""

import os
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs.store.files import publish, temporary_of
from pipelines.filters.contamination.benchmark_list import Benchmark, image_row, text_row, write
from pipelines.pull.canonical import canonicalise, identify
from pipelines.pull.local import ImageAt, LocalImages
from pipelines.pull.stage import Pull
from pipelines.sources.inputs import InputError, find, read
from pipelines.sources.spec import SourceSpec
from pipelines.stage import Verdict

_PULL = Pull()
"""Its limits hold here too."""
_NAME = re.compile(r"[\w.-]+")
_ROWS = 256


def make_list(inputs: Sequence[str], spec: SourceSpec, path: Path, benchmark: Benchmark) -> dict[str, Any]:
    """Write the list of a benchmark's items and say what is in it.

    Images are read where they lie; nothing is fetched. Keys of the answer: list, name, ngram, images, texts, and
    ``left_out``, a count by reason of what could not be hashed. Raises `InputError` for inputs that cannot be read, for
    a name that is none, and where there is nothing to hash.
    """
    if not _NAME.fullmatch(benchmark.name):
        raise InputError(f"{benchmark.name!r} cannot name a benchmark: letters, digits, _ . - are allowed; give --name")
    spec = _without_urls(spec)
    counts: Counter[str] = Counter()
    left_out: Counter[str] = Counter()

    def batches() -> Iterator[list[dict[str, Any]]]:
        for rows, refused in _hashed(_records(inputs, spec), benchmark.ngram):
            counts.update("images" if row["phash"] is not None else "texts" for row in rows)
            left_out.update(refused)
            yield rows

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_of(path, str(os.getpid()))
    try:
        write(temporary, benchmark, batches())
        if not counts:
            why = "; ".join(f"{reason}: {n:,}" for reason, n in left_out.items())
            raise InputError(f"nothing to hash: no image that lies in a file and no text ({why or 'no rows'})")
        publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    facts = {"list": str(path), "name": benchmark.name, "ngram": benchmark.ngram}
    return {**facts, "images": counts["images"], "texts": counts["texts"], "left_out": dict(left_out)}


def _without_urls(spec: SourceSpec) -> SourceSpec:
    """The mapping of tables that need name no URL, as none is fetched: the column of texts is read in its place."""
    columns = spec.columns
    if spec.table is not None or columns.url is not None or columns.image is not None:
        return spec
    return replace(spec, columns=replace(columns, url=columns.caption or "caption"))


def _records(inputs: Sequence[str], spec: SourceSpec) -> Iterator[list[dict[str, Any]]]:
    """Rows of the inputs, a few at a time."""
    wanted = ["image_at", "captions", "turns", "input_error", "source_file", "source_row"]
    for file in find(list(inputs), spec):
        for unit in file.units:
            for batch in read(file, spec, unit):
                for at in range(0, batch.num_rows, _ROWS):
                    yield pa.Table.from_batches([batch.slice(at, _ROWS)]).select(wanted).to_pylist()


def _hashed(records: Iterator[list[dict[str, Any]]], n: int) -> Iterator[tuple[list[dict[str, Any]], Counter[str]]]:
    """Rows of the list, and why others are none, in the order of the records; decoded by one thread a processor."""
    threads = os.cpu_count() or 1
    waiting: deque[Future[tuple[list[dict[str, Any]], Counter[str]]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for some in records:
            waiting.append(pool.submit(_hash, some, n))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _hash(records: list[dict[str, Any]], n: int) -> tuple[list[dict[str, Any]], Counter[str]]:
    found: list[dict[str, Any]] = []
    refused: Counter[str] = Counter()
    files = LocalImages(_PULL.max_bytes)
    for record in records:
        texts = [one["text"] for one in (*(record["captions"] or ()), *(record["turns"] or ())) if one["text"]]
        said = [row for text in texts if (row := text_row(_item(record), text, n))]
        found += said
        if record["image_at"]:
            hashed = _phash(files, ImageAt(**record["image_at"]))
            if isinstance(hashed, Verdict):
                refused[hashed.reason] += 1
            else:
                found.append(image_row(_item(record), hashed))
        elif record["input_error"]:
            refused["invalid_record"] += 1
        elif not said:
            refused["image_elsewhere"] += 1
    files.close()
    return found, refused


def _item(record: dict[str, Any]) -> str:
    """The image's folder and file where it is a file of its own; else the file and row the record was read from."""
    at = record["image_at"]
    if at and at["column"] is None and at["start"] is None:
        return "/".join(str(at["path"]).split("/")[-2:])
    return f"{record['source_file']}, row {record['source_row']}"


def _phash(files: LocalImages, at: ImageAt) -> int | Verdict:
    body = files.read(at)
    if isinstance(body, Verdict):
        return body
    found = identify(body, _PULL.max_pixels)
    if isinstance(found, Verdict):
        return found
    image = canonicalise(body, found, max_pixels=_PULL.max_pixels, animation=_PULL.animation)
    return image if isinstance(image, Verdict) else image.phash

"""Benchmark lists: perceptual hashes and n-gram hashes of a benchmark's items, and none of their content.

A Parquet file of `SCHEMA`, made by ``shardmill hashes``: a row for each image and for each text of an item. Its
metadata names the benchmark and says how many words an n-gram has.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.filters.contamination.words import hash_of, ngrams, words

SCHEMA = pa.schema(
    [
        pa.field(
            "item",
            pa.string(),
            metadata={"meaning": "folder and file of the image, or the file and row it was read from"},
        ),
        pa.field("phash", pa.uint64(), metadata={"meaning": "perceptual hash of its image; null in rows of texts"}),
        pa.field("text", pa.uint64(), metadata={"meaning": "hash of all words of a text; null in rows of images"}),
        pa.field("ngrams", pa.list_(pa.uint64()), metadata={"meaning": "hashes of its runs of n words"}),
    ]
)
_KEY = b"shardmill benchmark"
_VERSION = 1


class BenchmarkListError(ValueError):
    """A file that is no benchmark list; the message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What a list is of: the benchmark's name, without ``": "``, and the words of an n-gram (13 with GPT-3)."""

    name: str
    ngram: int


def image_row(item: str, phash: int) -> dict[str, Any]:
    """The row of an item's image."""
    return {"item": item, "phash": phash, "text": None, "ngrams": None}


def text_row(item: str, text: str, n: int) -> dict[str, Any] | None:
    """The row of one of an item's texts; None for a text without words."""
    said = words(text)
    return {"item": item, "phash": None, "text": hash_of(said), "ngrams": ngrams(said, n)} if said else None


def write(path: Path, benchmark: Benchmark, batches: Iterable[list[dict[str, Any]]]) -> None:
    """Write a list, batch after batch."""
    facts = {"version": _VERSION, "name": benchmark.name, "ngram": benchmark.ngram}
    schema = SCHEMA.with_metadata({_KEY: json.dumps(facts).encode()})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for rows in batches:
            writer.write_table(pa.Table.from_pylist(rows, schema))


def benchmark_of(path: str) -> Benchmark:
    """What a list is of, from its footer. Raises `BenchmarkListError`."""
    try:
        facts = json.loads(pq.read_schema(path).metadata[_KEY])
    except FileNotFoundError:
        raise BenchmarkListError(f"{path} does not exist") from None
    except (OSError, KeyError, TypeError, pa.ArrowException) as error:
        make = f"make one with `shardmill hashes DATASET --output {path}`"
        raise BenchmarkListError(f"{path} is no benchmark list: {make}") from error
    if facts["version"] != _VERSION:
        raise BenchmarkListError(f"{path} is of another version of shardmill: make it again with `shardmill hashes`")
    return Benchmark(facts["name"], facts["ngram"])

"""Refuses rows that show or say what a benchmark does."""

from collections import Counter
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator
from pydantic.dataclasses import dataclass

from pipelines.filters.captions.entries import Entries
from pipelines.filters.contamination.benchmark_list import Benchmark, benchmark_of
from pipelines.filters.contamination.words import hash_of, ngrams, words
from pipelines.pull.hamming import HammingIndex
from pipelines.stage import MODEL_FILE, SPEC, Processed, Verdict, Verdicts, Worker

TextColumn = Literal["captions", "turns"]
_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Decontaminate:
    """Refuses rows that show a benchmark's image or say a benchmark's text. `lists` are made by ``shardmill hashes``.

    An image is a benchmark's when their perceptual hashes differ in at most `distance` bits (COYO-700M compares such
    hashes, the distance is ours). A text is when they share a run of n words (13: Brown et al., GPT-3, 2020, appendix
    C), or, below n words and from `min_words` on, when all of its words are the same: what is shorter is nobody's
    (ours). Of `captions` those that count are looked at, of `turns` all. NVLM removes prompts of benchmarks from its
    fine-tuning data; how is unpublished.
    """

    stage: Literal["decontaminate"] = "decontaminate"
    name: str | None = None
    lists: Annotated[tuple[str, ...], Field(min_length=1), MODEL_FILE]
    images: bool = True
    distance: Annotated[int, Field(ge=0, le=8)] = 4
    """In bits of 64."""
    texts: tuple[TextColumn, ...] = ("captions",)
    min_words: Annotated[int, Field(ge=1)] = 4

    version: ClassVar[int] = 1
    worker: ClassVar[Worker] = "task"
    adds: ClassVar[pa.Schema] = pa.schema([])

    @field_validator("lists")
    @classmethod
    def _are_lists(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        paths = tuple(str(Path(path).expanduser().absolute()) for path in given)
        names = Counter(benchmark_of(path).name for path in paths)
        if twice := [name for name, n in names.items() if n > 1]:
            raise ValueError(f"two lists are called {twice[0]!r}: make one again with another --name")
        return paths

    @model_validator(mode="after")
    def _compares_something(self) -> Self:
        if not (self.images or self.texts):
            raise ValueError("nothing to compare: leave `images` on, or name `texts`")
        return self

    @property
    def reads(self) -> tuple[str, ...]:
        return (*(("phash",) if self.images else ()), *self.texts)

    def load(self) -> "_Engine":
        """Read the lists: 12 bytes a perceptual hash and band, 16 bytes an n-gram."""
        return _Engine(self)


class _Engine:
    def __init__(self, spec: Decontaminate) -> None:
        self._spec = spec
        self._benchmarks = [_Known(path, spec) for path in spec.lists]

    def process(self, rows: pa.Table) -> Processed:
        verdicts: list[Verdict | None] = [None] * len(rows)
        if self._spec.images:
            verdicts = [None if phash is None else self._image(phash) for phash in rows["phash"].to_pylist()]
        for column in self._spec.texts:
            for row, text in _texts(rows[column], column):
                if verdicts[row] is None:
                    verdicts[row] = self._text(text)
        return Processed(Verdicts.of(verdicts))

    def _image(self, phash: int) -> Verdict | None:
        """The nearest image of all benchmarks, the first of equals."""
        found = [verdict for known in self._benchmarks if (verdict := known.image(phash))]
        return min(found, key=lambda verdict: verdict.value or 0, default=None)

    def _text(self, text: str) -> Verdict | None:
        """The benchmark text that most of `text` is in, the first of equals."""
        said = words(text)
        if len(said) < self._spec.min_words:
            return None
        found = [verdict for known in self._benchmarks if (verdict := known.text(said))]
        return max(found, key=lambda verdict: verdict.value or 0, default=None)


class _Known:
    """One benchmark's list, indexed."""

    def __init__(self, path: str, spec: Decontaminate) -> None:
        self._benchmark: Benchmark = benchmark_of(path)
        table = pq.read_table(path).combine_chunks()
        images = table.filter(pc.is_valid(table["phash"]))
        texts = table.filter(pc.is_valid(table["text"]))
        self._items = images["item"].combine_chunks()
        self._index = None
        if spec.images and len(images):
            hashes = images["phash"].to_numpy().astype(">u8").view(np.uint8).reshape(-1, 8)
            self._index = HammingIndex(hashes, spec.distance)
        self._text_items = texts["item"].combine_chunks()
        self._whole = _Hashes(texts["text"].to_numpy(), np.arange(len(texts)))
        runs = texts["ngrams"].combine_chunks()
        self._ngrams = _Hashes(runs.flatten().to_numpy(), np.asarray(pc.list_parent_indices(runs)))

    def image(self, phash: int) -> Verdict | None:
        found = self._index.nearest(phash.to_bytes(8, "big")) if self._index else None
        return found and self._verdict("contaminated_image", found[1], self._items[found[0]])

    def text(self, said: list[str]) -> Verdict | None:
        n = self._benchmark.ngram
        runs, known = (ngrams(said, n), self._ngrams) if len(said) >= n else ([hash_of(said)], self._whole)
        shared = Counter(item for run in dict.fromkeys(runs) for item in known.items(run))
        if not shared:
            return None
        item, count = min(shared.items(), key=lambda found: (-found[1], found[0]))
        return self._verdict("contaminated_text", count / len(set(runs)), self._text_items[item])

    def _verdict(self, reason: str, value: float, item: pa.Scalar) -> Verdict:
        return Verdict(reason, float(value), f"{self._benchmark.name}: {item.as_py()}")


class _Hashes:
    """Which items have a hash."""

    def __init__(self, hashes: NDArray[np.uint64], items: NDArray[np.int64]) -> None:
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._items = hashes[order], items[order]

    def items(self, wanted: int) -> list[int]:
        """The items that have this hash, each once."""
        start, end = (np.searchsorted(self._hashes, np.uint64(wanted), side) for side in _SIDES)
        return sorted(set(self._items[start:end].tolist()))


def _texts(column: pa.ChunkedArray, name: TextColumn) -> list[tuple[int, str]]:
    """Row and text of everything that a row says."""
    if name == "captions":
        counting = Entries(column).counting()
        return list(zip(counting.row.tolist(), counting.texts.to_pylist(), strict=True))
    turns = column.combine_chunks()
    said = turns.flatten().field("text").to_pylist()
    return [(row, text) for row, text in zip(pc.list_parent_indices(turns).to_pylist(), said, strict=True) if text]

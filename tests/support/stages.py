"""Stages that only tests use. They travel to Ray's workers by value."""

import os
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Union, get_args

import pyarrow as pa
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipelines import recipe
from pipelines.stage import SPEC, Processed, Verdicts, Worker
from schemas.tables import GROUNDED, INPUT, READ


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Abort:
    """Aborts the process on rows whose URL holds `word`, as a segfault in a native library would."""

    stage: Literal["abort"] = "abort"
    name: str | None = None
    word: str

    version: ClassVar[int] = 1
    worker: ClassVar[Worker] = "task"
    reads: ClassVar[tuple[str, ...]] = ("url",)
    adds: ClassVar[pa.Schema] = pa.schema([])

    def load(self) -> "Abort":
        return self

    def process(self, rows: pa.Table) -> Processed:
        if any(self.word in url for url in rows["url"].to_pylist()):
            os.abort()
        return Processed(Verdicts.kept(len(rows)))


@dataclass(frozen=True, kw_only=True, config=SPEC)
class AbortAsync(Abort):
    """The same on an actor with many parts in flight."""

    stage: Literal["abort_async"] = "abort_async"
    worker: ClassVar[Worker] = "async"

    async def process(self, rows: pa.Table, began: float) -> Processed:  # type: ignore[override]
        return Abort.process(self, rows)

    @property
    def max_workers(self) -> None:
        """Any number of workers may abort."""

    def share(self, workers: int) -> "AbortAsync":
        return self

    async def close(self) -> None:
        """There is nothing to close."""


@dataclass(frozen=True, kw_only=True, config=SPEC)
class AbortModel(Abort):
    """The same on an actor that holds a model."""

    stage: Literal["abort_model"] = "abort_model"
    on_gpu: bool = False
    worker: ClassVar[Worker] = "model"


@dataclass(frozen=True, kw_only=True, config=SPEC)
class ByHand:
    """Gives every row the same regions, and a Chinese caption beside its English one."""

    stage: Literal["by_hand"] = "by_hand"
    name: str | None = None
    chinese: str | None = None
    regions: list[dict[str, Any]] = Field(default_factory=list)

    version: ClassVar[int] = 1
    worker: ClassVar[Worker] = "task"
    reads: ClassVar[tuple[str, ...]] = ("captions",)
    adds: ClassVar[pa.Schema] = pa.schema([INPUT.field("captions"), GROUNDED.field("regions")])

    def load(self) -> "ByHand":
        return self

    def process(self, rows: pa.Table) -> Processed:
        more = [{"text": self.chinese, "lang": "zh", "role": "translated", "model": "by hand"}] if self.chinese else []
        captions = [[*row, *more] for row in rows["captions"].to_pylist()]
        columns = [pa.array(captions, self.adds[0].type), pa.array([self.regions] * len(rows), self.adds[1].type)]
        return Processed(Verdicts.kept(len(rows)), pa.Table.from_arrays(columns, schema=self.adds))


@dataclass(frozen=True, kw_only=True, config=SPEC)
class LinesOfCaption:
    """Says that the image of every row holds the words of its caption, each as a line of text."""

    stage: Literal["lines_of_caption"] = "lines_of_caption"
    name: str | None = None

    version: ClassVar[int] = 1
    worker: ClassVar[Worker] = "task"
    reads: ClassVar[tuple[str, ...]] = ("captions",)
    adds: ClassVar[pa.Schema] = READ

    def load(self) -> "LinesOfCaption":
        return self

    def process(self, rows: pa.Table) -> Processed:
        texts = [captions[0]["text"] for captions in rows["captions"].to_pylist()]
        lines = [[self._line(word, at) for at, word in enumerate(text.split())] for text in texts]
        columns = [pa.array(lines, READ.field("lines").type), pa.array(texts)]
        return Processed(Verdicts.kept(len(rows)), pa.Table.from_arrays(columns, schema=READ))

    def _line(self, word: str, at: int) -> dict[str, Any]:
        top, bottom = 0.1 * at, 0.1 * at + 0.08
        quad = [0.1, top, 0.9, top, 0.9, bottom, 0.1, bottom]
        return {"text": word, "quad": quad, "score": 0.9, "script": "Latn", "block": 0, "dropped": None}


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Count:
    """Appends the number of rows it is given to a file, as a stage behind a barrier would spend on them."""

    stage: Literal["count"] = "count"
    name: str | None = None
    path: str

    version: ClassVar[int] = 1
    worker: ClassVar[Worker] = "task"
    reads: ClassVar[tuple[str, ...]] = ("url",)
    adds: ClassVar[pa.Schema] = pa.schema([])

    def load(self) -> "Count":
        return self

    def process(self, rows: pa.Table) -> Processed:
        with Path(self.path).open("a") as file:
            file.write(f"{len(rows)}\n")
        return Processed(Verdicts.kept(len(rows)))


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Loads:
    """A model: writes the process that loads it to a file, once a load."""

    stage: Literal["loads"] = "loads"
    name: str | None = None
    path: str

    version: ClassVar[int] = 1
    worker: ClassVar[Worker] = "model"
    on_gpu: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ("url",)
    adds: ClassVar[pa.Schema] = pa.schema([])

    def load(self) -> "Loads":
        with Path(self.path).open("a") as file:
            file.write(f"{os.getpid()}\n")
        return self

    def process(self, rows: pa.Table) -> Processed:
        return Processed(Verdicts.kept(len(rows)))


_SHIPPED = get_args(get_args(recipe.AnyStage)[0])

AnyStage = Annotated[
    Union[(*_SHIPPED, Abort, AbortAsync, AbortModel, ByHand, Count, LinesOfCaption, Loads)],
    Field(discriminator="stage"),
]


class RecipeForTests(recipe.Recipe):
    """A recipe that may abort, and ground and read by hand."""

    stages: list[AnyStage] = Field(min_length=1)

"""What a stage is.

A *spec* is a frozen pydantic dataclass: its fields are its recipe entry. `load()` builds the *engine* on the worker,
once; the engine maps an Arrow table of live rows to verdicts and added columns, row for row. Stages never see
paths, Ray or the clock. Fields marked `Operational` change how a stage runs but not what it decides; they stay out
of its fingerprint. `version` is raised whenever a spec's meaning changes.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, is_dataclass
from dataclasses import fields as dataclass_fields
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol, TypeVar, get_type_hints, runtime_checkable

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ConfigDict

from schemas.reasons import REASONS

SPEC = ConfigDict(extra="forbid")
"""Of every spec: ``@dataclass(frozen=True, kw_only=True, config=SPEC)`` with pydantic's dataclass."""

_MISSING = "missing"
OPERATIONAL = "operational"
_T = TypeVar("_T")
Operational = Annotated[_T, OPERATIONAL]
"""``concurrency: Operational[int] = 64`` — a field that is not part of the fingerprint."""

MODEL_FILE = "model file"
"""Marks a field that names a local file or folder (``Annotated[str | None, MODEL_FILE]``), or several in a tuple: what
they hold is fingerprinted, not where they lie."""


@dataclass(frozen=True, slots=True)
class FoundBy:
    """Marks, beside `MODEL_FILE`, a field that may hold a name in place of a path, as of a model that ships."""

    path_of: Callable[[str], str]
    """the path that a value stands for; raises ValueError where there is none"""

    def look_up(self, value: str) -> str:
        """The path, or the value itself where nothing goes by that name any more."""
        try:
            return self.path_of(value)
        except ValueError:
            return value


AS_SAVED = {"files may be gone": True}
"""Validation context of a recipe that was run before: what it says is still told when files it names are gone."""

Worker = Literal["async", "model", "task"]
"""On what a stage runs: an actor that keeps many requests in flight, one that holds a model, or a cheap task."""


class EndRunError(Exception):
    """Raised by an engine that could answer for no row any more, as where a key is refused: the run ends here.

    What is committed stays. The message says what to do; the parts that raised it are done again by the next run.
    """


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One verdict a row, in the rows' order. A null reason means kept."""

    reason: pa.Array  # string
    value: pa.Array  # float64
    detail: pa.Array  # string

    @staticmethod
    def kept(n: int) -> "Verdicts":
        """`n` rows kept."""
        return Verdicts(pa.nulls(n, pa.string()), pa.nulls(n, pa.float64()), pa.nulls(n, pa.string()))

    @staticmethod
    def refuse_where(
        refused: pa.Array | pa.ChunkedArray,
        reason: str,
        value: pa.Array | pa.ChunkedArray | None = None,
        detail: pa.Array | pa.ChunkedArray | None = None,
    ) -> "Verdicts":
        """Rows where `refused` is true leave for `reason` with their `value` and `detail`.

        The others, null too, are kept.
        """
        name = REASONS[reason].name
        refused = pc.fill_null(_flat(refused), False)
        return Verdicts(
            pc.if_else(refused, pa.scalar(name), pa.scalar(None, pa.string())),
            _where(refused, value, pa.float64()),
            _where(refused, detail, pa.string()),
        )

    def or_else(self, other: "Verdicts") -> "Verdicts":
        """These verdicts, and those of `other` for the rows that are kept here."""
        mine = pc.is_valid(self.reason)
        return Verdicts(
            pc.if_else(mine, self.reason, other.reason),
            pc.if_else(mine, self.value, other.value),
            pc.if_else(mine, self.detail, other.detail),
        )

    @staticmethod
    def of(verdicts: Sequence["Verdict | None"]) -> "Verdicts":
        """From one `Verdict` or None (kept) a row."""
        return Verdicts(
            pa.array([v and v.reason for v in verdicts], pa.string()),
            pa.array([v and v.value for v in verdicts], pa.float64()),
            pa.array([v and v.detail for v in verdicts], pa.string()),
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why one row leaves: a reason of the closed list, the measured value, and the error's own words."""

    reason: str
    value: float | None = None
    detail: str | None = None

    def __post_init__(self) -> None:
        if self.reason not in REASONS:
            raise ValueError(f"{self.reason!r} is not in the closed list of reasons")


@dataclass(frozen=True, slots=True)
class Processed:
    """What an engine answers for a table: verdicts and the added columns, both as long as the table."""

    verdicts: Verdicts
    columns: pa.Table | None = None


class Engine(Protocol):
    """A loaded stage of worker kind ``task`` or ``model``."""

    def process(self, rows: pa.Table) -> Processed:
        """`rows` holds the columns that the spec `reads`, live rows only, in id order."""
        ...


class AsyncEngine(Protocol):
    """A loaded stage of worker kind ``async``; `process` is called for several tables at once."""

    async def process(self, rows: pa.Table, began: float) -> Processed:
        """`began` is the event loop's time when the first rows of their part were handed in."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class Stage(Protocol):
    """A recipe entry that judges rows one by one."""

    version: ClassVar[int]
    worker: ClassVar[Worker]
    adds: ClassVar[pa.Schema]

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns that it needs; some stages need more or fewer by their settings."""
        ...

    @property
    def stage(self) -> str:
        """The kind, as the recipe spells it."""
        ...

    @property
    def name(self) -> str | None:
        """A name of its own where the recipe uses a kind twice."""
        ...

    def load(self) -> Any:
        """Build the engine (an `Engine`, or an `AsyncEngine` for worker kind ``async``)."""
        ...


@runtime_checkable
class AsyncStage(Stage, Protocol):
    """A stage of worker kind ``async``."""

    @property
    def max_workers(self) -> int | None:
        """The most workers that it can be shared among; None for any number."""
        ...

    def share(self, workers: int) -> "AsyncStage":
        """The spec for one of `workers` workers: limits that hold over all of them together are divided."""
        ...


@runtime_checkable
class AnsweredStage(AsyncStage, Protocol):
    """A stage that asks a language model, and keeps every answer."""

    @property
    def lacking(self) -> str | None:
        """What is missing before it can ask; None when all is here."""
        ...

    def placed(self, folder: str) -> "AsyncStage":
        """The spec for a run that keeps its answers in `folder`."""
        ...


@runtime_checkable
class ModelStage(Stage, Protocol):
    """A stage of worker kind ``model``."""

    @property
    def on_gpu(self) -> bool:
        """Whether each worker needs a GPU to itself."""
        ...


@runtime_checkable
class SetRule(Protocol):
    """A recipe entry that needs all rows: a barrier. Both functions are pure.

    `keys` gives, for a table of live rows, any number of rows ``(id: int64, space: string, key: binary, weight:
    int64)``; rows that share space and key meet in one bucket, and all rows do where the rule `gathers`. `decide` sees
    one bucket, which holds every row of each (space, key) in it, and answers ``(id: int64, reason: string, value:
    float64)`` and the evidence columns `adds` for the rows to refuse. It must not depend on the order of the bucket's
    rows. Where several buckets refuse a row, the reason that comes first in `reasons` stands.
    """

    version: ClassVar[int]
    gathers: ClassVar[bool]
    adds: ClassVar[pa.Schema]
    reasons: ClassVar[tuple[str, ...]]

    @property
    def reads(self) -> tuple[str, ...]: ...

    @property
    def stage(self) -> str: ...

    @property
    def name(self) -> str | None: ...

    def keys(self, rows: pa.Table) -> pa.Table: ...

    def decide(self, bucket: pa.Table) -> pa.Table: ...


@runtime_checkable
class MarkingRule(SetRule, Protocol):
    """A set rule that changes what rows hold, the kept ones too, by what several buckets found out about them.

    Its `decide` answers rows of `found` in place of refusals: an ``id``, any number of times, and what was found. The
    columns that it `adds` take the place of earlier ones of the same name.
    """

    found: ClassVar[pa.Schema]

    def mark(self, rows: pa.Table, found: pa.Table) -> Processed:
        """`rows` are those of a part that enter, with the columns that the rule `reads`; `found` is about any rows.

        The order of `found` bears on nothing. About rows that a later generation has taken over nothing is found.
        """
        ...


def title(stage: Stage | SetRule) -> str:
    """The name a stage goes by in its recipe, on the command line and in verdicts."""
    return stage.name or stage.stage


def semantic_fields(spec: Any, *, chosen: bool = False) -> dict[str, Any]:
    """The fields of a spec that decide what it does: all but the operational ones, local files by their digest.

    With `chosen`, those at their default are left out, save for files. So a field that is new changes no fingerprint; a
    default that changes has to raise the spec's `version`.
    """
    hints = get_type_hints(type(spec), include_extras=True)
    found = {}
    for field in dataclass_fields(spec):
        marks = getattr(hints[field.name], "__metadata__", ())
        value = getattr(spec, field.name)
        if OPERATIONAL in marks:
            continue
        for mark in marks:
            if isinstance(mark, FoundBy):
                value = mark.look_up(value)
        told = _semantic(value, MODEL_FILE in marks, chosen=chosen)
        at_default = chosen and MODEL_FILE not in marks and value == default_of(spec, field.name)
        # of a part that is left as it is, the files still count
        if not at_default or (is_dataclass(value) and told):
            found[field.name] = told
    return found


def semantic_defaults(spec: type) -> dict[str, Any]:
    """The defaults of the fields that decide what a kind of spec does; those without one, and files, are left out."""
    hints = get_type_hints(spec, include_extras=True)
    found = {}
    for field in dataclass_fields(spec):
        marks = getattr(hints[field.name], "__metadata__", ())
        if OPERATIONAL not in marks and MODEL_FILE not in marks:
            found[field.name] = default_of(spec, field.name)
    return {name: value for name, value in found.items() if value is not MISSING}


def default_of(spec: Any, name: str) -> Any:
    """The default of a field of a spec or of a kind of specs; `MISSING` where it has none."""
    kind = spec if isinstance(spec, type) else type(spec)
    fields = getattr(kind, "__pydantic_fields__", {})
    if name not in fields:
        return next(field.default for field in dataclass_fields(kind) if field.name == name)
    return MISSING if fields[name].is_required() else fields[name].get_default(call_default_factory=True)


def lacks_files(spec: Any) -> bool:
    """Whether a local file that the spec names is gone, so that its fingerprint cannot be told any more."""
    return any(_lacks_files(value) for value in semantic_fields(spec).values())


def _lacks_files(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_lacks_files(member) for member in value.values())
    return any(_lacks_files(member) for member in value) if isinstance(value, tuple) else value is _MISSING


def _semantic(value: Any, is_file: bool, *, chosen: bool) -> Any:
    if isinstance(value, tuple):
        return tuple(_semantic(member, is_file, chosen=chosen) for member in value)
    if is_dataclass(value):
        return semantic_fields(value, chosen=chosen)
    if is_file and value is not None:
        path = Path(value)
        if not path.exists():  # as when a run was copied elsewhere: it is like no other file
            return _MISSING
        # a word that is mended in a model's card makes no other model
        held = (file for file in path.rglob("*") if file.is_file() and file.suffix != ".md")
        files = sorted(held) if path.is_dir() else [path]
        return _digest(path, tuple((file, *_looks(file)) for file in files))
    return value


def _looks(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


@lru_cache
def _digest(path: Path, seen: tuple[tuple[Path, int, int, int], ...]) -> str:
    """SHA-256 of a file, or of the names and digests of a folder's; what looks otherwise is read again."""
    digests = []
    for name, *_ in seen:
        with name.open("rb") as file:
            digests.append((str(name.relative_to(path)), hashlib.file_digest(file, "sha256").hexdigest()))
    return digests[0][1] if path.is_file() else hashlib.sha256(repr(digests).encode()).hexdigest()


def _where(mask: pa.BooleanArray, values: pa.Array | pa.ChunkedArray | None, type_: pa.DataType) -> pa.Array:
    """`values` where `mask`, null elsewhere."""
    if values is None:
        return pa.nulls(len(mask), type_)
    return pc.if_else(mask, _flat(values).cast(type_), pa.scalar(None, type_))


def _flat(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column

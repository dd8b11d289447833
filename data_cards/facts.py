"""What a card tells, as plain values. A funnel that does not add up cannot be built."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from data_cards.facts_measured import (
    AnnotationEngine,
    BoxCounts,
    Count,
    HeatMap,
    Histogram,
    Host,
    Review,
    Rule,
    SourceLicense,
    Tally,
    TaskTokens,
)
from schemas.reasons import REASONS, REFUSALS
from schemas.statements import STATEMENTS


@dataclass(frozen=True, slots=True)
class Refusal:
    """How many rows one stage refused for one reason; the reason must be of the closed list."""

    stage: str
    reason: str
    rows: int

    def __post_init__(self) -> None:
        if self.reason not in REASONS:
            raise ValueError(f"{self.reason!r} is not in the closed list of reasons")


@dataclass(frozen=True, slots=True)
class Step:
    """A hop, a set rule or the packing: rows that entered, rows it kept, and why the others left."""

    name: str
    entered: int
    kept: int
    refusals: tuple[Refusal, ...] = ()

    def __post_init__(self) -> None:
        refused = sum(refusal.rows for refusal in self.refusals)
        if self.kept + refused != self.entered:
            raise ValueError(f"{self.name}: {self.kept} kept and {refused} refused are not the {self.entered} entered")


@dataclass(frozen=True, slots=True)
class Split:
    """One split: its samples, and the bytes that they hold in memory."""

    name: str
    num_examples: int
    num_bytes: int


@dataclass(frozen=True, slots=True)
class Kind:
    """Samples of one task in one language."""

    task: str
    language: str
    """ISO 639 code; ``und`` where it is not known."""
    planned: int
    """Samples that could be made, before the mixture."""
    samples: Mapping[str, int]
    """By split."""
    supervised_tokens: int | None = None
    """Over all splits; None where no tokenizer counted them."""

    def __post_init__(self) -> None:
        if sum(self.samples.values()) > self.planned:
            raise ValueError(f"{self.task} in {self.language}: more samples than the {self.planned} planned")


@dataclass(frozen=True, slots=True)
class TaskRefusal:
    """How often a task was not made of a caption, or of one of its regions; the row itself stays."""

    task: str
    refusal: str
    times: int

    def __post_init__(self) -> None:
        if self.refusal not in REFUSALS:
            raise ValueError(f"{self.refusal!r} is not in the closed list of refusals")


@dataclass(frozen=True, slots=True)
class CardFacts:
    """All that a card says. Nothing in it comes from a clock: the card is part of the reproducible data set.

    Raises ValueError when a step does not receive exactly what the step before kept, or the first step `rows`.
    """

    recipe: str
    description: str
    dialect: str
    tasks: tuple[str, ...]
    rows: int
    """Rows of the input that the run took."""
    steps: tuple[Step, ...]
    """In the recipe's order, packing last."""
    splits: tuple[Split, ...]
    shards: int
    download_size: int
    """Bytes of all shard files."""
    budget: Mapping[str, int] = field(default_factory=dict)
    """What a processor may spend on an image: ``max_pixels`` or ``max_tiles``."""
    kinds: tuple[Kind, ...] = ()
    """Samples by task and language."""
    task_refusals: tuple[TaskRefusal, ...] = ()
    """By task, most first."""
    licenses: tuple[Count, ...] = ()
    """Samples by licence as the sources state it, most first."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """What made it: package or stage name to version."""
    statements: Mapping[str, str] = field(default_factory=dict)
    """What people say of the set, by the keys of `schemas.statements`; what nobody said is absent."""
    rules: tuple[Rule, ...] = ()
    """Every setting of every stage, in the recipe's order."""
    engines: tuple[AnnotationEngine, ...] = ()
    sources: tuple[SourceLicense, ...] = ()
    """Most rows first; those of many are cut at a few hundred."""
    hosts: tuple[Host, ...] = ()
    """The hosts most of whose rows left, most first."""
    histograms: tuple[Histogram, ...] = ()
    """In the order in which a card shows them, by section; those that nothing was measured for are left out."""
    tallies: tuple[Tally, ...] = ()
    """The same."""
    heat_maps: tuple[HeatMap, ...] = ()
    boxes: BoxCounts | None = None
    """None where no stage and no source gives boxes."""
    tokens: tuple[TaskTokens, ...] = ()
    reviews: tuple[Review, ...] = ()

    def __post_init__(self) -> None:
        arriving, from_ = self.rows, "the input"
        for step in self.steps:
            if step.entered != arriving:
                raise ValueError(f"{step.name}: {step.entered} rows entered, but {from_} passed on {arriving}")
            arriving, from_ = step.kept, step.name
        if unknown := self.statements.keys() - STATEMENTS.keys():
            raise ValueError(f"not among the statements of a card: {', '.join(sorted(unknown))}")

    def histogram(self, name: str) -> Histogram | None:
        """The histogram called so, if there is one."""
        return next((one for one in self.histograms if one.name == name), None)

    def tally(self, name: str) -> Tally | None:
        """The tally called so, if there is one."""
        return next((one for one in self.tallies if one.name == name), None)

    @property
    def samples(self) -> int:
        return sum(split.num_examples for split in self.splits)

    @property
    def languages(self) -> dict[str | None, int]:
        """Samples by language code; None: not known."""
        found: Counter[str | None] = Counter()
        for kind in self.kinds:
            found[None if kind.language == "und" else kind.language] += sum(kind.samples.values())
        return {code: n for code, n in found.items() if n}

    @property
    def used(self) -> int:
        """Rows that came through to the end."""
        return self.steps[-1].kept if self.steps else self.rows

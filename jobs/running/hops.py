"""From a recipe to hops: runs of consecutive stages on the same kind of worker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import pyarrow as pa

from pipelines.chatml.pack_spec import PackSpec
from pipelines.chatml.samples import sample_reads
from pipelines.chatml.stage import Pack
from pipelines.recipe import Recipe, columns_of, fingerprint, stage_identity, stages_of
from pipelines.stage import AnsweredStage, SetRule, Stage, title
from schemas.layout import RunLayout, part_name
from schemas.tables import INPUT, VERDICT

HopKind = Literal["async", "model", "task", "set"]
INPUT_LAYER = "input"


@dataclass(frozen=True)
class Hop:
    """One step of every part, with one committed file a part.

    `origins` says for each column the hop reads which earlier layer holds it (``input`` for the plan's own);
    `set_rules` names the set rules among the hops so far, whose layers lie in a folder of their own.
    """

    index: int
    name: str
    kind: HopKind
    stages: tuple[Stage | SetRule, ...]
    fingerprint: str
    origins: dict[str, str]
    previous: str | None
    set_rules: frozenset[str]

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns read from earlier layers."""
        return tuple(self.origins)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Layers read, the hop before first; the input window is pinned by the plan and not among them."""
        before = [] if self.previous is None else [self.previous]
        return tuple(dict.fromkeys([*before, *(layer for layer in self.origins.values() if layer != INPUT_LAYER)]))

    @property
    def schema(self) -> pa.Schema:
        """The layer's schema: verdict columns, then what the stages add."""
        return pa.schema([*VERDICT, *columns_of(list(self.stages))])

    def path(self, layout: RunLayout, part: int, layer: str | None = None) -> Path:
        """Where this hop's file of a part lies, or that of an earlier `layer`."""
        name = layer or self.name
        return layout.layer(name, set_rule=name in self.set_rules) / part_name(part)


def compile_hops(recipe: Recipe, known: Mapping[str, str] = MappingProxyType({})) -> list[Hop]:
    """The hops of a recipe in order, the packing decision last. Every hop's fingerprint holds the one before.

    `known` are fingerprints by hop that stand, whatever the files that the recipe names hold by now.
    """
    hops: list[Hop] = []
    origins = dict.fromkeys(INPUT.names, INPUT_LAYER)
    names: set[str] = set()
    set_rules: set[str] = set()
    for kind, stages in _runs([*stages_of(recipe), Pack(recipe.pack)]):
        name = _name(kind, stages, names)
        names.add(name)
        added = columns_of(stages).names
        reads: dict[str, str] = {}
        seen: set[str] = set()
        for stage in stages:
            reads |= {column: origins[column] for column in stage.reads if column not in seen and column != "id"}
            seen |= set(stage.adds.names)
        previous = hops[-1] if hops else None
        identity = known.get(name) or fingerprint(
            previous.fingerprint if previous else None, [stage_identity(stage) for stage in stages]
        )
        set_rules |= {name} if kind == "set" else set()
        before = previous.name if previous else None
        hops.append(Hop(len(hops), name, kind, tuple(stages), identity, reads, before, frozenset(set_rules)))
        origins |= dict.fromkeys(added, name)
    return hops


def placed(hops: list[Hop], layout: RunLayout) -> list[Hop]:
    """The hops, with stages that keep answers told where the run keeps them: which is no part of their fingerprint."""
    folder = str(layout.llm_cache)
    return [
        replace(
            hop,
            stages=tuple(stage.placed(folder) if isinstance(stage, AnsweredStage) else stage for stage in hop.stages),
        )
        for hop in hops
    ]


def shard_reader(hops: list[Hop], spec: PackSpec, columns: Sequence[str] | None = None) -> Hop:
    """What reads the rows that the packing decision kept, with `columns` or all of a sample; it commits no layer."""
    origins = dict.fromkeys(INPUT.names, INPUT_LAYER)
    for hop in hops:
        origins |= dict.fromkeys(columns_of(list(hop.stages)).names, hop.name)
    last = hops[-1]
    reads = {column: origins[column] for column in columns or sample_reads(spec) if column != "id"}
    return Hop(len(hops), "shards", "task", (), last.fingerprint, reads, last.name, last.set_rules)


def hop_index(hops: list[Hop], name: str) -> int:
    """The index of the hop called `name`, or that holds a stage called so. Raises `LookupError` with what there is."""
    for hop in hops:
        if name in (hop.name, *(title(stage) for stage in hop.stages)):
            return hop.index
    raise LookupError(f"no hop or stage is called {name!r}; there are {', '.join(hop.name for hop in hops)}")


def _runs(stages: list[Stage | SetRule]) -> list[tuple[HopKind, list[Stage | SetRule]]]:
    """Consecutive stages of one kind; a set rule, one that asks a model and the packing decision each stand alone."""
    runs: list[tuple[HopKind, list[Stage | SetRule]]] = []
    for (kind, alone), group in groupby(stages, key=lambda stage: (_kind(stage), _stands_alone(stage))):
        members = list(group)
        runs += [(kind, [member]) for member in members] if alone else [(kind, members)]
    return runs


def _stands_alone(stage: Stage | SetRule) -> bool:
    return isinstance(stage, AnsweredStage) or not isinstance(stage, Stage) or stage.stage == "pack"


def _kind(stage: Stage | SetRule) -> HopKind:
    return stage.worker if isinstance(stage, Stage) else "set"


def _name(kind: HopKind, stages: list[Stage | SetRule], taken: set[str]) -> str:
    """A hop of cheap stages is called ``filter``; any other by its only or first stage."""
    base = "filter" if kind == "task" and stages[0].stage != "pack" else title(stages[0])
    return next(name for n in range(1, len(taken) + 2) if (name := base if n == 1 else f"{base}-{n}") not in taken)

"""The facts of a card, from the tallies of the hops, the cut, the counts of the shards and what was collected."""

import json
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version

import numpy as np

from data_cards.facts import CardFacts, Kind, Refusal, Split, Step, TaskRefusal
from data_cards.facts_measured import (
    BoxCounts,
    Count,
    HeatMap,
    Histogram,
    Host,
    Review,
    SourceLicense,
    Tally,
    TaskTokens,
)
from jobs.cards.catalogue import GRID, GROUP_SIZE, LISTINGS, MEASURES, Measure
from jobs.cards.collect import Collected
from jobs.cards.measured import Ints, Measured
from jobs.cards.rules import engines, rules, thresholds
from jobs.packing.cut import Cut
from jobs.packing.shards import BYTES, KIND, LICENSE, SAMPLES, SUPERVISED
from jobs.running.state import RunState
from jobs.running.tally import HopTally
from jobs.store.commit import KEPT
from jobs.store.manifest import Manifest
from pipelines.recipe import Recipe
from pipelines.stage import title

_VERSIONED = ("shardmill", "pyarrow", "pillow", "opencv-python-headless")
_MOST_HOSTS = 20
_MOST_REASONS = 8
_MOST_KEYS = 30
_MOST_SOURCES = 200


def card_facts(state: RunState, whole: Cut, shards: Manifest, collected: Collected) -> CardFacts:
    """All that the card tells. Every part must have passed every hop."""
    totals: Counter[str] = Counter()
    of_split: dict[str, Counter[str]] = {name: Counter() for name in whole.splits}
    for commit in shards:
        totals.update(commit.counts)
        of_split[whole.pieces[commit.part].split].update(commit.counts)
    spec, measured = state.recipe.pack, collected.measured
    counted = spec.tokenizer is not None
    return CardFacts(
        recipe=state.recipe.name,
        description=state.recipe.description,
        dialect=spec.dialect,
        tasks=spec.tasks,
        budget={name: limit for name, limit in spec.budget._asdict().items() if limit is not None},
        rows=state.plan.planned_rows,
        steps=tuple(step(hop.name, state.tally[hop.name]) for hop in state.hops),
        splits=tuple(Split(name, counts[SAMPLES], counts[BYTES]) for name, counts in of_split.items()),
        shards=len(shards),
        download_size=sum(commit.bytes for commit in shards),
        kinds=tuple(_kinds(whole, of_split, counted=counted)),
        task_refusals=_task_refusals(whole),
        licenses=_with_prefix(totals, LICENSE),
        versions={name: version(name) for name in _VERSIONED},
        statements=state.recipe.card.statements,
        rules=rules(state.recipe),
        engines=engines(state.recipe),
        sources=_sources(measured),
        hosts=_hosts(collected),
        histograms=(*_histograms(measured, state.recipe), *_group_sizes(collected)),
        tallies=tuple(_tallies(measured)),
        heat_maps=_heat_maps(measured),
        boxes=BoxCounts(*measured.boxes.tolist()) if measured.boxes.any() else None,
        tokens=_tokens(measured, totals, counted=counted),
        reviews=tuple(_reviews(state)),
    )


def step(name: str, tally: HopTally) -> Step:
    """A hop's tally as the card's funnel has it."""
    refusals = [
        Refusal(what.partition("/")[0], what.partition("/")[2], rows)
        for what, rows in sorted(tally.counts.items(), key=lambda item: (-item[1], item[0]))
        if what != KEPT and rows
    ]
    return Step(name, tally.entered, tally.kept, tuple(refusals))


def _kinds(whole: Cut, of_split: dict[str, Counter[str]], *, counted: bool) -> list[Kind]:
    """Samples by task and language: planned, and in each split."""
    tokens = sum(of_split.values(), Counter[str]())
    return [
        Kind(
            kind.task,
            kind.language,
            planned,
            {name: counts[f"{KIND}{kind.task}/{kind.language}"] for name, counts in of_split.items()},
            tokens[f"{SUPERVISED}{kind.task}/{kind.language}"] if counted else None,
        )
        for kind, planned in sorted(whole.planned.items())
    ]


def _task_refusals(whole: Cut) -> tuple[TaskRefusal, ...]:
    ordered = sorted(whole.refusals.items(), key=lambda item: (item[0][0], -item[1], item[0][1]))
    return tuple(TaskRefusal(task, refusal, times) for (task, refusal), times in ordered)


def _with_prefix(counts: Counter[str], prefix: str) -> tuple[Count, ...]:
    found = [Count(key.removeprefix(prefix) or None, n) for key, n in counts.items() if key.startswith(prefix)]
    return tuple(sorted(found, key=lambda count: (-count.n, count.key or "")))


def _histograms(measured: Measured, recipe: Recipe) -> Iterator[Histogram]:
    for name, measure in MEASURES.items():
        if (
            name in measured.bins
            and measured.bins[name].any()
            and (measure.section != "grounding" or measured.boxes[2])
        ):
            counts, kept = measured.bins[name]
            yield _histogram(name, measure, counts, None if name in measured.undivided else kept, recipe)


def _histogram(name: str, measure: Measure, counts: Ints, kept: Ints | None, recipe: Recipe | None = None) -> Histogram:
    return Histogram(
        *(name, measure.title, measure.section, measure.of, measure.unit, tuple(map(float, measure.edges))),
        counts=tuple(counts.tolist()),
        kept=None if kept is None else tuple(kept.tolist()),
        thresholds=thresholds(recipe, name) if recipe else (),
    )


def _group_sizes(collected: Collected) -> Iterator[Histogram]:
    """How many rows the groups have of which a set rule kept one row."""
    for rule, repeated in sorted(collected.repeats.items()):
        _, others = np.unique(repeated, return_counts=True)
        at = np.searchsorted(GROUP_SIZE.edges, others + 1, side="right") - 1
        counts = np.bincount(at, minlength=len(GROUP_SIZE.edges))
        measure = GROUP_SIZE._replace(title=f"{GROUP_SIZE.title}, by {rule}")
        yield _histogram(f"group_size/{rule}", measure, counts, None)


def _tallies(measured: Measured) -> Iterator[Tally]:
    for name, listing in LISTINGS.items():
        counts = {key: n for key, n in measured.tallies.get(name, Counter()).items() if n}
        if counts:
            ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0] is None, item[0] or ""))
            shown, rest = ordered[:_MOST_KEYS], ordered[_MOST_KEYS:]
            yield Tally(
                *(name, listing.title, listing.section, listing.of),
                counts=tuple(Count(key, n) for key, n in shown),
                meanings={key: listing.meanings[key] for key, _ in shown if key in listing.meanings},
                other_keys=len(rest),
                others=sum(n for _, n in rest) + measured.forgotten[name],
            )


def _heat_maps(measured: Measured) -> tuple[HeatMap, ...]:
    if not measured.grid.any():
        return ()
    counts = tuple(measured.grid.tolist())
    return (HeatMap("box_centres", "where the centres of boxes lie", "grounding", "boxes", GRID, GRID, counts),)


def _hosts(collected: Collected) -> tuple[Host, ...]:
    """The hosts most of whose rows left."""
    fates: dict[str, Counter[str]] = {}
    for group in collected.hosts.groups().to_pylist():
        fates.setdefault(group["host"], Counter())[group["what"]] = group["rows"]
    lost = {host: counts.total() - counts[KEPT] for host, counts in fates.items()}
    names = sorted((host for host, n in lost.items() if n), key=lambda host: (-lost[host], host))[:_MOST_HOSTS]
    return tuple(_host(name, fates[name]) for name in names)


def _host(name: str, counts: Counter[str]) -> Host:
    left = sorted(((what, n) for what, n in counts.items() if what != KEPT), key=lambda item: (-item[1], item[0]))
    told = ((*what.partition("/"), n) for what, n in left[:_MOST_REASONS])
    return Host(name, counts.total(), counts[KEPT], tuple((stage, reason, n) for stage, _, reason, n in told))


def _sources(measured: Measured) -> tuple[SourceLicense, ...]:
    ordered = sorted(measured.sources.items(), key=lambda item: (-item[1], item[0][0], item[0][1] or ""))
    return tuple(SourceLicense(source, license_, n) for (source, license_), n in ordered[:_MOST_SOURCES])


def _tokens(measured: Measured, totals: Counter[str], *, counted: bool) -> tuple[TaskTokens, ...]:
    supervised: Counter[str] = Counter()
    for key, n in totals.items():
        if key.startswith(SUPERVISED):
            supervised[key.removeprefix(SUPERVISED).partition("/")[0]] += n
    return tuple(
        TaskTokens(
            *(task, n, measured.text_tokens.get(task), measured.image_tokens.get(task)),
            supervised=supervised[task] if counted else None,
        )
        for task, n in sorted(measured.samples.items())
    )


def _reviews(state: RunState) -> Iterator[Review]:
    """What people marked, as `shardmill review --import` keeps it, of stages as they are now."""
    current = {title(stage): hop.fingerprint for hop in state.hops for stage in hop.stages}
    for path in sorted(state.layout.reviews.glob("*.json")):
        said = json.loads(path.read_text("utf-8"))
        if said["fingerprint"] == current.get(said["stage"]):
            yield Review(
                *(said["stage"], said["n"], said["yes"], said["no"], said["unsure"], said["seed"], said["precision"]),
                wilson=said["wilson"] and tuple(said["wilson"]),
            )

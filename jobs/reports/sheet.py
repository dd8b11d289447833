"""`shardmill sheet`: pages that let a person see what a rule throws away, and what is kept."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from data_cards.sheet import Entry, Sheet, render, render_index
from jobs.commands import answers, saved
from jobs.reports.naming import unknown_names
from jobs.reports.sampling import Question, Sample, last_hop, sample
from jobs.reports.tiles import thresholds, tiles
from jobs.running.state import RunState
from jobs.store.commit import KEPT
from jobs.store.files import write_atomically
from pipelines.recipe_text import RecipeError
from schemas.reasons import REASONS


@dataclass(frozen=True)
class SheetOptions:
    """What `sheet` was asked for."""

    folder: Path
    reasons: tuple[str, ...] = ()
    kept: bool = False
    every: bool = False
    stage: str | None = None
    n: int = 100
    seed: int = 0
    output: Path | None = None


@answers
def sheet(options: SheetOptions) -> int:
    """Write the sheet that was asked for, or one of each kind and an index."""
    state = saved(options.folder)
    _check(options, state)
    out = Console(highlight=False, soft_wrap=True)
    if options.every:
        index, sheets = _write_all(state, options)
        out.print(Text(f"{sheets} sheets: {index}"))
        return 0
    name = KEPT if options.kept else "+".join(dict.fromkeys(options.reasons))
    ask = Question(frozenset(options.reasons), options.stage)
    (found,) = sample(state, [ask], options.n, options.seed)
    file = f"{name}.html" if options.stage is None else f"{name}-{options.stage}.html"
    path = options.output or state.layout.sheets / file
    _write(path, render(_sheet(state, ask, found, options.seed)))
    out.print(Text(f"{name}: {len(found.rows):,} of {found.matching:,} rows: {path}"))
    return 0


def _write_all(state: RunState, options: SheetOptions) -> tuple[Path, int]:
    """A sheet for the kept rows and for each reason that occurred, and the index; its path, and their number."""
    folder = options.output or state.layout.sheets
    asked = {KEPT: Question(), **{name: Question(frozenset([name])) for name in _occurring(state)}}
    samples = sample(state, list(asked.values()), options.n, options.seed)
    entries = []
    for (name, ask), found in zip(asked.items(), samples, strict=True):
        entry = Entry(name, f"{name}.html", found.matching, len(found.rows), tuple(sorted(found.stages)))
        _write(folder / entry.file, render(_sheet(state, ask, found, options.seed)))
        entries.append(entry)
    index = folder / "index.html"
    _write(index, render_index(str(state.layout.root), state.recipe.name, entries))
    return index, len(entries)


def _check(options: SheetOptions, state: RunState) -> None:
    """Raise `RecipeError` with every mistake in the options."""
    problems = []
    if bool(options.reasons) + options.kept + options.every != 1:
        problems.append("say what to show: --reason NAME (several are allowed), or --kept, or --all")
    if options.every and options.stage is not None:
        problems.append("--stage goes with --reason or --kept, and not with --all")
    occurred = ", ".join(_occurring(state)) or "none"
    problems += unknown_names(state, options.reasons, options.stage, there_are=f"in this run occurred: {occurred}")
    if problems:
        raise RecipeError("shardmill sheet", problems)


def _occurring(state: RunState) -> list[str]:
    """The reasons that rows of the run left for, in the order of the hops, of one hop the most frequent first."""
    counted = (what for tally in state.tally.values() for what, _ in tally.counts.most_common() if what != KEPT)
    return list(dict.fromkeys(what.partition("/")[2] for what in counted))


def _sheet(state: RunState, ask: Question, found: Sample, seed: int) -> Sheet:
    reasons = tuple(name for name in REASONS if name in ask.reasons)
    if reasons:
        what = f"Left for {', '.join(reasons)}" + (f" at {ask.stage}" if ask.stage else "")
    else:
        what = f"Kept by {ask.stage or last_hop(state).name}"
    stages = {ask.stage} if ask.stage else found.stages
    rules = dict.fromkeys(
        (stage, *told)
        for stage in sorted(stages)
        for reason in reasons or (None,)
        for told in thresholds(state.recipe, stage, reason)
    )
    by_id = sorted(tiles(state, found.drawn()), key=lambda tile: tile.id)
    return Sheet(
        what, str(state.layout.root), state.recipe.name, tuple(by_id), found.matching, seed, reasons, tuple(rules)
    )


def _write(path: Path, page: str) -> None:
    try:
        write_atomically(path, page)
    except OSError as error:
        raise RecipeError("--output", [f"{path} cannot be written: {error.strerror}"]) from error

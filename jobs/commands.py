"""What the commands do; each answers an exit status. Mistakes of the user's are one message and 2."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import ParamSpec

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from jobs import launch
from jobs.driving import TROUBLE, RunOptions, check, drive, print_found
from jobs.reports import explain as explaining
from jobs.reports import histogram, llm, summary, suspects
from jobs.reports.estimate import estimate
from jobs.running.hops import Hop, compile_hops
from jobs.running.state import RunState
from jobs.store.lease import Lease, RunBusyError, RunFolderError
from jobs.store.plan import Plan
from jobs.verify import verify as verify_run
from pipelines.pull.stage import Pull, describe
from pipelines.recipe import Recipe
from pipelines.recipe_text import RecipeError, load, shipped
from pipelines.sources.files import InputError
from pipelines.sources.tables.named import NAMED
from schemas.layout import RunLayout

_P = ParamSpec("_P")
_MISTAKES = (RecipeError, InputError, launch.RunMismatchError, RunBusyError, RunFolderError)


def answers(command: Callable[_P, int]) -> Callable[_P, int]:
    """Turn the user's mistakes into a message and exit status 2, trouble in the run into a message and 1."""

    @wraps(command)
    def answered(*args: _P.args, **kwargs: _P.kwargs) -> int:
        errors = Console(stderr=True, highlight=False, soft_wrap=True)
        try:
            return command(*args, **kwargs)
        except _MISTAKES as error:
            errors.print(Text(str(error)))
            return 2
        except TROUBLE as error:
            errors.print(Text(str(error)))
            return 1

    return answered


@answers
def run(options: RunOptions, *, as_json: bool = False) -> int:
    """Run a recipe from the input to the shards."""
    recipe = load(options.recipe, options.settings)
    check(options, recipe)
    layout = launch.layout_of(options.output)
    out = Console(highlight=False, soft_wrap=True, stderr=as_json)
    with _opened(recipe, options, layout, out) as opened:
        return drive(RunState(layout, recipe, opened), options, out, as_json=as_json)


@answers
def plan(options: RunOptions, *, as_json: bool = False) -> int:
    """Pin the input, and say what a run would do."""
    recipe = load(options.recipe, options.settings)
    layout = launch.layout_of(options.output)
    with _opened(recipe, options, layout, Console(highlight=False, soft_wrap=True, stderr=as_json)) as opened:
        if not layout.manifest.exists():  # what has been run already stays what `status` and `verify` speak of
            launch.save_run(layout, recipe, opened, compile_hops(recipe))
        state = RunState(layout, recipe, opened)
        found, asked = estimate(state), llm.expected(state)

    def show(console: Console) -> None:
        found.show(console)
        llm.show_expected(asked, console)

    print_found({**found.facts(), **({"llm": asked} if asked else {})}, as_json, show)
    return 0


@answers
def explain(recipe_name: str, settings: Sequence[str], *, as_json: bool = False) -> int:
    """Say what a recipe's rules are and where their thresholds come from."""
    recipe = load(recipe_name, settings)
    print_found({"recipe": recipe.name, "rules": explaining.rules(recipe)}, as_json, partial(explaining.show, recipe))
    return 0


@answers
def status(folder: Path, *, reasons: bool = False, hosts: bool = False, as_json: bool = False) -> int:
    """Show a run's accounting; by reason and by host if asked to."""
    state = saved(folder)
    found = {
        **summary.facts(state),
        **({"reasons": histogram.by_reason(state)} if reasons else {}),
        **({"hosts": histogram.by_host(state)} if hosts else {}),
        "suspects": [suspect.facts() for suspect in suspects.suspects(state, everywhere=hosts)],
        "driver": summary.driver(state),
    }

    def show(console: Console) -> None:
        summary.show(found, console, reasons=not reasons)
        if reasons:
            histogram.show_reasons(found["reasons"], console)
        if hosts:
            histogram.show_hosts(found["hosts"], console)
        suspects.show(found["suspects"], console)
        console.print(Text(found["driver"] or "no driver is at work on it"))

    print_found(found, as_json, show)
    return 0


@answers
def pack(folder: Path, settings: Sequence[str], engine: str, address: str | None) -> int:
    """Pack a run's rows again."""
    layout = launch.layout_of(folder)
    recipe = launch.saved_recipe(layout, settings)
    if other := [setting for setting in settings if not setting.startswith(("pack.", "run."))]:
        say = "packing again changes `pack.` and `run.` only; for anything else, `shardmill run` the recipe"
        raise RecipeError("shardmill pack", [f"--set {setting}: {say}" for setting in other])
    options = RunOptions(recipe.name, folder, engine=engine, address=address, start="pack")
    check(options, recipe)
    with Lease(layout.lease):
        known = launch.saved_fingerprints(layout, recipe)
        known.pop("pack", None)  # which is what the settings may change
        state = RunState(layout, recipe, Plan.load(layout.plan_json), known)
        state.count_valid()
        require_passed(state, state.hops[-2])
        out = Console(highlight=False, soft_wrap=True)
        _note_what_is_pinned(state.recipe, state.plan, out)
        return drive(state, options, out)


@answers
def verify(folder: Path, *, as_json: bool = False) -> int:
    """Check a run; 1 when anything is off."""
    report = verify_run(saved(folder))

    def show(console: Console) -> None:
        for problem in report.problems:
            console.print(Text(problem))
        verdict = f"{len(report.problems)} problems" if report.problems else "sound"
        if report.undecided:
            console.print(Text(f"not finished: {report.undecided:,} rows are undecided under the recipe of this run"))
        console.print(
            Text(f"{verdict}: {report.files:,} files, {report.rows:,} rows, {report.samples:,} samples looked at")
        )

    print_found(report.facts(), as_json, show)
    return 1 if report.problems else 0


@answers
def recipes() -> int:
    """List what ships."""
    for name in shipped():
        first = load(name).description.strip().splitlines()[:1]
        sys.stdout.write(f"{name:<20} {first[0] if first else ''}\n")
    sys.stdout.write(f"\nTables that a recipe reads by name (`source: NAME`): {', '.join(NAMED)}\n")
    return 0


@answers
def schema(what: str) -> int:
    """Print a schema."""
    from jobs.reports import schema_text

    texts = {
        "recipe": schema_text.recipe,
        "layers": schema_text.layers,
        "shard": schema_text.shard,
        "card": schema_text.card,
    }
    if what not in texts:
        raise RecipeError("shardmill schema", [f"{what!r} is none of {', '.join(texts)}"])
    sys.stdout.write(texts[what]() + "\n")
    return 0


@answers
def try_fetch(urls: Sequence[str], allow: Sequence[str], recipe: str | None, settings: Sequence[str]) -> int:
    """Fetch and judge URLs."""
    stages = load(recipe, settings).stages if recipe else []
    spec = next((stage for stage in stages if isinstance(stage, Pull)), Pull())
    if allow:
        try:
            spec = replace(spec, allow=(*spec.allow, *allow))
        except ValidationError as error:
            raise RecipeError("--allow", [problem["msg"] for problem in error.errors()]) from None

    async def describe_all() -> None:
        async for found in describe(spec, urls):
            sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
            sys.stdout.flush()

    asyncio.run(describe_all())
    return 0


@contextmanager
def _opened(recipe: Recipe, options: RunOptions, layout: RunLayout, out: Console) -> Iterator[Plan]:
    """The plan of the run, held by this driver while the block lasts. Nothing is touched before the input is good."""
    local = tuple(source if "://" in source else str(Path(source).absolute()) for source in options.inputs)
    inputs = launch.examine(recipe, local, layout, restart=options.restart)
    if options.restart and layout.plan_json.exists():
        with Lease(layout.lease):
            moved = launch.move_aside(layout)
        out.print(Text(f"the old run is now {moved}"))
    with Lease(layout.lease), out.status("reading the input …") as reading:
        opened = launch.open_plan(
            recipe,
            inputs,
            layout,
            limit=options.limit,
            on_rows=lambda rows: reading.update(f"reading the input: {rows:,} rows"),
        )
        reading.stop()
        _note_what_is_pinned(recipe, opened, out)
        yield opened


def _note_what_is_pinned(recipe: Recipe, plan: Plan, out: Console) -> None:
    for note in launch.pinned_otherwise(recipe, plan):
        out.print(Text(note))


def saved(folder: Path, *, counted: bool = True) -> RunState:
    """The state of the latest run in a folder; tallies are up to date where it is `counted`, which visits all parts."""
    layout = launch.layout_of(folder)
    recipe = launch.saved_recipe(layout)
    known = launch.saved_fingerprints(layout, recipe)
    state = RunState(layout, recipe, Plan.load(layout.plan_json), known)
    if counted:
        state.count_valid()
    return state


def require_passed(state: RunState, hop: Hop) -> None:
    """Raise `RunMismatchError` where parts have not passed a hop, or one before it; tallies are up to date."""
    for one in state.hops[: hop.index + 1]:
        if waiting := len(state.plan.parts) - state.tally[one.name].done:
            raise launch.RunMismatchError(
                f"{waiting:,} parts of {state.layout.root} have not passed {one.name} by this recipe and version; "
                "`shardmill run` it to its end first"
            )

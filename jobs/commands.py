"""What the commands do; each answers an exit status. Mistakes of the user's are one message and 2."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial, wraps
from pathlib import Path
from typing import Any, ParamSpec

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from jobs import launch
from jobs.reports import explain as explaining
from jobs.reports import histogram, llm, summary, suspects
from jobs.reports.estimate import estimate
from jobs.running.collapse import CollapseError
from jobs.running.engine import Engine, OpenExecutor
from jobs.running.executor import Executor, InlineExecutor
from jobs.running.flight import Flight
from jobs.running.hops import Hop, compile_hops, hop_index
from jobs.running.progress import Progress, log, logging_to
from jobs.running.state import Control, RunState
from jobs.running.trouble import (
    ClusterLostError,
    EndedError,
    PackError,
    PartError,
    StoppedError,
    WaitingError,
    WrongCodeError,
)
from jobs.store.lease import Lease, RunBusyError, RunFolderError
from jobs.store.plan import Plan
from jobs.verify import verify as verify_run
from pipelines.chatml.token_labels import load_tokenizer
from pipelines.grounding.stage import Ground
from pipelines.ocr.stage import Ocr
from pipelines.pull.stage import Pull, describe
from pipelines.recipe import Recipe
from pipelines.recipe_text import RecipeError, load, shipped
from pipelines.sources.files import InputError
from pipelines.sources.tables.named import NAMED
from pipelines.stage import AnsweredStage, title
from schemas.layout import RunLayout

_P = ParamSpec("_P")
_MISTAKES = (RecipeError, InputError, launch.RunMismatchError, RunBusyError, RunFolderError)
_TROUBLE = (
    StoppedError,
    EndedError,
    WaitingError,
    CollapseError,
    ClusterLostError,
    WrongCodeError,
    PackError,
    PartError,
)


@dataclass(frozen=True)
class RunOptions:
    """What `run` and `plan` were asked for."""

    recipe: str
    output: Path
    inputs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    limit: int | None = None
    engine: str = "ray"
    address: str | None = None
    until: str | None = None
    start: str | None = None
    restart: bool = False


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
        except _TROUBLE as error:
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
        found = estimate(RunState(layout, recipe, opened))
    _print(found.facts(), as_json, found.show)
    return 0


@answers
def explain(recipe_name: str, settings: Sequence[str], *, as_json: bool = False) -> int:
    """Say what a recipe's rules are and where their thresholds come from."""
    recipe = load(recipe_name, settings)
    _print({"recipe": recipe.name, "rules": explaining.rules(recipe)}, as_json, partial(explaining.show, recipe))
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

    _print(found, as_json, show)
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

    _print(report.facts(), as_json, show)
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

    texts = {"recipe": schema_text.recipe, "layers": schema_text.layers, "shard": schema_text.shard}
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


def drive(state: RunState, options: RunOptions, out: Console, *, as_json: bool = False) -> int:
    """Run the engine over an opened run, and end with the accounting."""
    control = Control()
    open_executor = _executor(options.engine, options.address, state.recipe, control)
    engine = Engine(state, open_executor, control, until=options.until, start=options.start)
    if options.start is None:
        launch.save_run(state.layout, state.recipe, state.plan, state.hops)
    with logging_to(state):
        log.info("run %s of recipe %s: %s rows", state.plan.key, state.recipe.name, state.plan.planned_rows)
        try:
            if found := state.outdated():
                hop, parts = found
                note = f"{parts:,} parts of {hop.name} were made with other settings or another version: done again"
                out.print(Text(note))
                log.warning(note)
            with _draining(control), Progress(state, control, out).show():
                engine.run()
        except _TROUBLE as error:
            if not isinstance(error, WaitingError | PackError):  # what cannot be packed is not what the run is
                launch.save_run(state.layout, state.recipe, state.plan, state.hops)
            llm.write(state)
            log.error("%s", error, exc_info=error.__cause__)
            _print(summary.facts(state), as_json, lambda console: summary.show(summary.facts(state), console), out)
            raise
        # only now is it sure that `--from` had what it needs
        launch.save_run(state.layout, state.recipe, state.plan, state.hops)
        llm.write(state)
        accounting = summary.facts(state)
        log.info("done: %s", json.dumps(accounting))
    _print(accounting, as_json, lambda console: _show_end(accounting, state, console))
    dead = sum(tally.counts[what] for tally in state.tally.values() for what in tally.counts if "worker_died" in what)
    if dead:
        sys.stderr.write(f"{dead} rows killed their worker; see reason worker_died in `shardmill status`\n")
    return 1 if dead else 0


def _show_end(found: dict[str, Any], state: RunState, console: Console) -> None:
    summary.show(found, console)
    if found["complete"]:
        size = found["shard_bytes"] / 1e6
        shards = "1 shard" if found["shards"] == 1 else f"{found['shards']:,} shards"
        console.print(Text(f"{shards}, {size:,.1f} MB: {state.layout.dataset}"))
        if found["rows"] and not found["kept"]:
            console.print(Text(f"no row was kept; see `shardmill status {state.layout.root} --reasons --hosts`"))


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


def _executor(engine: str, address: str | None, recipe: Recipe, control: Control) -> OpenExecutor:
    def open_executor(stack: ExitStack) -> Executor:
        executor: Executor
        flight = Flight(recipe.run.parts_in_flight, recipe.run.mb_in_flight * 1_000_000)
        if engine == "inline":
            executor = InlineExecutor(flight)
        else:
            from jobs.running.cluster import cluster
            from jobs.running.ray_executor import RayExecutor

            executor = RayExecutor(stack.enter_context(cluster(address)), flight)
            _install(control)  # Ray installs a handler of its own, which would not drain
        stack.callback(executor.close)
        return executor

    return open_executor


def check(options: RunOptions, recipe: Recipe) -> None:
    """Raise `RecipeError` for options that fit no engine, hop or stage."""
    if options.engine not in ("ray", "inline"):
        raise RecipeError("--engine", [f"{options.engine!r} is neither ray nor inline"])
    if recipe.pack.tokenizer:
        _check_tokenizer(recipe.pack.tokenizer)
    for stage in recipe.stages:
        if isinstance(stage, Ground) and (lacking := stage.detector.lacking):
            raise RecipeError(f"stages.{title(stage)}.detector", [lacking])
        if isinstance(stage, Ocr) and (lacking := stage.lacking):
            raise RecipeError(f"stages.{title(stage)}.engine", [lacking])
    hops, ends = compile_hops(recipe), []
    for option, name, default in (("--until", options.until, "pack"), ("--from", options.start, None)):
        try:
            ends.append(hop_index(hops, name or default or hops[0].name))
        except LookupError as error:
            raise RecipeError(option, [str(error.args[0])]) from None
    for asked in (stage for hop in hops[ends[1] : ends[0] + 1] for stage in hop.stages):
        if isinstance(asked, AnsweredStage) and (lacking := asked.lacking):
            raise RecipeError(title(asked), [lacking])


def _check_tokenizer(path: str) -> None:
    """Raise `RecipeError` now, and not after a night, for a tokenizer that does not load."""
    if not Path(path).is_file():
        say = f"{path} does not exist: give a tokenizer.json, or a model folder that holds one"
        raise RecipeError("pack.tokenizer", [say])
    try:
        load_tokenizer(path)
    except Exception as error:  # the library raises nothing more particular for bytes that it cannot read
        raise RecipeError("pack.tokenizer", [f"{path} is no tokenizer: {error}"]) from error


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


def _install(control: Control) -> None:
    """SIGTERM and Ctrl-C drain; the second time they interrupt."""

    def handle(signum: int, frame: object) -> None:  # noqa: ARG001
        if control.stop:
            raise KeyboardInterrupt
        control.stop = True

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


@contextmanager
def _draining(control: Control) -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    _install(control)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])


def _print(
    found: dict[str, Any], as_json: bool, show: Callable[[Console], None], console: Console | None = None
) -> None:
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    else:
        show(console or Console(highlight=False, soft_wrap=True))

"""How a run is driven from the command line: options checked, the engine run, signals that drain, the accounting."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from jobs import launch
from jobs.reports import llm, summary
from jobs.running.collapse import CollapseError
from jobs.running.engine import Engine, OpenExecutor
from jobs.running.executor import Executor, InlineExecutor
from jobs.running.flight import Flight
from jobs.running.hops import compile_hops, hop_index
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
from jobs.store.files import write_atomically
from pipelines.chatml.token_labels import load_tokenizer
from pipelines.grounding.stage import Ground
from pipelines.ocr.stage import Ocr
from pipelines.recipe import Recipe
from pipelines.recipe_text import RecipeError
from pipelines.stage import AnsweredStage, title

TROUBLE = (
    StoppedError,
    EndedError,
    WaitingError,
    CollapseError,
    ClusterLostError,
    WrongCodeError,
    PackError,
    PartError,
)
"""What stops a run that is no mistake of the user's."""


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
        except TROUBLE as error:
            if not isinstance(error, WaitingError | PackError):  # what cannot be packed is not what the run is
                launch.save_run(state.layout, state.recipe, state.plan, state.hops)
            _report(state)
            log.error("%s", error, exc_info=error.__cause__)
            print_found(summary.facts(state), as_json, lambda console: summary.show(summary.facts(state), console), out)
            raise
        # only now is it sure that `--from` had what it needs
        launch.save_run(state.layout, state.recipe, state.plan, state.hops)
        _report(state)
        accounting = summary.facts(state)
        log.info("done: %s", json.dumps(accounting))
    print_found(accounting, as_json, lambda console: _show_end(accounting, state, console))
    dead = sum(tally.counts[what] for tally in state.tally.values() for what in tally.counts if "worker_died" in what)
    if dead:
        sys.stderr.write(f"{dead} rows killed their worker; see reason worker_died in `shardmill status`\n")
    return 1 if dead else 0


def _report(state: RunState) -> None:
    """Write cost and speed, which no data set may hold. Where nothing was done, the speed of the last time stays."""
    llm.write(state)
    if (speed := state.stopwatch.facts())["hops"]:
        write_atomically(state.layout.speed_report, json.dumps(speed, indent=1))


def _show_end(found: dict[str, Any], state: RunState, console: Console) -> None:
    summary.show(found, console)
    if found["complete"]:
        size = found["shard_bytes"] / 1e6
        shards = "1 shard" if found["shards"] == 1 else f"{found['shards']:,} shards"
        console.print(Text(f"{shards}, {size:,.1f} MB: {state.layout.dataset}"))
        if found["rows"] and not found["kept"]:
            console.print(Text(f"no row was kept; see `shardmill status {state.layout.root} --reasons --hosts`"))


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


def print_found(
    found: dict[str, Any], as_json: bool, show: Callable[[Console], None], console: Console | None = None
) -> None:
    """Print what a command found, as JSON or by `show` for people."""
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    else:
        show(console or Console(highlight=False, soft_wrap=True))

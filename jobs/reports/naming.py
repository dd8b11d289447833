"""Reasons and stages as a user names them on the command line."""

from collections.abc import Iterable

from jobs.running.state import RunState
from pipelines.recipe_text import did_you_mean
from pipelines.stage import title
from schemas.reasons import REASONS


def unknown_names(state: RunState, reasons: Iterable[str], stage: str | None, *, there_are: str) -> list[str]:
    """What is wrong with ``--reason`` and ``--stage``, a message each; `there_are` says which reasons there are."""
    problems = [
        f"--reason {name}: there is no such reason{did_you_mean(name, REASONS)}; {there_are}"
        for name in reasons
        if name not in REASONS
    ]
    stages = [title(stage) for hop in state.hops for stage in hop.stages]
    if stage is not None and stage not in stages:
        meant = did_you_mean(stage, stages)
        problems.append(f"--stage {stage}: the run has no such stage{meant}; it has {', '.join(stages)}")
    return problems

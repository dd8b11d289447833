"""Runs with stages that only tests have, in this process: regions by hand, captions in two languages, aborts."""

import json
from contextlib import ExitStack

from jobs.launch import examine, open_plan, save_run
from jobs.running.engine import Engine, OpenExecutor
from jobs.running.executor import InlineExecutor
from jobs.running.flight import Flight
from jobs.running.state import Control, RunState
from jobs.store.lease import Lease
from pipelines.recipe_text import parse
from schemas.layout import RunLayout
from tests.support.runs import RECIPE, Case
from tests.support.stages import RecipeForTests

_REGIONS = [
    {"caption_index": 0, "phrase": [0, 7], "box": [0.1, 0.1, 0.5, 0.5], "score": 0.9, "source": "by hand"},
    {"caption_index": 1, "phrase": [0, 2], "box": [0.1, 0.1, 0.5, 0.5], "score": 0.9, "source": "by hand"},
]
GROUNDED = RECIPE.replace(
    "pack: {shard_mb: 1}\n",
    f"""\
  - stage: by_hand
    chinese: 图片一张
    regions: {json.dumps(_REGIONS)}
pack:
  shard_mb: 1
  tasks: [caption, grounded_caption, rec, reg]
""",
)
"""Every row has one region in its English caption ("picture number …") and one in its Chinese one."""


def run_here(case: Case, recipe_text: str, *settings: str, open_executor: OpenExecutor | None = None) -> RunState:
    """Run a recipe over a case; without an executor, inline."""
    recipe = parse(recipe_text, settings=settings, model=RecipeForTests)
    layout = RunLayout(case.run_folder)
    inputs = examine(recipe, [str(case.table)], layout)
    with Lease(layout.lease):
        state = RunState(layout, recipe, open_plan(recipe, inputs, layout))
        save_run(layout, recipe, state.plan, state.hops)
        Engine(state, open_executor or _open_inline, Control()).run()
    return state


def _open_inline(stack: ExitStack) -> InlineExecutor:
    executor = InlineExecutor(Flight(3, 100_000_000))
    stack.callback(executor.close)
    return executor

"""The commands ``hashes`` and ``contaminated``."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from jobs import launch
from jobs.commands import answers
from jobs.contamination.hashing import make_list
from jobs.contamination.matches import matches
from jobs.running.state import RunState
from jobs.store.plan import Plan
from pipelines.filters.contamination.benchmark_list import Benchmark
from pipelines.recipe_text import RecipeError, from_data


@answers
def hashes(dataset: Sequence[str], output: Path, name: str | None, ngram: int, settings: Sequence[str]) -> int:
    """Write a benchmark's list; one JSON object says what is in it."""
    if other := [setting for setting in settings if not setting.startswith("source.")]:
        raise RecipeError("shardmill hashes", [f"--set {setting}: only `source.` can be set" for setting in other])
    spec = from_data({"name": "hashes", "stages": [{"stage": "pull"}]}, "shardmill hashes", settings).source
    local = [one if "://" in one else str(Path(one).absolute()) for one in dataset]
    found = make_list(local, spec, output.absolute(), Benchmark(name or output.name.partition(".")[0], ngram))
    sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    return 0


@answers
def contaminated(folder: Path) -> int:
    """List what was refused for a benchmark's sake, one JSON object a line; the counts by benchmark go to stderr."""
    layout = launch.layout_of(folder)
    state = RunState(layout, launch.saved_recipe(layout), Plan.load(layout.plan_json))
    counts: Counter[tuple[str, str]] = Counter()
    for found in matches(state):
        counts[found["benchmark"], found["reason"]] += 1
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    for (benchmark, reason), rows in sorted(counts.items()):
        sys.stderr.write(f"{benchmark}: {rows:,} {reason}\n")
    return 0

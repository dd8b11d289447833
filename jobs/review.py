"""`shardmill review`: a sample of a stage's work for a person to mark, and what the marks come to."""

import json
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from data_cards.html import review as review_page
from data_cards.reviews import Asked, ReviewError, parse, summed_up
from jobs.commands import answers, saved
from jobs.reports.naming import unknown_names
from jobs.reports.review_items import review_items
from jobs.running.hops import hop_index
from jobs.running.state import RunState
from jobs.store.files import write_atomically
from pipelines.recipe_text import RecipeError

_MOST_BYTES = 20_000_000


@dataclass(frozen=True)
class ReviewOptions:
    """What `review` was asked for: a page, or to take in what was marked on one."""

    folder: Path
    stage: str | None = None
    n: int = 200
    seed: int = 0
    output: Path | None = None
    marked: Path | None = None


@answers
def review(options: ReviewOptions) -> int:
    """Write the page, or store the marks and say what they come to."""
    if (options.stage is None) == (options.marked is None):
        raise RecipeError("shardmill review", ["say either --stage NAME, or --import FILE"])
    state = saved(options.folder)
    out = Console(highlight=False, soft_wrap=True)
    if options.marked is not None:
        _take_in(state, options.marked, out)
    elif options.stage is not None:
        _ask(state, options, options.stage, out)
    return 0


def _ask(state: RunState, options: ReviewOptions, stage: str, out: Console) -> None:
    if problems := unknown_names(state, (), stage, there_are=""):
        raise RecipeError("shardmill review", problems)
    asked = _asked(state, stage, options.n, options.seed)
    found = review_items(state, stage, options.n, options.seed)
    if not found.items:
        raise RecipeError("shardmill review", [f"--stage {stage}: it has found nothing and refused nothing so far"])
    path = options.output or state.layout.report / "review" / f"{stage}.html"
    try:
        write_atomically(path, review_page.render(asked, state.recipe.name, found.of, found.items))
    except OSError as error:
        raise RecipeError("--output", [f"{path} cannot be written: {error.strerror}"]) from error
    out.print(Text(f"{stage}: {len(found.items):,} of {found.of:,}: {path}"))


def _take_in(state: RunState, path: Path, out: Console) -> None:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise RecipeError("--import", [f"{path} is too large for a page's marks"])
        found = parse(path.read_text("utf-8"))
    except OSError as error:
        raise RecipeError("--import", [f"{path} cannot be read: {error.strerror}"]) from error
    except (ReviewError, UnicodeDecodeError) as error:
        raise RecipeError("--import", [f"{path}: {error}"]) from error
    asked = found.asked
    problems = unknown_names(state, (), asked.stage, there_are="")
    if not problems and asked != _asked(state, asked.stage, asked.n, asked.seed):
        problems = [f"{path} is of another run, or of {asked.stage} with other settings: make the page anew"]
    if not problems:
        known = {item.key for item in review_items(state, asked.stage, asked.n, asked.seed).items}
        if strange := sorted(found.marks.keys() - known):
            problems = [f"{path} marks {strange[0]!r}, which its page does not show in this run: make the page anew"]
    if problems:
        raise RecipeError("--import", problems)
    said = summed_up(found)
    target = state.layout.reviews / f"{asked.stage}.json"
    write_atomically(target, json.dumps(said, ensure_ascii=False, indent=1) + "\n")
    share = "nobody was sure of any"
    if said["precision"] is not None:
        low, high = said["wilson"]
        share = f"precision {said['precision']:.3f}, 95 % interval {low:.3f} to {high:.3f}"
    counts = f"{said['yes']:,} yes, {said['no']:,} no, {said['unsure']:,} not sure"
    out.print(Text(f"{asked.stage}: {counts}: {share}: {target}"))
    out.print(Text(f"`shardmill card {state.layout.root}` puts it into the card"))


def _asked(state: RunState, stage: str, n: int, seed: int) -> Asked:
    hop = state.hops[hop_index(state.hops, stage)]
    return Asked(state.plan.key, stage, hop.fingerprint, n, seed)

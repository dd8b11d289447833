"""The command: the demo recipe over the demo's web, which is served while there is something to fetch."""

import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from jobs.commands import answers, run
from jobs.demo import web, world
from jobs.demo.photographs import MissingPhotographsError
from jobs.demo.truth import read_truth
from jobs.driving import RunOptions, check
from jobs.reports import summary
from jobs.running.state import RunState
from jobs.store.files import write_atomically
from jobs.store.plan import Plan
from pipelines.recipe import Recipe
from pipelines.recipe_text import RecipeError, load
from schemas.layout import RunLayout

_AFTER_DEMO = """
Next:
  {shardmill} status {run}        where every row is
  {shardmill} verify {run}        check the run against itself
  less {run}/dataset/README.md  the data set's card
  {python} -c 'from datasets import load_dataset; print(load_dataset("{run}/dataset", split="train")[0])'
  {shardmill} try ground {picture} --caption "{caption}" --out boxes.png
  {shardmill} recipes
  {shardmill} run web-captions --input YOUR.parquet --output RUN"""


@answers
def demo(folder: Path, engine: str) -> int:
    """Run the demo recipe over a small web of our own, which is served while there is something to fetch."""
    folder = folder.absolute()
    pairs, port_file = folder / "web" / "pairs.parquet", folder / "web" / "port"
    out = Console(highlight=False, soft_wrap=True)
    if not port_file.exists():
        port = web.free_port()
        with out.status("drawing the demo's web …"):
            try:
                world.build(folder / "web", base_url=f"http://127.0.0.1:{port}")
            except MissingPhotographsError as error:
                raise RecipeError("shardmill demo", [str(error)]) from error
        write_atomically(port_file, str(port))
    options = RunOptions("demo", folder / "run", (str(pairs),), engine=engine)
    check(options, load("demo"))
    layout = RunLayout(options.output)
    with ExitStack() as stack:
        if not _is_finished(layout, load("demo")):
            # the port is part of the planned URLs, so it stays the same from run to run
            port = int(port_file.read_text("utf-8"))
            try:
                stack.enter_context(web.start(folder / "web", port))
            except OSError as error:
                problem = f"port {port}, which this demo's URLs name, cannot be had ({error}); use another folder"
                raise RecipeError("shardmill demo", [problem]) from error
        outcome = run(options)
    if outcome == 0:
        typed = {"shardmill": _typed("shardmill", sys.argv[0]), "python": _typed("python", sys.executable)}
        picture, caption = _drawn_scene(folder / "web")
        said = {"run": _shortest(layout.root), "picture": _shortest(picture), "caption": caption}
        out.print(Text(_AFTER_DEMO.format(**said, **typed)))
    return outcome


def _drawn_scene(web_folder: Path) -> tuple[Path, str]:
    """A drawing of the demo's web, and its caption."""
    first = next(row for row in read_truth(web_folder / "truth.jsonl") if row.kind == "shapes")
    return web_folder / "www" / urlsplit(first.url or "").path.lstrip("/"), first.caption or ""


def _is_finished(layout: RunLayout, recipe: Recipe) -> bool:
    """Whether a run of this very recipe is complete."""
    if not layout.plan_json.exists():
        return False
    state = RunState(layout, recipe, Plan.load(layout.plan_json))
    state.count_valid()
    return bool(summary.facts(state)["complete"])


def _typed(name: str, path: str) -> str:
    """How a person starts this very program here: by name where that finds it, else by path."""
    found = shutil.which(name)
    mine = Path(path).absolute()
    return name if found and Path(found).absolute() == mine else str(_shortest(mine))


def _shortest(path: Path) -> Path:
    """A path as a person would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path

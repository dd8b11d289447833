"""The command: the demo recipe over the demo's web, which is served while there is something to fetch."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow.parquet as pq
from rich.console import Console
from rich.text import Text

from jobs.commands import answers, run
from jobs.demo import phrasebook, web, world
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

_READ = """
Read on its pages:"""
_AFTER_DEMO = """
Next:
  {shardmill} status {run}        where every row is
  {shardmill} verify {run}        check the run against itself
  less {run}/dataset/README.md  the data set's card
  {python} -c 'from datasets import load_dataset; print(load_dataset("{run}/dataset", split="train")[0])'
  {shardmill} try ground {picture} --caption "{caption}" --out boxes.png
  {shardmill} try ocr {page} --out lines.png
  {shardmill} recipes
  {shardmill} run web-captions --input YOUR.parquet --output RUN"""


@answers
def demo(folder: Path, engine: str, llm: Sequence[str] = ()) -> int:
    """Run the demo recipe over a small web of our own, which is served while there is something to fetch.

    `llm`: settings of the endpoint that translates; without any, the phrasebook is served too.
    """
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
    layout = RunLayout(folder / "run")
    with ExitStack() as stack:
        settings = tuple(llm) or _settings_of_phrasebook(stack.enter_context(phrasebook.serving()))
        recipe = load("demo", settings)
        options = RunOptions("demo", layout.root, (str(pairs),), settings, engine=engine)
        check(options, recipe)
        if not _is_finished(layout, recipe):
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
        texts = {_served(folder / "web", url): text for url, text in _read_texts(layout.shards)}
        out.print(Text("\n".join([_READ, *(f"  {_shortest(page)}  {text}" for page, text in sorted(texts.items()))])))
        said = {"run": _shortest(layout.root), "picture": _shortest(picture), "caption": caption}
        out.print(Text(_AFTER_DEMO.format(**said, **typed, page=_shortest(min(texts)))))
    return outcome


def _settings_of_phrasebook(url: str) -> tuple[str, ...]:
    return f"llm.url={url}", f"llm.model={phrasebook.MODEL}"


def _drawn_scene(web_folder: Path) -> tuple[Path, str]:
    """A drawing of the demo's web, and its caption."""
    first = next(row for row in read_truth(web_folder / "truth.jsonl") if row.kind == "shapes")
    return _served(web_folder, first.url or ""), first.caption or ""


def _read_texts(shards: Path) -> Iterator[tuple[str, str]]:
    """URLs of the drawn pages and the text that was read on them, as the data set has it."""
    for shard in sorted(shards.glob("*.parquet")):
        for row in pq.read_table(shard, columns=["task", "image_meta", "messages_tagged"]).to_pylist():
            url = row["image_meta"][0]["url"]
            if row["task"] == "read_text" and urlsplit(url).path.startswith("/pages/"):
                yield url, row["messages_tagged"][1]["content"].replace("\n", " / ")


def _served(web_folder: Path, url: str) -> Path:
    """The file that the demo's web serves at an address."""
    return web_folder / "www" / urlsplit(url).path.lstrip("/")


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

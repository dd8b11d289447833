"""Opening a run: the input is looked at before anything is touched, then pinned in the plan."""

import json
import platform
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jobs.running.hops import Hop
from jobs.store.files import digest, write_atomically
from jobs.store.intake import stream
from jobs.store.plan import Plan, Window
from pipelines.recipe import Recipe, fingerprint, names_lost_files
from pipelines.recipe_text import from_data
from pipelines.sources.files import InputFile, signature
from pipelines.sources.inputs import find
from pipelines.stage import semantic_fields
from pipelines.translation.cache import FILE
from pipelines.translation.merging import merge
from schemas.layout import RunLayout

_VERSIONED = ("shardmill", "pyarrow", "ray", "aiohttp", "pillow", "simplejpeg", "opencv-python-headless")


class RunMismatchError(Exception):
    """An output folder that holds a run of another input, or no run at all; the message says what differs."""


@dataclass(frozen=True)
class Inputs:
    """Input files that were found readable, and what they are recognised by."""

    files: tuple[InputFile, ...]
    signed: tuple[dict[str, Any], ...]


def layout_of(folder: Path) -> RunLayout:
    """The layout of a run in `folder`. Raises `RunMismatchError` for what can be no run's folder."""
    if folder.parts and folder.parts[0].endswith(":"):  # a `Path` has one slash where the URL had two
        raise RunMismatchError(f"{folder}: the run's folder must be a local or mounted path")
    layout = RunLayout(folder.absolute())
    try:
        layout.plan_json.stat()
    except FileNotFoundError:
        pass
    except NotADirectoryError:
        raise RunMismatchError(f"{layout.root} is a file, or lies in one; a run needs a folder") from None
    except OSError as error:
        raise RunMismatchError(f"{layout.root} cannot be read: {error.strerror}") from error
    return layout


def examine(recipe: Recipe, inputs: Sequence[str], layout: RunLayout, *, restart: bool = False) -> Inputs:
    """Look at the input and the output folder before anything is touched.

    Raises `InputError` for inputs that cannot be read, and `RunMismatchError` for a folder that holds something else.
    """
    files = find(list(inputs), recipe.source) if inputs else []
    found = Inputs(tuple(files), tuple(signature(files)))
    if layout.plan_json.exists() and not restart:
        _check_same_input(Plan.load(layout.plan_json), recipe, found if inputs else None, layout)
    elif not inputs:
        raise RunMismatchError(f"{layout.root} holds no run yet: say what to read with --input")
    elif layout.root.exists() and not layout.plan_json.exists() and _is_foreign(layout.root):
        raise RunMismatchError(f"{layout.root} is not empty and holds no run: give another --output")
    return found


def open_plan(
    recipe: Recipe,
    inputs: Inputs,
    layout: RunLayout,
    *,
    limit: int | None = None,
    on_rows: Callable[[int], None] = lambda _: None,
) -> Plan:
    """The plan of the run in `layout`: a new one, or the old one with what is new in `inputs`, and parts up to `limit`.

    The caller holds the lease and has had the input examined.
    """
    if layout.plan_json.exists():
        plan = Plan.load(layout.plan_json)
    else:
        source = _source_identity(recipe)
        key = fingerprint(recipe.run.seed, [_identity(file) for file in inputs.signed], source)[:10]
        plan = Plan(key, recipe.run.seed, recipe.run.part_rows, source, ())
    known = Counter(_identity(file) for file in plan.files)
    new = []
    for file, sign in zip(inputs.files, inputs.signed, strict=True):
        if known[_identity(sign)]:  # as often as it was planned: two folders may look alike
            known[_identity(sign)] -= 1
        else:
            new.append((file, sign))
    if new:
        generation_0 = [window for window in plan.windows if window.generation == 0]
        windows = stream(
            [file for file, _ in new],
            recipe.source,
            layout.input,
            seed=plan.seed,
            first_id=plan.input_rows,
            first_window=len(generation_0),
            part_rows=plan.part_rows,
            on_progress=on_rows,
        )
        added = [Window(w.name, w.rows, 0, digest(layout.window(w.name)), w.first_id) for w in windows]
        plan = plan.with_windows(added, [sign for _, sign in new])
    plan = plan.extend(limit)
    plan.save(layout.plan_json)
    return plan


def pinned_otherwise(recipe: Recipe, plan: Plan) -> list[str]:
    """Notes on what the recipe says and the plan, which pinned it at the first run, says otherwise."""
    return [
        f"run.{name} is {pinned}, as planned at first, and not {wanted}"
        for name, pinned, wanted in (
            ("seed", plan.seed, recipe.run.seed),
            ("part_rows", plan.part_rows, recipe.run.part_rows),
        )
        if pinned != wanted
    ]


def move_aside(layout: RunLayout) -> Path | None:
    """Rename the run's folder to the next free ``.old-N`` beside it; its new path, or None when there was no run.

    Answers of language models are paid for, so the new run has them too. Raises `RunMismatchError` when the system
    refuses.
    """
    if not layout.plan_json.exists():
        return None
    beside = (layout.root.with_name(f"{layout.root.name}.old-{n}") for n in range(1, 1_000_000))
    target = next(path for path in beside if not path.exists())
    try:
        layout.root.rename(target)
    except OSError as error:
        raise RunMismatchError(f"{layout.root} cannot be moved aside to {target}: {error.strerror}") from error
    answers = RunLayout(target).llm_cache
    if (answers / FILE).exists():
        merge([str(answers)], layout.llm_cache)
    return target


def save_run(layout: RunLayout, recipe: Recipe, plan: Plan, hops: Sequence[Hop]) -> None:
    """Write down what is run, and with which versions and fingerprints."""
    versions = {name: version(name) for name in _VERSIONED}
    data = {
        "key": plan.key,
        "recipe": recipe.model_dump(mode="json"),
        "versions": {"python": platform.python_version(), **versions},
        "fingerprints": {hop.name: hop.fingerprint for hop in hops},
    }
    write_atomically(layout.run_json, json.dumps(data, indent=1, ensure_ascii=False))


def saved_recipe(layout: RunLayout, settings: Sequence[str] = (), *, with_files: bool = False) -> Recipe:
    """The recipe of the latest run in `layout`, with settings applied.

    Raises `RunMismatchError` when there is no run, and `RecipeError` for settings that do not fit, and `with_files`
    for lists that are gone.
    """
    if not (layout.run_json.exists() and layout.plan_json.exists()):
        raise RunMismatchError(f"{layout.root} holds no run")
    recipe = json.loads(layout.run_json.read_text("utf-8"))["recipe"]
    return from_data(recipe, f"the recipe of {layout.root}", settings, with_files=with_files)


def saved_fingerprints(layout: RunLayout, recipe: Recipe) -> dict[str, str]:
    """Fingerprints by hop of the latest run, where `recipe` names files that are gone; none where all are there."""
    if not names_lost_files(recipe):
        return {}
    saved: dict[str, str] = json.loads(layout.run_json.read_text("utf-8")).get("fingerprints", {})
    return saved


def _is_foreign(folder: Path) -> bool:
    """Whether a folder holds anything that a run killed while it planned would not have left."""
    return any(entry.name not in {"input", "driver.lock", "report", "llm_cache"} for entry in folder.iterdir())


def _check_same_input(plan: Plan, recipe: Recipe, inputs: Inputs | None, layout: RunLayout) -> None:
    """Every file that was planned must be given again, as it was, or none at all; new ones may come on top."""
    problems = []
    if plan.source != _source_identity(recipe):
        problems.append("the recipe's `source:` (format or columns) is not the one it was planned with")
    signed = inputs.signed if inputs else plan.files
    given = Counter(_identity(file) for file in signed)
    names = {file["name"] for file in signed}
    for file in plan.files:
        if given[_identity(file)]:
            given[_identity(file)] -= 1
        else:
            what = "has changed since" if file["name"] in names else "is not among the inputs now"
            problems.append(f"{file['name']} ({file['bytes']:,} bytes) was planned and {what}")
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise RunMismatchError(
            f"{layout.root} holds a run of another input:\n{lines}\n"
            "Give the same input, another --output, or --restart to move the old run aside."
        )


def _source_identity(recipe: Recipe) -> str:
    return fingerprint(semantic_fields(recipe.source, chosen=True))


def _identity(file: dict[str, Any]) -> tuple[int, str]:
    return file["bytes"], file["digest"]

"""`shardmill show`: one row's whole story, in the terminal, as JSON or as a page."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from data_cards.html import row as row_page
from data_cards.html.story import Judged, Story, value_said
from data_cards.page import number_said, told
from jobs.commands import answers, saved
from jobs.reports.story import story
from jobs.store.files import write_atomically
from pipelines.recipe_text import RecipeError
from schemas.layout import row_id

_SAMPLE_ID = re.compile(r"(?:[0-9a-f]+-)?(\d{1,19})(?:-.*)?")
_COLOURS = {"kept": "green", "rejected": "red", "failed": "yellow"}


@answers
def show(folder: Path, row: str, page: Path | None, *, as_json: bool = False) -> int:
    """Tell all that a run knows of a row, which is named by its id or by that of one of its training samples."""
    found = _SAMPLE_ID.fullmatch(row)
    if found is None:
        raise RecipeError("shardmill show", [f"{row!r} is neither a row's id nor a training sample's"])
    state = saved(folder, counted=False)
    try:
        tale, picture = story(state, int(found[1]))
    except LookupError as error:
        raise RecipeError("shardmill show", [str(error.args[0])]) from None
    if page is not None:
        try:
            write_atomically(page, row_page.render(tale, picture))
        except OSError as error:
            raise RecipeError("--html", [f"{page} cannot be written: {error.strerror}"]) from error
    if as_json:
        sys.stdout.write(json.dumps(tale.as_json(), ensure_ascii=False, indent=1) + "\n")
    elif page is not None:
        sys.stdout.write(f"row {row_id(tale.id)}: {page}\n")
    else:
        tell(tale, Console(highlight=False))
    return 0


def tell(tale: Story, console: Console) -> None:
    """For people."""
    console.print(Text.assemble(f"row {row_id(tale.id)}: ", _coloured(tale.outcome)))
    for name, value in tale.facts.items():
        console.print(Padding(Text.assemble((f"{name}: ", "dim"), told(value, 2000)), (0, 0, 0, 2)))
    for heading, lines in _sections(tale):
        shown = list(lines)
        if shown:
            console.print(Text(heading, "bold"))
            for line in shown:
                console.print(Padding(line, (0, 0, 0, 2)))


def _sections(tale: Story) -> Iterator[tuple[str, Iterator[Text]]]:
    yield (
        "captions",
        (
            Text.assemble(
                told(one.text, 4000),
                (f"  {' '.join(filter(None, (one.role, one.lang)))}", "dim"),
                (f"  refused: {told(one.refused)}" if one.refused else "", "red"),
            )
            for one in tale.captions
        ),
    )
    yield "what became of it", map(_step, tale.steps)
    yield (
        "boxes",
        (Text(f"{told(box.label, 400)}  {_numbers(box.corners)}{_score(box.score)}") for box in tale.boxes),
    )
    yield "phrases without a box", (Text(f"{told(phrase, 400)}  {why}") for phrase, why in tale.ungrounded)
    yield (
        "lines of text",
        (
            Text.assemble(
                f"{told(line.text, 400)}  {_numbers(line.quad)}{_score(line.score)}",
                (f"  left out: {told(line.dropped)}" if line.dropped else "", "red"),
            )
            for line in tale.lines
        ),
    )
    yield (
        "translations",
        (
            Text.assemble(
                (f"{told(one.task)} to {told(one.to)}: {told(one.outcome)}  ", "dim"),
                told(one.text or one.of or "the conversation", 4000),
                (f"  failed: {told(', '.join(one.checks))}" if one.checks else "", "red"),
            )
            for one in tale.translations
        ),
    )
    yield "conversation", _turns(tale.turns)
    for sample in tale.samples:
        name = f"training text: {told(sample.task)}, {told(sample.language or 'language not known')}, {sample.shard}"
        yield name, _turns(sample.turns)
    yield "tasks that were not made", (Text(f"{told(task)}  {told(why)}") for task, why in tale.untold)
    yield (
        "earlier tries",
        (Text.assemble(f"{generation}: {told(step.stage)} ", _verdict(step)) for generation, step in tale.earlier),
    )


def _step(step: Judged) -> Text:
    where = step.stage if step.hop == step.stage else f"{step.hop}, {step.stage}"
    said = Text.assemble(f"{told(where)}: ", _verdict(step))
    if step.value is not None:
        said.append(f"\nvalue {number_said(step.value)}")
    bounds = [f"{told(name)} = {told(value, 200)}" for name, value, _ in step.thresholds]
    if bounds:
        said.append(f"\nsettings: {', '.join(bounds)}", "dim")
    added = [
        f"{name} = {told(value_said(value), 100)}"
        for name, value in (step.added or {}).items()
        if value not in (None, "")
    ]
    if added:
        said.append(f"\nadded: {', '.join(added)}", "dim")
    return said


def _verdict(step: Judged) -> Text:
    said = _coloured(step.outcome)
    if step.reason:
        said.append(f": {step.reason}")
    for more in (step.meaning, step.detail):
        if more:
            said.append(f"\n{told(more, 600)}", "dim")
    return said


def _coloured(outcome: str) -> Text:
    return Text(outcome, _COLOURS.get(outcome, "dim"))


def _turns(turns: tuple[tuple[str, str], ...]) -> Iterator[Text]:
    return (Text.assemble((f"{told(role)}: ", "dim"), told(text, 8000)) for role, text in turns)


def _numbers(values: tuple[float, ...]) -> str:
    return "[" + ", ".join(f"{value:.4f}" for value in values) + "]"


def _score(score: float | None) -> str:
    return "" if score is None else f"  {score:.2f}"

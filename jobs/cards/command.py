"""`shardmill card`: a run's card written anew, as after reviews were imported, and how the cards of two runs differ."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from data_cards.card_json import CardJsonError, parse
from data_cards.diff import Section, difference, render
from data_cards.facts import CardFacts
from data_cards.page import told
from jobs.cards.write import run_in_processes, write_card
from jobs.commands import answers, require_passed, saved
from jobs.launch import RunMismatchError
from jobs.packing.cut import cut
from jobs.packing.groups import saved_validation_rows
from jobs.packing.pack import SHARDS, is_valid, shard_jobs
from jobs.store.files import write_atomically
from jobs.store.lease import Lease
from jobs.store.manifest import Manifest
from schemas.layout import RunLayout


@answers
def card(folder: Path, *, as_json: bool = False) -> int:
    """Write every form of the card that is not what the run says by now; packs nothing."""
    state = saved(folder)
    require_passed(state, state.hops[-1])
    held_out = saved_validation_rows(state)
    manifest = Manifest(state.layout, SHARDS)
    whole = None if held_out is None else cut(state, held_out)
    if whole is None or not all(is_valid(job, manifest.get(job.number)) for job in shard_jobs(state, whole)):
        raise RunMismatchError(f"{state.layout.root} is not packed as its rows are now; `shardmill pack` it first")
    with Lease(state.layout.lease):
        written = write_card(state, whole, manifest, run_in_processes)
    if as_json:
        sys.stdout.write(json.dumps({"written": [str(path) for path in written]}) + "\n")
        return 0
    out = Console(highlight=False, soft_wrap=True)
    for path in written:
        out.print(Text(f"written: {path}"))
    if not written:
        out.print(Text(f"{state.layout.dataset}: the card is up to date"))
    return 0


@answers
def diff(a: Path, b: Path, output: Path | None, *, as_json: bool = False) -> int:
    """Tell what the cards of two runs say otherwise."""
    sections = difference(_facts(a), _facts(b))
    if output is not None:
        write_atomically(output.absolute(), render(str(a), str(b), sections))
    if as_json:
        sys.stdout.write(json.dumps([asdict(section) for section in sections], ensure_ascii=False, indent=1) + "\n")
        return 0
    out = Console(highlight=False)
    if not sections:
        out.print("The two cards say the same.")
    for section in sections:
        out.print(_table(section))
    return 0


def _facts(path: Path) -> CardFacts:
    """The card of a run, of a data set, or in a file."""
    layout = RunLayout(path)
    candidates = (layout.card_json, path / layout.card_json.name, path)
    found = next((one for one in candidates if one.is_file()), None)
    if found is None:
        raise RunMismatchError(
            f"{path} holds no card.json; a run that is packed has one, and `shardmill card` writes it"
        )
    try:
        return parse(found.read_text("utf-8"))
    except (CardJsonError, UnicodeDecodeError) as error:
        raise RunMismatchError(f"{found}: {error}") from error


def _table(section: Section) -> Table:
    table = Table(title=section.title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name, letter in zip(section.head, section.align, strict=True):
        table.add_column(name, justify="right" if letter == "r" else "left", overflow="fold")
    for row in section.rows:
        table.add_row(*(Text(told(cell, 600)) for cell in row))
    return table

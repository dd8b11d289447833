"""The command `card` of the command line."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.options import AsJson, leave


def card(
    what: Annotated[
        list[Path],
        typer.Argument(help="A run's folder; or diff, and two runs or card.json files.", metavar="RUN | diff A B"),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Of diff: write it as an offline HTML page too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a run's card anew, as after people reviewed samples of it; or tell how two runs differ.

    Example: shardmill card RUN

    Example: shardmill card diff RUN OTHER --output diff.html

    Every run ends with a card; this fetches, judges and packs nothing.
    """
    from jobs.cards import command

    if len(what) == 1:
        leave(command.card(what[0], as_json=as_json))
    if len(what) != 3 or str(what[0]) != "diff":
        raise typer.BadParameter("give a run's folder, or diff and two runs", param_hint="card")
    leave(command.diff(what[1], what[2], output, as_json=as_json))

"""The command `card` of the command line."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.options import leave


def card(
    what: Annotated[
        list[Path],
        typer.Argument(help="A run's folder; or diff, and two runs or card.json files.", metavar="RUN | diff A B"),
    ],
) -> None:
    """Write a run's card anew, as after people reviewed samples of it; or tell how two runs differ.

    Example: shardmill card RUN

    Every run ends with a card; this fetches, judges and packs nothing.
    """
    from jobs.cards import command

    if len(what) != 1:
        raise typer.BadParameter("give a run's folder, or diff and two runs", param_hint="card")
    leave(command.card(what[0]))

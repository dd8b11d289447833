"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

RecipeName = Annotated[
    str, typer.Argument(help="A shipped recipe's name (`shardmill recipes`), or a path to a YAML file.")
]
Output = Annotated[Path, typer.Option("--output", "-o", help="The run's folder; made when it is not there.")]
Run = Annotated[Path, typer.Argument(help="A run's folder.")]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", help="A file, folder, glob or fsspec URL of pairs; may be given several times."),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Override the recipe, as in stages.aspect_ratio.max_ratio=3.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Only so many rows: a random sample, extended by a later run.")]
Restart = Annotated[bool, typer.Option("--restart", help="Move an old run in the output folder aside and start anew.")]
EngineName = Annotated[str, typer.Option("--engine", help="`ray`, or `inline`: everything in this process.")]
Address = Annotated[str | None, typer.Option(help="A Ray cluster to run on; without it, a local one is started.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def leave(status_code: int) -> NoReturn:
    """End the command with this exit status."""
    raise typer.Exit(status_code)

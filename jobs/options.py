"""Arguments and options that several commands share."""

import json
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
LlmUrl = Annotated[
    str | None, typer.Option("--llm-url", help="Base URL of an OpenAI-compatible endpoint, as http://HOST:8000/v1.")
]
LlmModel = Annotated[str | None, typer.Option("--llm-model", help="The model, as the endpoint calls it.")]
LlmKeyEnv = Annotated[
    str | None, typer.Option("--llm-key-env", help="Name of the environment variable that holds the endpoint's key.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def llm_settings(url: str | None, model: str | None, key_env: str | None) -> tuple[str, ...]:
    """The settings that the options for a language model stand for."""
    given = {"url": url, "model": model, "key_env": key_env}
    return tuple(f"llm.{name}={json.dumps(value)}" for name, value in given.items() if value is not None)


def leave(status_code: int) -> NoReturn:
    """End the command with this exit status."""
    raise typer.Exit(status_code)

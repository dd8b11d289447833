"""The command line. Heavy modules are imported by the commands that need them: `--help` answers at once."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli_card import card
from jobs.cli_finished import calibrate, check_trainer, contaminated, export, sheet, show
from jobs.cli_review import review
from jobs.cli_try import trying
from jobs.options import (
    Address,
    AsJson,
    EngineName,
    Inputs,
    Limit,
    LlmKeyEnv,
    LlmModel,
    LlmUrl,
    Output,
    RecipeName,
    Restart,
    Run,
    Settings,
    leave,
    llm_settings,
)

app = typer.Typer(
    name="shardmill",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Turn image–text pairs on the web into training shards for vision-language models, every row accounted for.",
    epilog="Try it: shardmill demo. Then: shardmill recipes; shardmill run RECIPE --input pairs.parquet --output RUN.",
)
app.add_typer(trying, name="try")


@app.command()
def run(
    recipe: RecipeName,
    output: Output,
    inputs: Inputs = None,
    limit: Limit = None,
    settings: Settings = None,
    engine: EngineName = "ray",
    address: Address = None,
    until: Annotated[str | None, typer.Option(help="Stop after this hop or stage.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Do nothing before this hop or stage.")] = None,
    llm_url: LlmUrl = None,
    llm_model: LlmModel = None,
    llm_key_env: LlmKeyEnv = None,
    restart: Restart = False,
    as_json: AsJson = False,
) -> None:
    """Run a recipe, or go on with a run.

    Example: shardmill run web-captions --input pairs.parquet --output RUN --limit 10000

    Kill it anywhere and give the same command again: what is committed is not done twice. Exit status: 0 done;
    1 failed, stopped with work left, or rows whose worker died; 2 a mistake in recipe, input or options.

    The stage nsfw_images needs the extra `nsfw`: NudeNet, code and model under AGPL-3.0.
    """
    from jobs import commands
    from jobs.driving import RunOptions

    chosen = (*(settings or ()), *llm_settings(llm_url, llm_model, llm_key_env))
    options = RunOptions(recipe, output, tuple(inputs or ()), chosen, limit, engine, address, until, start, restart)
    leave(commands.run(options, as_json=as_json))


@app.command()
def plan(
    recipe: RecipeName,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The run's folder; made when not there.")
    ] = None,
    inputs: Inputs = None,
    limit: Limit = None,
    settings: Settings = None,
    llm_url: LlmUrl = None,
    llm_model: LlmModel = None,
    llm_key_env: LlmKeyEnv = None,
    restart: Restart = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print every rule with its thresholds and where they come from, no more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read the input into the run's folder and say what a run would do; fetch nothing.

    Example: shardmill plan web-captions --input 'pairs/*.csv.gz' --output RUN --set source.columns.caption=TEXT

    Example: shardmill plan wukong --explain
    """
    from jobs import commands
    from jobs.driving import RunOptions

    chosen = (*(settings or ()), *llm_settings(llm_url, llm_model, llm_key_env))
    if explain:
        leave(commands.explain(recipe, chosen, as_json=as_json))
    if output is None:
        raise typer.BadParameter("say where the run's folder is", param_hint="--output")
    options = RunOptions(recipe, output, tuple(inputs or ()), chosen, limit, restart=restart)
    leave(commands.plan(options, as_json=as_json))


@app.command()
def status(
    run_folder: Run,
    reasons: Annotated[bool, typer.Option("--reasons", help="The histogram of reasons by stage.")] = False,
    hosts: Annotated[
        bool, typer.Option("--hosts", help="The hosts most of whose rows left, and why; reads all layers.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say where every row of a run is; works while it runs, from anywhere that sees the folder.

    Example: shardmill status RUN --reasons --hosts
    """
    from jobs import commands

    leave(commands.status(run_folder, reasons=reasons, hosts=hosts, as_json=as_json))


@app.command()
def retry(
    run_folder: Run,
    reasons: Annotated[
        list[str] | None,
        typer.Option("--reason", help="Rows that left for this reason; else every failure that may pass."),
    ] = None,
    hosts: Annotated[list[str] | None, typer.Option("--host", help="Rows whose URL is of this host only.")] = None,
    stage: Annotated[str | None, typer.Option(help="Rows that left at this stage only.")] = None,
    run_it: Annotated[bool, typer.Option("--run", help="Go on with the run at once, by its own recipe.")] = False,
    engine: EngineName = "ray",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Plan rows anew that failed, or were rejected, for the reasons given; the next run tries them again.

    Example: shardmill retry RUN --reason timeout --reason http_error --host example.org --run

    Rows that were rejected are tried again only where their reason is named. Exit status as of `run`.
    """
    from jobs.retry import RetryOptions
    from jobs.retry import retry as retry_rows

    options = RetryOptions(run_folder, tuple(reasons or ()), tuple(hosts or ()), stage, run_it, engine, address)
    leave(retry_rows(options, as_json=as_json))


@app.command()
def pack(
    run_folder: Run,
    settings: Settings = None,
    engine: EngineName = "ray",
    address: Address = None,
) -> None:
    """Pack the rows of a finished run again, as with another dialect or shard size; fetches and judges nothing.

    Example: shardmill pack RUN --set pack.dialect=plain --set pack.shard_mb=512
    """
    from jobs import commands

    leave(commands.pack(run_folder, tuple(settings or ()), engine, address))


@app.command()
def answers(
    run_folder: Run,
    take: Annotated[
        list[str] | None,
        typer.Option(help="Take answers in from this folder, or from segments at this fsspec URL; several times."),
    ] = None,
    store: Annotated[
        str | None, typer.Option(help="Store all answers as one segment in this folder or at this fsspec URL.")
    ] = None,
) -> None:
    """Say how many answers of a language model a run has; take more in, store them, so that none is paid for twice.

    Example: shardmill answers RUN --take OTHER/llm_cache --store s3://bucket/answers
    """
    from jobs.answers import answers as exchange

    leave(exchange(run_folder, tuple(take or ()), store))


@app.command()
def verify(run_folder: Run, as_json: AsJson = False) -> None:
    """Check a run against itself: hashes, digests between layers, schemas, conservation, unique ids."""
    from jobs import commands

    leave(commands.verify(run_folder, as_json=as_json))


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the demo's web and run go.")] = Path("demo"),
    engine: EngineName = "ray",
    llm_url: LlmUrl = None,
    llm_model: LlmModel = None,
    llm_key_env: LlmKeyEnv = None,
) -> None:
    """Run the whole job on a small web of our own on loopback, with everything that goes wrong on the real one.

    A phrasebook, which is no model, translates captions of drawn scenes; --llm-url and --llm-model ask a real one.
    """
    from jobs.demo import tour

    leave(tour.demo(folder, engine, llm_settings(llm_url, llm_model, llm_key_env)))


@app.command()
def tokens(
    images: Annotated[list[Path], typer.Argument(help="Image files.", metavar="IMAGE...")],
    max_pixels: Annotated[int | None, typer.Option(help="Pixel budget of the Qwen dialects.")] = None,
    max_tiles: Annotated[int | None, typer.Option(help="Most tiles an image is cut into, for InternVL.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")] = False,
) -> None:
    """Say what images cost in each dialect: size as resized or tiled, and tokens. Only headers are read.

    Example: shardmill tokens photo.jpg scan.png --max-pixels 12845056 --max-tiles 6
    """
    from jobs.tokens import tokens as count

    leave(count(images, max_pixels, max_tiles, as_json=as_json))


@app.command()
def recipes() -> None:
    """List the recipes that ship, and the published tables that a recipe reads by name."""
    from jobs import commands

    leave(commands.recipes())


@app.command()
def schema(what: Annotated[str, typer.Argument(help="recipe, layers, shard or card.")]) -> None:
    """Print the JSON Schema of recipes or of card.json, or the Arrow schema of the layers or of the training shard."""
    from jobs import commands

    leave(commands.schema(what))


@app.command()
def hashes(
    dataset: Annotated[
        list[str], typer.Argument(help="A benchmark: folders of images, tables, saved data sets.", metavar="DATASET...")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The list, a Parquet file.")],
    name: Annotated[str | None, typer.Option(help="What matches are told by; the file's name when left out.")] = None,
    ngram: Annotated[int, typer.Option(min=2, help="Words in a run that a text must share.")] = 13,
    settings: Settings = None,
) -> None:
    """Hash a benchmark's images and texts, for the stage `decontaminate` to hold rows against.

    Example: shardmill hashes flickr30k/ --output flickr30k.parquet

    Example: shardmill hashes vqa.jsonl --output vqa.parquet --set source.columns.caption=question
    """
    from jobs.contamination import command

    leave(command.hashes(dataset, output, name, ngram, tuple(settings or ())))


for command in (show, sheet, card, review, export, calibrate, contaminated):
    app.command()(command)
app.command("check-trainer")(check_trainer)


def main() -> Any:
    """Entry point: a mistake of the user's is one message on stderr and exit status 2."""
    try:
        return app()
    except BrokenPipeError:
        sys.stderr.close()
        return 1

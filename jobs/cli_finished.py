"""The commands that look at a finished run. Heavy modules are imported by the commands that need them."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.options import AsJson, Run, leave


def sheet(
    run_folder: Run,
    reason: Annotated[
        list[str] | None, typer.Option(help="Rows that left for this reason; may be given several times.")
    ] = None,
    kept: Annotated[bool, typer.Option("--kept", help="Rows that were kept.")] = False,
    every: Annotated[
        bool, typer.Option("--all", help="A page for each reason that occurred and for kept rows.")
    ] = False,
    stage: Annotated[str | None, typer.Option(help="Of this stage alone: rows that it refused, or kept.")] = None,
    n: Annotated[int, typer.Option("--n", min=1, max=1000, help="At most so many rows a page.")] = 100,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the random sample.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The page, or with --all the folder; else RUN/report/sheets.")
    ] = None,
) -> None:
    """Show a random sample of what a rule threw away, or of what was kept, as one offline HTML page.

    Example: shardmill sheet RUN --reason aspect_ratio

    Each row with its image, captions, host and verdict, and the value against the threshold. Same seed, same rows.
    """
    from jobs.reports.sheet import SheetOptions
    from jobs.reports.sheet import sheet as write

    leave(write(SheetOptions(run_folder, tuple(reason or ()), kept, every, stage, n, seed, output)))


def show(
    run_folder: Run,
    row: Annotated[str, typer.Argument(help="The row's id, or that of a training sample made of it.", metavar="ID")],
    page: Annotated[
        Path | None, typer.Option("--html", help="Write an offline page with the image and what was found in it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell one row's whole story: every step and verdict, captions, boxes, text, and the training texts it became.

    Example: shardmill show RUN 1742 --html row.html
    """
    from jobs.show import show as tell

    leave(tell(run_folder, row, page, as_json=as_json))


def export(
    run_folder: Run,
    layout: Annotated[str, typer.Option("--format", help="grit, coco or cogvlm-sft.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="A .parquet or .jsonl file (grit), a .json file (coco), a folder (cogvlm-sft)."
        ),
    ] = None,
) -> None:
    """Write the regions of a run in GRIT's record layout or as COCO's JSON, or a run as CogVLM-SFT-311K's folders.

    Example: shardmill export RUN --format grit --output grit.jsonl

    Of the rows that reached packing, those that have regions; for cogvlm-sft, captions or conversations in Chinese or
    English. Without --output into RUN/report. Images stay in the shards, save for cogvlm-sft.
    """
    from jobs.export import export as write

    leave(write(run_folder, layout, output))


def calibrate(
    run_folder: Run,
    precision: Annotated[float, typer.Option(min=0, max=1, help="Share of the boxes that are to be right.")] = 0.9,
    as_json: AsJson = False,
) -> None:
    """Say which threshold a run's detector needs, by the boxes that came with its rows.

    Example: shardmill calibrate RUN --precision 0.9

    Run a recipe with the stage `ground` over a labelled set (Flickr30K Entities, a table in GRIT's layout) at a low
    threshold first: of all above it this prints precision and recall, boxes of unlabelled phrases left out, and
    chooses the lowest that is precise enough. Exit status 1: none is.
    """
    from jobs.calibrate import calibrate as choose

    leave(choose(run_folder, precision, as_json=as_json))


def check_trainer(
    folder: Annotated[Path, typer.Argument(help="A run's folder, or its data set.", metavar="OUT")],
    trainer: Annotated[str, typer.Option(help="trl, swift or llamafactory.")],
    model: Annotated[str, typer.Option(help="The model to train: a folder, or its name on the Hub.")],
    python: Annotated[
        str | None, typer.Option(help="The interpreter that has the trainer; else the active environment's.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="So many rows, evenly spread over the first shard.")] = 8,
    out: Annotated[Path | None, typer.Option(help="Where the drawn images go; check-TRAINER when left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Decode one batch in your own training environment, and show what the model would see.

    Example: shardmill check-trainer RUN --trainer trl --model Qwen2.5-VL-7B-Instruct --python ~/trl/bin/python

    Text, what bears loss, the image grid, and the boxes drawn on the processor's own pixels; no weights are loaded.
    Exit status: 0 all as the shards mean it; 1 not, with what to set; 2 a mistake in the options.
    """
    from jobs.check_trainer.command import CheckOptions, check_trainer

    leave(check_trainer(CheckOptions(folder, trainer, model, python, rows, out), as_json=as_json))


def contaminated(run_folder: Run) -> None:
    """List every row that was refused for a benchmark's sake and the item it matched, one JSON object a line."""
    from jobs.contamination import command

    leave(command.contaminated(run_folder))

"""The command `review` of the command line."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.options import Run, leave


def review(
    run_folder: Run,
    stage: Annotated[str | None, typer.Option(help="Whose work is to be judged.")] = None,
    n: Annotated[int, typer.Option("--n", min=1, max=1000, help="At most so many.")] = 200,
    seed: Annotated[int, typer.Option(min=0, max=2**53, help="Of the random sample.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The page; else RUN/report/review/STAGE.html.")
    ] = None,
    marked: Annotated[
        Path | None, typer.Option("--import", help="Take in the file that a page saved, in place of making one.")
    ] = None,
) -> None:
    """Make an offline page on which a person marks a sample of a stage's work with y, n and u; take in the marks.

    Example: shardmill review RUN --stage ground --n 200 --seed 1

    Example: shardmill review RUN --import review.json

    Of a stage that finds something each box, line or translation is one question; of any other, each row that it
    rejected. Marks are kept in RUN/reviews, with their precision and Wilson interval; `shardmill card` shows them.
    """
    from jobs.review import ReviewOptions
    from jobs.review import review as make

    leave(make(ReviewOptions(run_folder, stage, n, seed, output, marked)))

"""`shardmill answers`: what a run has been answered by language models, taken from elsewhere and stored elsewhere."""

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from jobs.commands import answers as exit_status
from jobs.commands import saved
from jobs.launch import RunMismatchError
from jobs.reports.llm import asking_hops, cache_of
from pipelines.sources.files import InputError
from pipelines.translation.cache import opened
from pipelines.translation.merging import export, merge


@exit_status
def answers(run: Path, sources: Sequence[str], store: str | None) -> int:
    """Take answers in from `sources`, store all of them at `store`, and say how many there are."""
    state = saved(run)
    folders = dict.fromkeys(cache_of(state, stage) for _, stage in asking_hops(state))
    if not folders:
        raise RunMismatchError(f"{run} asks no language model")
    for folder in folders:
        try:
            taken = merge(sources, folder)
        except FileNotFoundError as error:
            raise InputError(str(error)) from None
        with closing(opened(folder)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM answers").fetchone()
        sys.stdout.write(f"{folder}: {count:,} answers, {taken:,} of them taken in now\n")
        if store is not None:
            name = export(folder, store)
            sys.stdout.write(f"stored as {store.rstrip('/')}/{name}\n" if name else "nothing to store\n")
    return 0

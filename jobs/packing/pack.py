"""Packing the kept rows: every shard that is missing or outdated, then the trainers' files, then the card.

`dataset/` gets its card last: a folder without one is not finished.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from jobs.cards.write import write_card
from jobs.packing.cut import Cut, cut
from jobs.packing.groups import validation_rows
from jobs.packing.shards import ShardJob, write_shard
from jobs.running.executor import Call, RunCalls
from jobs.running.hops import shard_reader
from jobs.running.state import RunState
from jobs.running.trouble import PackError
from jobs.store.commit import Commit
from jobs.store.files import sweep, write_atomically
from jobs.store.manifest import Manifest
from jobs.store.plan import Ids
from pipelines.chatml.dialects import DIALECTS
from pipelines.chatml.dialects.protocol import Budget
from pipelines.chatml.mixture import MixtureError
from pipelines.chatml.pack_spec import VALIDATION
from pipelines.chatml.trainers import kit
from pipelines.recipe import fingerprint

SHARDS = "shards"


def pack_shards(state: RunState, run_calls: RunCalls, tick: Callable[[], None] = lambda: None) -> None:
    """Write what is missing of `dataset/`. Every part must have passed every hop.

    `tick` is called between the files that are read to cut the shards. Raises `PackError` when the mixture asks for
    samples that there are none of.
    """
    layout = state.layout
    manifest = Manifest(layout, SHARDS)
    try:
        whole = cut(state, validation_rows(state, run_calls), tick)
    except MixtureError as error:
        raise PackError(str(error)) from None
    jobs = shard_jobs(state, whole)
    missing = [job for job in jobs if not is_valid(job, manifest.get(job.number))]
    stray = set(layout.shards.glob("*")) - {job.path for job in jobs}
    if missing or stray:
        layout.card.unlink(missing_ok=True)
        layout.shards.mkdir(parents=True, exist_ok=True)
        sweep(layout.shards)
    for job in missing:  # a kill while a shard is replaced must not leave the old commit for the new file
        manifest.forget(job.number)
    run_calls([Call(write_shard, (job,)) for job in missing], manifest.record)
    for path in stray:
        path.unlink(missing_ok=True)
    for part in [commit.part for commit in manifest if commit.part >= len(jobs)]:
        manifest.forget(part)
    manifest.compact()
    _write_kit(state, whole)
    write_card(state, whole, manifest, run_calls)


def shard_jobs(state: RunState, whole: Cut) -> list[ShardJob]:
    """Every shard of the set."""
    reader, spec = shard_reader(state.hops, state.recipe.pack), state.recipe.pack
    jobs = []
    for number, piece in enumerate(whole.pieces):
        low, high = np.searchsorted(whole.held_out, [piece.first, piece.end])
        held_out = whole.held_out[low:high]
        limits = whole.thresholds.get(piece.split)
        sources = tuple(
            (part, state.superseded(part))
            for part in state.parts_with(piece.first, piece.end)
            if piece.split != VALIDATION or part.first_id is None or _holds(part.first_id, part.rows, held_out)
        )
        layers = [[state.manifests[layer][part.number].digest for layer in reader.inputs] for part, _ in sources]
        identity = fingerprint(
            *(reader.fingerprint, state.plan.key, number, piece, layers),
            *(fingerprint(held_out.tolist()), sorted(limits.items()) if limits is not None else None),
        )
        jobs.append(
            ShardJob(
                *(state.layout, reader, spec, state.plan.key, number, piece),
                *(held_out, limits, sources, identity, state.token),
            )
        )
    return jobs


def _holds(first: int, rows: int, ascending: Ids) -> bool:
    """Whether a part that begins with the id `first` holds one of these ids."""
    low, high = np.searchsorted(ascending, [first, first + rows])
    return bool(low < high)


def kit_files(state: RunState, whole: Cut) -> dict[Path, str]:
    """The trainers' files of a set that is cut so: path to text."""
    spec = state.recipe.pack
    return {state.layout.trainers / name: text for name, text in kit(spec.dialect, spec.budget, whole.splits).items()}


def _write_kit(state: RunState, whole: Cut) -> None:
    """The trainers' files. What another dialect's kit had is removed, and nothing else that lies there."""
    files = kit_files(state, whole)
    for dialect in DIALECTS.values():
        for name in kit(dialect.name, dialect.budget(Budget()), whole.splits):
            if (path := state.layout.trainers / name) not in files:
                path.unlink(missing_ok=True)
    for path, text in files.items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text)


def is_valid(job: ShardJob, commit: Commit | None) -> bool:
    """Whether a shard is there as the job would write it now."""
    if commit is None or commit.fingerprint != job.fingerprint or not job.path.exists():
        return False
    return job.path.stat().st_size == commit.bytes

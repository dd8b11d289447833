"""`shardmill card`: write a run's card anew, as after reviews were imported; fetches, judges and packs nothing."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from jobs.cards.write import run_in_processes, write_card
from jobs.commands import answers, require_passed, saved
from jobs.launch import RunMismatchError
from jobs.packing.cut import cut
from jobs.packing.groups import saved_validation_rows
from jobs.packing.pack import SHARDS, is_valid, shard_jobs
from jobs.store.lease import Lease
from jobs.store.manifest import Manifest


@answers
def card(folder: Path) -> int:
    """Write every form of the card that is not what the run says by now."""
    state = saved(folder)
    require_passed(state, state.hops[-1])
    held_out = saved_validation_rows(state)
    manifest = Manifest(state.layout, SHARDS)
    whole = None if held_out is None else cut(state, held_out)
    if whole is None or not all(is_valid(job, manifest.get(job.number)) for job in shard_jobs(state, whole)):
        raise RunMismatchError(f"{state.layout.root} is not packed as its rows are now; `shardmill pack` it first")
    with Lease(state.layout.lease):
        written = write_card(state, whole, manifest, run_in_processes)
    out = Console(highlight=False, soft_wrap=True)
    for path in written:
        out.print(Text(f"written: {path}"))
    if not written:
        out.print(Text(f"{state.layout.dataset}: the card is up to date"))
    return 0

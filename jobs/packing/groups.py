"""Which rows are held out for validation: whole groups of duplicates, found once and kept in the run.

Two rounds of calls over files, as set rules run: `collect_hashes` reads the hashes of a group of parts, `hold_out`
finds the groups and chooses among them. What they gave is kept in ``sets/split`` with a stamp of what it was made from,
and a digest, so that packing again looks for nothing.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from jobs.running.executor import Call, RunCalls
from jobs.running.hops import Hop, shard_reader
from jobs.running.part import live_rows, where
from jobs.running.state import RunState
from jobs.store.driver import check_driver
from jobs.store.files import digest, publish, write_atomically
from jobs.store.plan import NO_IDS, Ids, Part
from pipelines.chatml.pack_spec import SplitSpec
from pipelines.recipe import fingerprint
from pipelines.sets.holdout import held_out
from pipelines.sets.near_duplicates import NearDuplicates
from pipelines.sets.near_groups import near_groups
from schemas.layout import RunLayout

_PARTS_A_CALL = 256
_READS = ("id", "phash", "sha256")
_VERSION = 1
"""Raised when the same hashes would be held out otherwise."""
_ROWS, _COMPLETE = "validation.npy", "complete.json"


def validation_rows(state: RunState, run_calls: RunCalls) -> Ids:
    """The rows of the validation split, ascending. Every part must have passed every hop."""
    saved = saved_validation_rows(state)
    if saved is not None:
        return saved
    folder, reader, sources = _folder(state), _reader(state), _sources(state)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _COMPLETE).unlink(missing_ok=True)
    scratch = folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    groups = [sources[at : at + _PARTS_A_CALL] for at in range(0, len(sources), _PARTS_A_CALL)]
    paths = [scratch / f"hashes-{at:06d}.npz" for at in range(len(groups))]
    calls = [Call(collect_hashes, (state.layout, reader, *one)) for one in zip(groups, paths, strict=True)]
    run_calls(calls, lambda _: None)
    target, split = folder / _ROWS, state.recipe.pack.split
    call = Call(hold_out, (state.layout, paths, split, target, state.token, _are_apart(state)))
    run_calls([call], lambda _: None)
    write_atomically(folder / _COMPLETE, json.dumps({**_stamp(state), "digest": digest(target)}))
    shutil.rmtree(scratch)
    found: Ids = np.load(target)
    return found


def saved_validation_rows(state: RunState) -> Ids | None:
    """The same where they were found before, of just this set, and lie there unharmed; None otherwise."""
    if not state.recipe.pack.split.validation:
        return NO_IDS
    complete, rows = _folder(state) / _COMPLETE, _folder(state) / _ROWS
    if not complete.exists() or not rows.exists():
        return None
    if json.loads(complete.read_text("utf-8")) != {**_stamp(state), "digest": digest(rows)}:
        return None
    found: Ids = np.load(rows)
    return found


def collect_hashes(layout: RunLayout, reader: Hop, sources: Sequence[tuple[Part, Ids]], path: Path) -> None:
    """Write ids and hashes of the rows that reach the packing decision."""
    tables = []
    for part, superseded in sources:
        rows = live_rows(layout, reader, part)
        tables.append(where(rows, ~np.isin(rows["id"].to_numpy(), superseded)))
    rows = pa.concat_tables(tables)
    unknown = rows["phash"].is_null().to_numpy()
    digests = [xxhash.xxh3_64_intdigest(digest) for digest in rows.filter(pa.array(unknown))["sha256"].to_pylist()]
    hashes = rows["phash"].fill_null(0).to_numpy().astype(np.uint64)
    hashes[unknown] = digests
    np.savez(path, ids=rows["id"].to_numpy(), hashes=hashes, unknown=unknown)


def hold_out(
    layout: RunLayout, paths: Sequence[Path], split: SplitSpec, target: Path, attempt: str, are_apart: bool = False
) -> None:
    """Find the groups, and write the ids of the rows to hold out.

    `are_apart` says that no two of the rows can be in one group. It takes some 60 bytes a row: beside ids and hashes,
    what finding the groups takes.
    """
    files = [np.load(path) for path in paths]
    ids, hashes, unknown = (np.concatenate([file[name] for file in files]) for name in ("ids", "hashes", "unknown"))
    if not are_apart:
        hashes[~unknown] = near_groups(hashes[~unknown], split.distance)
    chosen = np.sort(ids[held_out(hashes, split.validation, split.seed)])
    temporary = paths[0].with_name(target.name)
    np.save(temporary, chosen)
    check_driver(layout, attempt)
    publish(temporary, target)


def _folder(state: RunState) -> Path:
    return state.layout.layer("split", set_rule=True)


def _reader(state: RunState) -> Hop:
    # rows that reach packing, kept by it or not: another dialect or task must not change the split
    return shard_reader(state.hops[:-1], state.recipe.pack, _READS)


def _are_apart(state: RunState) -> bool:
    """Whether a set rule left one picture of every group already, and groups at least as wide as the split's."""
    rules = (stage for hop in state.hops for stage in hop.stages if isinstance(stage, NearDuplicates))
    return any(rule.distance >= state.recipe.pack.split.distance for rule in rules)


def _sources(state: RunState) -> list[tuple[Part, Ids]]:
    return [(part, state.superseded(part)) for part in state.plan.parts]


def _stamp(state: RunState) -> dict[str, Any]:
    """What the rows are found from."""
    reader, sources = _reader(state), _sources(state)
    layers = [[state.manifests[layer][part.number].digest for layer in reader.inputs] for part, _ in sources]
    split = asdict(state.recipe.pack.split)
    over = fingerprint(reader.fingerprint, split, layers, [ids.tolist() for _, ids in sources])
    return {"version": _VERSION, "over": over}

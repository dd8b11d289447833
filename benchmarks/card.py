"""A card over a run of millions of rows: time and memory of `shardmill card` on two processors.

    python -m benchmarks.card [--rows 2000000]

The run's layers are made by this script and kept: parts of 512 rows with verdicts, sizes, captions, boxes and planned
samples, without images, and shards with tokens alone. Prints one line of JSON; goals for 2 million rows: 120 s, 1 GB.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.launch import save_run
from jobs.packing.cut import cut
from jobs.packing.pack import SHARDS, shard_jobs
from jobs.packing.shards import BYTES, KIND, LICENSE, SAMPLES
from jobs.running.hops import Hop, compile_hops
from jobs.running.state import RunState
from jobs.store.commit import KEPT, Commit, LayerWriter, count
from jobs.store.manifest import Manifest
from jobs.store.plan import NO_IDS, Plan, Window
from pipelines.recipe import Recipe
from schemas.chatml import SHARD
from schemas.layout import RunLayout
from schemas.tables import INPUT

_RUN = Path(__file__).parent / ".data" / "card"
_PART = 512
_TEMPLATES = 16
_WINDOW_PARTS = 2048
RECIPE: dict[str, Any] = {
    "name": "made",
    "stages": [
        {"stage": "pull"},
        {"stage": "aspect_ratio"},
        {"stage": "min_side"},
        {"stage": "caption_characters"},
        {"stage": "exact_duplicates"},
        {"stage": "ground", "without_boxes": "keep"},
    ],
    "pack": {"tasks": ["caption", "grounded_caption", "rec", "reg"]},
}


def make_run(rows: int) -> None:
    """The run, unless it is there."""
    layout, recipe, stamp = RunLayout(_RUN), Recipe.model_validate(RECIPE), _RUN / "made"
    made = f"{rows} {compile_hops(recipe)[-1].fingerprint}"
    if stamp.exists() and stamp.read_text() == made:
        return
    shutil.rmtree(_RUN, ignore_errors=True)
    layout.input.mkdir(parents=True)
    plan = Plan("made", 0, _PART, "", ())
    parts = -(-rows // _PART)
    random = np.random.default_rng(0)
    templates = [_template(random) for _ in range(_TEMPLATES)]
    windows = []
    for first in range(0, parts, _WINDOW_PARTS):
        name = f"window-{first:06d}.parquet"
        within = range(first, min(first + _WINDOW_PARTS, parts))
        with pq.ParquetWriter(layout.window(name), INPUT, compression="zstd") as writer:
            for part in within:
                writer.write_table(_input(part, templates[part % _TEMPLATES]), row_group_size=_PART)
        windows.append(Window(name, len(within) * _PART, 0, "", first * _PART))
    plan = plan.with_windows(windows, []).extend(None)
    plan.save(layout.plan_json)
    state = RunState(layout, recipe, plan)
    save_run(layout, recipe, plan, state.hops)
    for hop in state.hops:
        state.stopwatch.ready(hop.name)
        for part in plan.parts:
            table = _layer(hop, part.number, templates[part.number % _TEMPLATES], state.hops)
            inputs = {layer: state.manifests[layer][part.number].digest for layer in hop.inputs}
            with LayerWriter(hop.path(layout, part.number), hop.schema, "made") as layer_writer:
                layer_writer.write(table)
                counts = count(table)
                state.record(hop, layer_writer.commit(part.number, hop.fingerprint, inputs, counts, counts))
        state.manifests[hop.name].compact()
    _make_shards(state)
    stamp.write_text(made)


def _template(random: np.random.Generator) -> dict[str, Any]:
    """What the rows of a part hold, by column; a third of them leave on the way."""
    fate = random.integers(0, 15, _PART)
    words = [" ".join(["word"] * int(n)) for n in random.integers(1, 30, _PART)]
    return {
        "leaves_at": np.select([fate == 0, fate < 3, fate < 5], [0, 1, 2], 9),
        "host": random.integers(0, 20_000, _PART),
        "captions": words,
        "width": random.integers(40, 3000, _PART),
        "height": random.integers(40, 3000, _PART),
        "n_bytes": random.integers(1000, 3_000_000, _PART),
        "boxes": random.integers(0, 6, _PART),
        "corners": np.sort(random.random((_PART, 6, 2, 2), np.float32), axis=2).reshape(_PART, 6, 4),
    }


def _input(part: int, template: dict[str, Any]) -> pa.Table:
    ids = np.arange(part * _PART, (part + 1) * _PART)
    captions = [[{"text": text, "lang": "en", "role": "web"}] for text in template["captions"]]
    urls = [f"https://host-{host}.example/{row}.jpg" for host, row in zip(template["host"], ids, strict=True)]
    columns = {
        "id": ids,
        "url": urls,
        "captions": captions,
        "license": pa.repeat("CC-BY-4.0", _PART),
        "source_file": pa.repeat(f"pairs-{part // 1000:03d}.parquet", _PART),
    }
    return pa.Table.from_arrays(
        [
            pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(_PART, field.type)
            for field in INPUT
        ],
        schema=INPUT,
    )


def _layer(hop: Hop, part: int, template: dict[str, Any], hops: list[Hop]) -> pa.Table:
    """A hop's layer of a part: the rows that the hops before it kept."""
    at = template["leaves_at"]
    entered = np.flatnonzero(at >= hop.index)
    leaves = at[entered] == hop.index
    ids = entered + part * _PART
    reason = ("timeout", "aspect_ratio", "duplicate_image")[hop.index] if hop.index < 3 else None
    stage = ("pull", "aspect_ratio", "exact_duplicates")[hop.index] if hop.index < 3 else None
    columns: dict[str, Any] = {
        "id": ids,
        "outcome": np.where(leaves, "failed" if hop.index == 0 else "rejected", KEPT),
        "stage": pa.array(np.where(leaves, stage, None), pa.string()),
        "reason": pa.array(np.where(leaves, reason, None), pa.string()),
        "duplicate_of": pa.array(ids // 7, mask=~leaves),
    }
    for name in ("width", "height", "n_bytes"):
        columns[name] = pa.array(template[name][entered], mask=leaves)
    columns["served_format"] = pa.array(np.where(leaves, None, "jpeg"), pa.string())
    columns["canonical"] = pa.array(np.where(leaves, None, ""), pa.string())
    columns["sharpness"] = columns["uniformity"] = columns["n_bytes"]
    if "regions" in hop.schema.names:
        columns["regions"] = [
            [
                {
                    "caption_index": 0,
                    "phrase": [0, 4],
                    "box": template["corners"][row][box],
                    "score": 0.5,
                    "source": "x",
                }
                for box in range(template["boxes"][row])
            ]
            for row in entered
        ]
        columns["ungrounded"] = [[] for _ in entered]
    if hop is hops[-1]:
        columns["samples"] = [
            [{"task": "caption", "language": "en", "caption_index": 0, "regions": [], "bytes": 100_000}] for _ in ids
        ]
        columns["refusals"] = [[] for _ in ids]
    return pa.Table.from_arrays(
        [
            pa.array(columns[field.name]).cast(field.type)
            if isinstance(columns.get(field.name), np.ndarray | pa.Array)
            else pa.array(columns[field.name], field.type)
            if field.name in columns
            else pa.nulls(len(ids), field.type)
            for field in hop.schema
        ],
        schema=hop.schema,
    )


def _make_shards(state: RunState) -> None:
    state.layout.shards.mkdir(parents=True)
    manifest = Manifest(state.layout, SHARDS)
    kept = np.concatenate(
        [pq.read_table(path, columns=["id"])["id"].to_numpy() for path in sorted(state.layout.layer("pack").iterdir())]
    )
    for job in shard_jobs(state, cut(state, NO_IDS)):
        n = int(((kept >= job.piece.first) & (kept < job.piece.end)).sum())
        columns = {
            "task": pa.repeat("caption", n),
            "n_text_tokens": pa.array(np.arange(n) % 300, pa.int32()),
            "n_image_tokens": pa.array(np.arange(n) % 1500, pa.int32()),
        }
        arrays = [columns.get(field.name, pa.nulls(n, field.type)) for field in SHARD]
        pq.write_table(pa.Table.from_arrays(arrays, schema=SHARD), job.path, row_group_size=100)
        counts = {SAMPLES: n, BYTES: n * 100_000, f"{KIND}caption/en": n, f"{LICENSE}CC-BY-4.0": n}
        manifest.record(Commit(job.number, job.path.stat().st_size, "", job.fingerprint, {}, counts))
    manifest.compact()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    given = parser.parse_args()
    make_run(given.rows)
    for form in (_RUN / "dataset").glob("*.*"):
        form.unlink()
    program = [str(Path(sys.executable).with_name("shardmill")), "card", str(_RUN)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.measure", "--label", "card", "--cpus", "2", "--", *program],
        capture_output=True,
        text=True,
        check=False,
    )
    if not (_RUN / "dataset/card.json").exists():
        sys.exit(done.stdout + done.stderr)
    card = json.loads((_RUN / "dataset/card.json").read_text("utf-8"))
    reasons = Counter({one["reason"]: one["rows"] for step in card["steps"] for one in step["refusals"]})
    told = {"rows": card["rows"], "kept": card["steps"][-1]["kept"], **reasons, "load": round(os.getloadavg()[0], 1)}
    print(done.stdout.strip() or done.stderr)
    print(json.dumps(told))


if __name__ == "__main__":
    main()

"""What image rules cost: aspect ratio, smaller side and equal perceptual hashes, beside data-juicer on the same files.

    python -m benchmarks.images [--files 2000] [--quality 75] [--rounds 3] [--without-peer]

Files are JPEGs of pictures made here, in sizes on both sides of the bounds; a tenth are byte for byte copies of others,
so that equality of hashes is the same decision whatever the hash. *shardmill, functions*: each file is read and decoded
once, made canonical and measured as `pull` does, then the filters and the set rule judge tables of 512 rows.
*shardmill, run*: the command, inline, Python's start and all commits included. data-juicer: its operators of the same
kind and bounds, one process, without its start.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from benchmarks.near_duplicate_quality import picture
from benchmarks.peers import peer, version_of
from pipelines.filters.image import AspectRatio, MinSide
from pipelines.pull.canonical import Canonical, Found, canonicalise, identify
from pipelines.sets.near_duplicates import NearDuplicates

_DATA = Path(__file__).parent / ".data" / "images"
_SIZES = ((640, 480), (480, 640), (800, 600), (1200, 900), (1200, 200), (150, 150), (300, 1200))
_MAX_RATIO, _SIDE, _PART = 3.0, 200, 512
_MAX_PIXELS = 50_000_000
_RECIPE = f"""\
name: images
source: {{columns: {{image: image}}}}
stages:
  - {{stage: pull}}
  - {{stage: aspect_ratio, max_ratio: {_MAX_RATIO}}}
  - {{stage: min_side, pixels: {_SIDE}}}
  - {{stage: near_duplicates, distance: 0}}
run: {{min_free_gb: 0, seed: 0}}
"""


def make_files(n: int, quality: int) -> list[str]:
    """So many files, made once; the copies come after what they are copies of."""
    folder = _DATA / f"files-{n}-{quality}"
    folder.mkdir(parents=True, exist_ok=True)
    distinct = n - n // 10
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(partial(_make, folder, quality), range(distinct), chunksize=50))
    chance = random.Random(5)
    for number in range(distinct, n):
        shutil.copyfile(folder / f"{chance.randrange(distinct):06d}.jpg", folder / f"{number:06d}.jpg")
    return [str(folder / f"{number:06d}.jpg") for number in range(n)]


def _make(folder: Path, quality: int, number: int) -> None:
    path = folder / f"{number:06d}.jpg"
    if not path.exists():
        size = _SIZES[random.Random(number).randrange(len(_SIZES))]
        picture("leaves", number).resize(size, Image.Resampling.BICUBIC).save(path, quality=quality)


def _functions(files: list[str]) -> tuple[float, list[bool]]:
    before = _cpu_s()
    tables = [_measured(files[at : at + _PART], at) for at in range(0, len(files), _PART)]
    kept = []
    for rows in tables:
        for rule in (AspectRatio(max_ratio=_MAX_RATIO), MinSide(pixels=_SIDE)):
            rows = rows.filter(rule.process(rows).verdicts.reason.is_null())
        kept.append(rows)
    left = pa.concat_tables(kept)
    rule = NearDuplicates(distance=0)
    alive = set(left["id"].to_pylist()) - set(rule.decide(rule.keys(left))["id"].to_pylist())
    return _cpu_s() - before, [at in alive for at in range(len(files))]


def _measured(files: list[str], first: int) -> pa.Table:
    rows = []
    for file in files:
        body = Path(file).read_bytes()
        found = identify(body, _MAX_PIXELS)
        assert isinstance(found, Found)
        image = canonicalise(body, found, max_pixels=_MAX_PIXELS, animation="reject")
        assert isinstance(image, Canonical)
        rows.append((image.width, image.height, image.phash))
    width, height, phash = zip(*rows, strict=True)
    columns = {"id": range(first, first + len(files)), "width": width, "height": height}
    return pa.table({**columns, "phash": pa.array(phash, pa.uint64())})


def _run(files: list[str]) -> tuple[float, list[bool]]:
    run, recipe, table = _DATA / "run", _DATA / "images.yaml", _DATA / "images.parquet"
    shutil.rmtree(run, ignore_errors=True)
    recipe.write_text(_RECIPE)
    pq.write_table(pa.table({"image": files, "caption": ["a picture"] * len(files)}), table)
    shardmill = Path(sys.executable).with_name("shardmill")
    where = ["--input", table, "--output", run, "--engine", "inline", "--until", "near_duplicates"]
    before = _cpu_s()
    subprocess.run([shardmill, "run", recipe, *where], check=True, capture_output=True)
    spent = _cpu_s() - before
    windows = [pq.read_table(path, columns=["id", "image_at"]) for path in (run / "input").glob("*.parquet")]
    file_of = {row["id"]: row["image_at"]["path"] for window in windows for row in window.to_pylist()}
    layers = (pq.read_table(path, columns=["id", "outcome"]) for path in (run / "sets").glob("*/part-*.parquet"))
    kept = {file_of[row["id"]] for layer in layers for row in layer.to_pylist() if row["outcome"] == "kept"}
    # which of equal files survives follows from the permuted ids; by content it is the same decision
    contents = {Path(file).read_bytes() for file in kept}
    found = []
    for file in files:
        body = Path(file).read_bytes()
        found.append(body in contents)
        contents.discard(body)
    return spent, found


def _data_juicer(files: list[str]) -> tuple[float, list[bool]]:
    """Run the peer once; it times itself."""
    listed = _DATA / "files.txt"
    listed.write_text("\n".join(files))
    shutil.rmtree(_DATA / "hf", ignore_errors=True)  # else it would find its last answers
    script = Path(__file__).parent / "images_data_juicer.py"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(_DATA / "hf"), "PYTHONPATH": ""}
    command = [peer("data-juicer-images") / "python", script, listed, json.dumps([_MAX_RATIO, _SIDE])]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=_DATA, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-4000:])
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["cpu_s"], answer["kept"]


def _cpu_s() -> float:
    return sum(os.times()[:4])


def main() -> None:
    """Measure in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--quality", type=int, default=75, help="of the JPEGs: what decoding them costs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-peer", action="store_true")
    given = parser.parse_args()
    files = make_files(given.files, given.quality)
    print(f"{sum(Path(file).stat().st_size for file in files) / len(files) / 1000:.0f} kB a file")
    works: dict[str, Any] = {"shardmill, functions": _functions, "shardmill, run": _run}
    if not given.without_peer:
        works[f"data-juicer {version_of('data-juicer-images', 'py-data-juicer')}"] = _data_juicer
    seconds: dict[str, list[float]] = {name: [] for name in works}
    kept: dict[str, list[bool]] = {}
    for _ in range(given.rounds):
        for name, work in works.items():
            started = time.perf_counter()
            spent, kept[name] = work(files)
            seconds[name].append(spent)
            wall = round(time.perf_counter() - started, 1)
            print(json.dumps({"what": name, "cpu_s": round(spent, 2), "wall_s": wall, "load": os.getloadavg()[0]}))
    reference = kept["shardmill, functions"]
    for name, found in seconds.items():
        same = sum(map(bool.__eq__, kept[name], reference))
        rate = len(files) / median(found)
        print(f"{name:24} {median(found):8.2f} s {rate:8,.0f} images/s {sum(kept[name]):,} kept, {same:,} alike")


if __name__ == "__main__":
    main()

"""A mixed bag of images, sizes on both sides of every bound, copies and impostors: what should be kept is, exactly."""

import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from benchmarks.near_duplicate_quality import picture
from tests.support.runs import Case
from tests.support.web import Web

SIZES = ((640, 480), (480, 640), (800, 600), (1200, 200), (150, 150), (300, 1200))
RECIPE = """\
name: trap
source: {columns: {image: image}}
stages:
  - stage: pull
  - stage: aspect_ratio
    max_ratio: 4
  - stage: min_side
    pixels: 200
  - stage: near_duplicates
run: {part_rows: 64, min_free_gb: 0}
"""


@dataclass(frozen=True)
class Truth:
    """What a file is: the number of what it shows and its size; None for HTML."""

    shows: int | None
    width: int
    height: int

    @property
    def reason(self) -> str | None:
        """Why it should be refused by itself."""
        longer, shorter = max(self.width, self.height), min(self.width, self.height)
        if self.shows is None:
            return "not_an_image"
        if longer > 4 * shorter:
            return "aspect_ratio"
        return "min_side" if shorter < 200 else None


def bag(folder: Path) -> dict[str, Truth]:
    """300 images of random sizes, half-size copies of ten, five HTML files; the truth by file name."""
    folder.mkdir()
    random = np.random.default_rng(11)
    truth = {}
    for number in range(300):
        size = SIZES[int(random.integers(len(SIZES)))]
        image = picture("leaves", number).resize(size, Image.Resampling.BICUBIC)
        image.save(folder / f"{number}.jpg", quality=90)
        truth[f"{number}.jpg"] = Truth(number, *size)
    for number in random.choice(300, 10, replace=False).tolist():
        whole = Image.open(folder / f"{number}.jpg")
        half = whole.resize((whole.width // 2, whole.height // 2), Image.Resampling.BICUBIC)
        half.save(folder / f"half-{number}.jpg", quality=90)
        truth[f"half-{number}.jpg"] = Truth(number, *half.size)
    for number in range(5):
        (folder / f"page-{number}.jpg").write_text(f"<!doctype html><title>{number}</title>")
        truth[f"page-{number}.jpg"] = Truth(None, 0, 0)
    return truth


def expected(truth: dict[str, Truth], ids: dict[str, int]) -> dict[str, str | None]:
    """The reason of every file: its own, or, for all but the lowest id of what shows the same, near_duplicate."""
    alike = defaultdict(list)
    for name, one in truth.items():
        if one.reason is None:
            alike[one.shows].append(ids[name])
    lowest = {shows: min(numbers) for shows, numbers in alike.items()}
    return {
        name: one.reason or (None if ids[name] == lowest[one.shows] else "near_duplicate")
        for name, one in truth.items()
    }


def check(case: Case, truth: dict[str, Truth]) -> None:
    windows = [
        pq.read_table(path, columns=["id", "image_at"]) for path in (case.run_folder / "input").glob("*.parquet")
    ]
    rows = [row for window in windows for row in window.to_pylist()]
    ids = {Path(row["image_at"]["path"]).name: row["id"] for row in rows}
    found: dict[int, str | None] = dict.fromkeys(ids.values())
    for layer in case.run_folder.glob("*/*/part-*.parquet"):
        for row in pq.read_table(layer, columns=["id", "reason"]).to_pylist():
            found[row["id"]] = row["reason"] or found[row["id"]]
    wanted = expected(truth, ids)
    assert {name: found[row] for name, row in ids.items()} == wanted
    assert set(wanted.values()) == {None, "not_an_image", "aspect_ratio", "min_side", "near_duplicate"}
    shards = [pq.read_table(path, columns=["id"]) for path in (case.run_folder / "dataset/data").iterdir()]
    assert sum(map(len, shards)) == sum(reason is None for reason in wanted.values())


@pytest.fixture
def case(web: Web, tmp_path: Path) -> tuple[Case, dict[str, Truth]]:
    truth = bag(tmp_path / "images")
    captions = [f"picture {number}" for number in range(len(truth))]
    table = pa.table({"image": [f"images/{name}" for name in truth], "caption": captions})
    pq.write_table(table, tmp_path / "pairs.parquet")
    return Case(web, tmp_path, [], recipe=RECIPE), truth


def test_inline(case: tuple[Case, dict[str, Truth]]) -> None:
    run, truth = case
    assert run.run() == 0
    check(run, truth)


@pytest.mark.slow
def test_on_ray(case: tuple[Case, dict[str, Truth]]) -> None:
    run, truth = case
    done = subprocess.run(run.command("--engine", "ray"), capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    check(run, truth)

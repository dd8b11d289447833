"""Regions in other people's layouts, read back by what reads those."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from jobs import commands
from pipelines.captions import Caption
from pipelines.chatml.regions import Region
from pipelines.grounding.records import grit_records
from pipelines.sources.spec import SourceSpec
from tests.support.drawn import drawn
from tests.support.grounding import RECIPE, write_table
from tests.support.runs import shardmill
from tests.support.tables import read_all

SCENES = [drawn(seed) for seed in range(20)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    write_table(SCENES, folder / "scenes.parquet")
    (folder / "drawn.yaml").write_text(RECIPE)
    options = commands.RunOptions(
        str(folder / "drawn.yaml"), folder / "run", (str(folder / "scenes.parquet"),), engine="inline"
    )
    assert commands.run(options) == 0
    return folder / "run"


def grounded(run: Path) -> dict[str, list[dict[str, Any]]]:
    """Regions by URL."""
    urls = {
        row["id"]: row["url"]
        for file in (run / "input").glob("*.parquet")
        for row in pq.read_table(file, columns=["id", "url"]).to_pylist()
    }
    return {
        urls[row["id"]]: row["regions"]
        for file in (run / "layers/ground").glob("*.parquet")
        for row in pq.read_table(file, columns=["id", "regions"]).to_pylist()
    }


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_grits_records_are_read_back_as_the_regions_they_were_written_from(
    run: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"grit{suffix}"
    done = shardmill("export", str(run), "--format", "grit", "--output", str(out))
    assert done.returncode == 0, done.stderr
    rows = read_all(out, SourceSpec(table="grit"))
    expected = grounded(run)
    assert json.loads(done.stdout) == {
        "output": str(out),
        "format": "grit",
        "images": len(SCENES),
        "boxes": sum(map(len, expected.values())),
    }
    assert {row["url"] for row in rows} == set(expected)
    for row in rows:
        assert row["captions"][0]["text"] == SCENES[int(row["url"].rpartition("/")[2])].caption
        assert regions_in(row["regions"]) == regions_in(expected[row["url"]])


def regions_in(regions: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    """Phrase, expression and box of each; an expression that is its phrase may be left out."""
    spans = [(tuple(one["phrase"]), tuple(one["expression"] or one["phrase"])) for one in regions]
    boxes = [np.round(one["box"], 5).tolist() for one in regions]
    return sorted((*both, box) for both, box in zip(spans, boxes, strict=True))


def test_expressions_that_lie_in_longer_ones_are_all_written() -> None:
    """They are left out when samples are made, as with GRIT's own files."""
    caption = Caption("a dog in a field of flowers", "en", "web", None, 0)
    spans = [((0, 5), (0, 27)), ((9, 16), (9, 27)), ((20, 27), (20, 27))]
    regions = [
        Region(0, phrase, whole, (0.1 * at, 0.1, 0.5, 0.9), 0.9, 0.0, "told")
        for at, (phrase, whole) in enumerate(spans)
    ]
    row = {"id": 7, "url": "http://a.example/7", "width": 64, "height": 48, "source": None}
    (record,) = grit_records(row, [caption], regions)
    assert [item[:2] for item in record["noun_chunks"]] == [[0, 5], [9, 16], [20, 27]]
    assert [item[:2] for item in record["ref_exps"]] == [[0, 27], [9, 27], [20, 27]]


def test_the_columns_are_grits(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "grit.parquet"
    shardmill("export", str(run), "--format", "grit", "--output", str(out))
    table = pq.read_table(out)
    assert table.column_names == [
        *("clip_similarity_vitb32", "clip_similarity_vitl14", "id", "url", "caption"),
        *("width", "height", "noun_chunks", "ref_exps"),
    ]
    for row in table.to_pylist():
        for start, end, x1, y1, x2, y2, score in [*row["noun_chunks"], *row["ref_exps"]]:
            assert 0 <= start < end <= len(row["caption"])
            assert 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1 and 0 < score <= 1


def test_coco_holds_the_same_boxes_in_pixels(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "coco.json"
    assert shardmill("export", str(run), "--format", "coco", "--output", str(out)).returncode == 0
    coco = json.loads(out.read_text())
    names = {one["id"]: one["name"] for one in coco["categories"]}
    images = {one["id"]: one for one in coco["images"]}
    assert len(names) == len(set(names.values())) and len(images) == len(SCENES)
    assert [one["id"] for one in coco["annotations"]] == list(range(1, len(coco["annotations"]) + 1))
    expected = grounded(run)
    assert len(coco["annotations"]) == sum(map(len, expected.values()))
    for one in coco["annotations"]:
        image = images[one["image_id"]]
        scene = SCENES[int(image["coco_url"].rpartition("/")[2])]
        assert (image["height"], image["width"]) == scene.pixels.shape[:2]
        x, y, width, height = one["bbox"]
        assert one["area"] == pytest.approx(width * height)
        assert names[one["category_id"]] == one["caption"][slice(*one["phrase"])].lower()
        corners = np.rint([x, y, x + width, y + height]).astype(int).tolist()
        assert corners in [list(thing.box) for thing in scene.things]


def test_captions_that_an_edit_replaced_are_not_written(tmp_path: Path) -> None:
    """Their text was changed for a reason: only what counts leaves the run."""
    messy = replace(SCENES[0], caption=SCENES[0].caption + "  see http://a.example/x")
    write_table([messy, SCENES[1]], tmp_path / "scenes.parquet")
    (tmp_path / "drawn.yaml").write_text(RECIPE.replace("stage: ground", "stage: ground\n  - stage: edit_captions"))
    options = commands.RunOptions(
        str(tmp_path / "drawn.yaml"), tmp_path / "run", (str(tmp_path / "scenes.parquet"),), engine="inline"
    )
    assert commands.run(options) == 0
    for layout in ("grit.jsonl", "coco.json"):
        out = tmp_path / layout
        done = shardmill("export", str(tmp_path / "run"), "--format", layout.partition(".")[0], "--output", str(out))
        assert json.loads(done.stdout)["images"] == 1
        assert SCENES[1].caption in out.read_text()
        assert "a.example/x" not in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "yolo"], "neither grit, coco nor cogvlm-sft"),
        (["--format", "coco", "--output", "x.parquet"], ".json"),
    ],
)
def test_mistakes_are_one_message(run: Path, arguments: list[str], said: str) -> None:
    done = shardmill("export", str(run), *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr

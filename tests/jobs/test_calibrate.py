"""A threshold from a run over scenes whose boxes are known, as a table in GRIT's layout."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from jobs import commands
from jobs.calibrate import calibrate
from tests.support.drawn import drawn
from tests.support.grounding import RECIPE as UNLABELLED
from tests.support.grounding import write_table
from tests.support.runs import shardmill
from tests.support.served import served

RECIPE = """\
name: labelled
source: grit
stages:
  - stage: pull
    allow: [127.0.0.1/32]
  - stage: ground
    detector: {kind: shapes, threshold: 0.3}
pack: {tasks: [grounded_caption]}
run: {min_free_gb: 0}
"""
SCENES = [drawn(seed) for seed in range(30)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    rows = []
    with served(folder) as web:
        for number, scene in enumerate(SCENES):
            Image.fromarray(scene.pixels).save(folder / f"{number}.png")
            height, width = scene.pixels.shape[:2]
            sides = (width, height, width, height)
            chunks = [
                [
                    one.start,
                    one.end,
                    *(value / side for value, side in zip(scene.things[at].box, sides, strict=True)),
                    1.0,
                ]
                for one in scene.named
                for at in one.things
            ]
            rows.append({"url": f"{web}/{number}.png", "caption": scene.caption, "noun_chunks": chunks, "ref_exps": []})
        pq.write_table(pa.Table.from_pylist(rows), folder / "grit.parquet")
        (folder / "labelled.yaml").write_text(RECIPE)
        options = commands.RunOptions(
            str(folder / "labelled.yaml"), folder / "run", (str(folder / "grit.parquet"),), engine="inline"
        )
        assert commands.run(options) == 0
    return folder / "run"


def test_the_threshold_keeps_what_is_right(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(run, 0.98, as_json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["detector"] == "shapes"
    assert said["ran_at"] == 0.3
    assert said["labelled"] == sum(len(one.things) for scene in SCENES for one in scene.named)
    assert said["chosen"]["precision"] >= 0.98
    assert said["chosen"]["recall"] >= 0.97
    thresholds = [point["threshold"] for point in said["sweep"]]
    assert thresholds == sorted(thresholds)


def test_people_read_a_table(run: Path) -> None:
    done = shardmill("calibrate", str(run))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("shapes: ")
    assert "chosen:\n  threshold 0." in done.stdout


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        (UNLABELLED, "no boxes came with its rows"),
        (
            UNLABELLED.replace("  - stage: ground\n", "").replace("[grounded_caption, rec, reg]", "[caption]"),
            "no stage",
        ),
    ],
)
def test_a_run_that_cannot_tell_is_refused(
    recipe: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_table(SCENES[:3], tmp_path / "scenes.parquet")
    (tmp_path / "recipe.yaml").write_text(recipe)
    options = commands.RunOptions(
        str(tmp_path / "recipe.yaml"), tmp_path / "run", (str(tmp_path / "scenes.parquet"),), engine="inline"
    )
    assert commands.run(options) == 0
    assert calibrate(tmp_path / "run", 0.9) == 2
    assert why in capsys.readouterr().err

"""The whole recipe over drawn scenes whose truth is known, from the table of pictures to the shards."""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from jobs import commands
from tests.support.drawn import Drawn, drawn
from tests.support.grounding import RECIPE, Score, score, write_table
from tests.support.served import served


def grounded(scenes: list[Drawn], folder: Path) -> Score:
    write_table(scenes, folder / "scenes.parquet")
    (folder / "drawn.yaml").write_text(RECIPE)
    options = commands.RunOptions(
        str(folder / "drawn.yaml"), folder / "run", (str(folder / "scenes.parquet"),), engine="inline"
    )
    assert commands.run(options) == 0
    return score(scenes, folder / "run")


@pytest.mark.parametrize("n", [84, pytest.param(1400, marks=pytest.mark.slow)])
def test_what_was_drawn_is_what_is_found_and_asked_for(n: int, tmp_path: Path) -> None:
    found = grounded([drawn(seed) for seed in range(n)], tmp_path)
    sys.stdout.write(
        f"{n} scenes: {found.right} boxes right, {found.wrong} wrong, {found.missed} missed: precision "
        f"{found.precision:.4f}, recall {found.recall:.4f}; {found.rec} rec and {found.reg} reg questions, "
        f"{len(found.errors)} wrong\n"
    )
    sys.stdout.write("\n".join(found.mistakes) + "\n")
    assert found.errors == []
    assert found.precision >= 0.97
    assert found.recall >= 0.97
    assert found.rec > n / 4
    assert found.reg > n / 4


@pytest.mark.parametrize("recipe", ["cogvlm-grounding", "grit"])
def test_the_shipped_recipes_ground(recipe: str, tmp_path: Path) -> None:
    """With the detector of drawn scenes in place of theirs."""
    scenes = [drawn(seed) for seed in range(40)]
    with served(tmp_path) as web:
        for number, scene in enumerate(scenes):
            Image.fromarray(scene.pixels).save(tmp_path / f"{number}.png")
        names = {"url": [f"{web}/{number}.png" for number in range(40)]}
        captions = [scene.caption for scene in scenes]
        columns = (
            {"URL": names["url"], "TEXT": captions}
            if recipe.startswith("cogvlm")
            else {
                **names,
                "text": captions,
            }
        )
        pq.write_table(pa.table(columns), tmp_path / "pairs.parquet")
        settings = ("stages.ground.detector={kind: shapes}", "stages.pull.allow=[127.0.0.1/32]", "run.min_free_gb=0")
        options = commands.RunOptions(
            recipe, tmp_path / "run", (str(tmp_path / "pairs.parquet"),), settings, engine="inline"
        )
        assert commands.run(options) == 0
    kept, boxes = [], []
    last = "sets/subset_share" if recipe.startswith("cogvlm") else "layers/ground"
    outcomes = [
        row
        for file in (tmp_path / "run" / last).glob("*.parquet")
        for row in pq.read_table(file, columns=["id", "outcome"]).to_pylist()
    ]
    kept = {row["id"] for row in outcomes if row["outcome"] == "kept"}
    for file in (tmp_path / "run/layers/ground").glob("*.parquet"):
        for row in pq.read_table(file, columns=["id", "regions"]).to_pylist():
            boxes += [len(row["regions"])] if row["id"] in kept else []
    assert len(kept) > 15
    assert min(boxes) >= 1
    if recipe.startswith("cogvlm"):
        assert sum(n >= 2 for n in boxes) / len(boxes) > 0.75

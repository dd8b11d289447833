"""The whole recipe over drawn scenes whose truth is known, from the table of pictures to the shards."""

import sys
from pathlib import Path

import pytest

from jobs import commands
from tests.support.drawn import Drawn, drawn
from tests.support.grounding import RECIPE, Score, score, write_table


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

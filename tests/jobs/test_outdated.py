"""What was made by other settings, or by another version, is told before it is done again."""

from pathlib import Path

import pytest

from tests.support.runs import RECIPE, Case, shardmill, urls
from tests.support.web import Web


@pytest.fixture
def case(web: Web, tmp_path: Path) -> Case:
    done = Case(web, tmp_path, urls(web, image=20))
    assert done.run() == 0
    return done


def test_a_default_written_out_changes_nothing(case: Case, web: Web, capsys: pytest.CaptureFixture[str]) -> None:
    asked = web.counts.total()
    case.recipe = RECIPE.replace("    deadline_s: 30\n", "    deadline_s: 30\n    max_redirects: 5\n")
    assert case.run() == 0
    assert web.counts.total() == asked
    assert "done again" not in capsys.readouterr().out


def test_a_changed_setting_says_what_is_done_again(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    assert case.run("stages.pull.max_redirects=2") == 0
    assert "2 parts of pull were made with other settings or another version: done again" in capsys.readouterr().out


def test_a_run_that_is_not_up_to_its_recipe_is_not_packed_and_not_called_finished(case: Case) -> None:
    for layer in (case.run_folder / "layers/filter").glob("*.parquet"):
        layer.unlink()
    refused = shardmill("pack", str(case.run_folder), "--engine", "inline")
    assert (refused.returncode, "`shardmill run` it to its end first" in refused.stderr) == (2, True)
    assert "not finished: 20 rows are undecided" in shardmill("verify", str(case.run_folder)).stdout


def test_a_run_that_keeps_nothing_says_where_to_look(
    web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Case(web, tmp_path, urls(web, gone=5, page=5)).run() == 0
    assert "no row was kept; see `shardmill status" in capsys.readouterr().out

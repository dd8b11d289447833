"""`shardmill card RUN` and `shardmill card diff A B`."""

import json
import shutil
from pathlib import Path

import pytest

from data_cards.card_json import parse
from jobs.cards import command
from jobs.commands import saved, verify
from tests.support import carded
from tests.support.runs import files, shardmill


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """The run, to be changed."""
    return Path(shutil.copytree(run, tmp_path / "run"))


def test_a_card_that_is_up_to_date_is_left(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(copy)
    assert command.card(copy) == 0
    assert "up to date" in capsys.readouterr().out
    assert {name: content for name, content in files(copy).items() if name in before} == before


def test_forms_that_are_gone_or_changed_are_written_again(copy: Path) -> None:
    before = files(copy / "dataset")
    for form in ("card.html", "card.json"):
        (copy / "dataset" / form).unlink()
    for form in ("README.md", "croissant.json"):
        (copy / "dataset" / form).write_text("{}")
    assert verify(copy) == 1
    assert command.card(copy) == 0
    assert files(copy / "dataset") == before
    assert verify(copy) == 0


def test_what_people_marked_of_a_stage_as_it_is_now_is_in_the_card(copy: Path) -> None:
    (hop,) = (hop for hop in saved(copy).hops if hop.name == "ground")
    marked = {"stage": "ground", "n": 10, "yes": 8, "no": 1, "unsure": 1, "seed": 1}
    review = {**marked, "precision": 8 / 9, "wilson": [0.5650, 0.9801], "fingerprint": hop.fingerprint}
    (copy / "reviews").mkdir()
    (copy / "reviews/ground.json").write_text(json.dumps(review))
    (copy / "reviews/old.json").write_text(json.dumps({**review, "fingerprint": "of other settings"}))
    assert command.card(copy) == 0
    (found,) = parse((copy / "dataset/card.json").read_text("utf-8")).reviews
    assert (found.precision, found.wilson) == (8 / 9, (0.565, 0.9801))
    line = "| `ground` | 10 | 8 | 1 | 1 | 0.889 (0.565 to 0.980) | 1 |"
    assert line in (copy / "dataset/README.md").read_text("utf-8")
    assert verify(copy) == 0


def test_a_run_that_is_not_packed_as_it_is_has_no_card(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    next((copy / "dataset/data").iterdir()).unlink()
    assert command.card(copy) == 2
    assert "`shardmill pack` it first" in capsys.readouterr().err


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return carded.run(tmp_path_factory.mktemp("other"), "stages.min_side.pixels=300")


def test_two_runs_are_compared_in_the_terminal_and_as_a_page(run: Path, other: Path, tmp_path: Path) -> None:
    done = shardmill("card", "diff", str(run), str(other / "dataset"), "--output", str(tmp_path / "diff.html"))
    assert (done.returncode, done.stderr) == (0, "")
    for text in ("min_side.pixels", "64 (ours)", "300 (ours)", "min_side: min_side", "shorter side"):
        assert text in done.stdout
        assert text in (tmp_path / "diff.html").read_text("utf-8")


def test_a_run_does_not_differ_from_itself(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.diff(run, run / "dataset/card.json", None) == 0
    assert "say the same" in capsys.readouterr().out


def test_what_a_card_of_others_says_moves_no_cursor(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = json.loads((run / "dataset/card.json").read_text("utf-8")) | {"recipe": "a\x1b[2J\u202eb\x07"}
    (tmp_path / "card.json").write_text(json.dumps(theirs))
    assert command.diff(run, tmp_path, None) == 0
    said = capsys.readouterr().out
    assert "a⟨U+001B⟩[2J⟨U+202E⟩b⟨U+0007⟩" in said
    assert not {"\x1b", "\u202e", "\x07"} & set(said)


def test_what_holds_no_card_is_told(tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.diff(tmp_path, run, None) == 2
    assert "holds no card.json" in capsys.readouterr().err
    (tmp_path / "card.json").write_text('{"card": 7}')
    assert command.diff(tmp_path, run, None) == 2
    assert "no card of version 1" in capsys.readouterr().err


def test_the_command_line_says_what_it_takes() -> None:
    done = shardmill("card", "a", "b")
    assert done.returncode == 2
    assert "diff" in done.stderr

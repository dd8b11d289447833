"""The command: which mistakes of the user's it names, and what becomes of a trainer that fails."""

import os
import sys
from pathlib import Path

import pytest

from jobs.check_trainer.command import CheckOptions, check_trainer
from jobs.check_trainer.environment import ProbeError, ask, interpreter
from jobs.check_trainer.mistake import CheckMistakeError
from jobs.check_trainer.sample import Sample
from tests.support.runs import shardmill


def options(dataset: Path, **changes: object) -> CheckOptions:
    given = {"folder": dataset, "trainer": "trl", "model": str(dataset), "python": sys.executable, **changes}
    return CheckOptions(**given)  # type: ignore[arg-type]


@pytest.fixture
def unlike(tmp_path: Path) -> Path:
    """An interpreter that says it has every trainer, and fails as soon as it is asked for more."""
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\ntest "$2" = -c && exit 0\necho "a library is missing"; exit ${ENDS:-1}\n')
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"trainer": "axolotl"}, "'axolotl' is none of trl, swift, llamafactory"),
        ({"python": "/no/such/python"}, "there is no such program"),
        ({"trainer": "swift"}, "-m pip install ms-swift"),
        ({"folder": Path("/")}, "holds no packed data set"),
    ],
)
def test_a_mistake_is_one_message_and_exit_status_2(
    dataset: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], says: str
) -> None:
    assert check_trainer(options(dataset, **changes)) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1


def test_a_model_folder_that_is_not_there_is_a_mistake(
    dataset: Path, unlike: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check_trainer(options(dataset, python=str(unlike), model="./model")) == 2
    assert "--model ./model: there is no such folder" in capsys.readouterr().err


def test_a_trainer_that_makes_no_batch_is_quoted(
    dataset: Path, unlike: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check_trainer(options(dataset, python=str(unlike))) == 1
    said = capsys.readouterr().err
    assert "trl made no batch (exit status 1)" in said
    assert "a library is missing" in said


def test_a_trainer_that_cannot_be_imported_after_all_is_a_mistake(
    sample: Sample, unlike: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDS", "3")
    with pytest.raises(CheckMistakeError, match="cannot import trl: a library is missing"):
        ask("trl", str(unlike), str(tmp_path), tmp_path, tmp_path)


def test_ms_swift_is_started_by_the_kits_own_script(sample: Sample, unlike: Path, tmp_path: Path) -> None:
    folder = tmp_path / "check"
    (folder / "dataset").mkdir(parents=True)
    sample.write(folder / "dataset")
    with pytest.raises(ProbeError, match="a library is missing"):
        ask("swift", str(unlike), str(tmp_path), folder / "dataset", folder)
    (folder / "out").rmdir()
    (folder / "dataset/trainers/ms-swift/sft.sh").write_text("echo the kit speaks; exit 9\n")
    (folder / "bin/swift").unlink()
    (folder / "bin").rmdir()
    with pytest.raises(ProbeError, match=r"exit status 9[\s\S]*the kit speaks"):
        ask("swift", str(unlike), str(tmp_path), folder / "dataset", folder)


def test_the_active_environment_comes_first_and_what_has_no_trainer_is_passed_over(
    unlike: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "env/bin").mkdir(parents=True)
    active = tmp_path / "env/bin/python"
    active.symlink_to(unlike)
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "env"))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert interpreter("trl", None) == str(active)
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    assert interpreter("trl", None) == str(unlike)


def test_where_no_python_has_the_trainer_all_that_were_tried_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CheckMistakeError, match="--python") as caught:
        interpreter("llamafactory", None)
    assert sys.prefix in str(caught.value)
    assert "pip install llamafactory" in str(caught.value)


def test_help_shows_an_example() -> None:
    said = shardmill("check-trainer", "--help").stdout
    assert "Example: shardmill check-trainer RUN --trainer trl --model" in said


def test_the_command_line_answers_a_mistake_with_2(tmp_path: Path) -> None:
    ended = shardmill("check-trainer", str(tmp_path), "--trainer", "trl", "--model", "m")
    assert ended.returncode == 2
    assert "holds no packed data set" in ended.stderr

"""The trainers' environments, a small model in each, and what each trainer makes of the world."""

import functools
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs.check_trainer.comparison import Problem, SeenRow, problems, seen_rows
from jobs.check_trainer.environment import Answer, TrainerName, ask
from jobs.check_trainer.sample import Sample, take
from tests.trainers import environments
from tests.trainers.world import make_world

_HERE = Path(__file__).parent
OFFLINE = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": ""}


def python(trainer: str) -> str:
    """The interpreter of a trainer's environment."""
    if not all(environments.is_current(name) for name in ("base", trainer)):
        pytest.fail("the trainers' environments are missing or outdated: `make trainers` makes them")
    return str(environments.python(trainer))


@dataclass(frozen=True)
class Checked:
    """What a trainer makes of the whole world."""

    sample: Sample
    answer: Answer
    rows: dict[str, SeenRow]
    """By id."""
    problems: list[Problem]


@pytest.fixture(scope="session", autouse=True)
def offline() -> None:
    """No trainer asks a hub, nor takes both cores from the other tests for long."""
    os.environ.update(OFFLINE)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set."""
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A small model for a trainer, written by its own transformers, with the published models' budget."""

    @functools.cache
    def made(trainer: str, family: str = "qwen2_5_vl") -> Path:
        folder = tmp_path_factory.mktemp(f"{family}-{trainer}")
        subprocess.run([python(trainer), "-I", str(_HERE / "tiny_model.py"), family, str(folder)], check=True)
        return folder

    return made


@pytest.fixture(scope="session")
def trained(world: Path, model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The model to give a trainer, as the kit says: pinned where the trainer takes the budget from the model."""

    @functools.cache
    def made(trainer: str, family: str = "qwen2_5_vl") -> Path:
        if trainer != "llamafactory":
            return model(trainer, family)
        folder = tmp_path_factory.mktemp("pinned")
        pin = world / "trainers/pin_processor.py"
        subprocess.run([python(trainer), str(pin), str(model(trainer, family)), str(folder)], check=True)
        return folder

    return made


def see(trainer: TrainerName, dataset: Path, model: Path, folder: Path) -> Checked:
    """What a trainer makes of a whole data set, in one batch."""
    sample = take(dataset, 1000)
    (folder / "dataset").mkdir()
    sample.write(folder / "dataset")
    answer = ask(trainer, python(trainer), str(model), folder / "dataset", folder)
    rows = seen_rows(sample, answer)
    return Checked(sample, answer, {row.id: row for row in rows}, problems(sample, answer, rows, trainer))


@pytest.fixture(scope="session")
def checked(
    world: Path, trained: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[TrainerName], Checked]:
    """What a trainer makes of the world."""

    @functools.cache
    def seen(trainer: TrainerName) -> Checked:
        return see(trainer, world, trained(trainer), tmp_path_factory.mktemp(f"check-{trainer}"))

    return seen

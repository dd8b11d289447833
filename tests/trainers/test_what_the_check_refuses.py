"""Settings that make a trainer do otherwise than the shards mean: the check names them, and says what to set."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from jobs.check_trainer.command import CheckOptions, check_trainer
from jobs.check_trainer.environment import TrainerName
from tests.trainers.conftest import Checked, python

pytestmark = pytest.mark.slow


@pytest.fixture
def spoiled(world: Path, tmp_path: Path) -> Callable[[str, str, str], Path]:
    """The data set with a word of its kit replaced; more of them, call by call."""
    folder = tmp_path / "spoiled"
    shutil.copytree(world, folder)

    def replace(name: str, old: str, new: str) -> Path:
        path = folder / "trainers" / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        return folder

    return replace


def check(trainer: str, dataset: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The problems by kind; the command must have answered 1."""
    options = CheckOptions(dataset, trainer, str(model), python(trainer), 1000, out)
    assert check_trainer(options, as_json=True) == 1
    found = json.loads(capsys.readouterr().out)["problems"]
    return {problem["kind"]: problem["say"] for problem in found}


def test_trl(
    spoiled: Callable[[str, str, str], Path],
    trained: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoiled("pinned.json", "200704", "401408")
    dataset = spoiled("trl/train.py", '"assistant_only_loss": True', '"assistant_only_loss": False')
    found = check("trl", dataset, trained("trl"), tmp_path / "out", capsys)
    assert found.keys() == {"budget", "grid", "loss"}
    assert "max_pixels in force is 401,408, and not the shards' 200,704" in found["budget"]
    assert "max_pixels=200704 in AutoProcessor.from_pretrained" in found["budget"]
    assert "assistant_only_loss=True" in found["loss"]


def test_swift(
    spoiled: Callable[[str, str, str], Path],
    trained: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoiled("ms-swift/sft.sh", "MAX_PIXELS=200704 ", "")
    dataset = spoiled("ms-swift/sft.sh", "--strict true", "--strict true --max_pixels 300000 --loss_scale all")
    found = check("swift", dataset, trained("swift"), tmp_path / "out", capsys)
    assert found.keys() == {"budget", "grid", "loss"}
    assert "images over 300,000 pixels are shrunk before the processor sees them" in found["budget"]
    assert "Set MAX_PIXELS=200704 MIN_PIXELS=3136" in found["budget"]
    assert "--loss_scale" in found["loss"]


def test_llamafactory(
    spoiled: Callable[[str, str, str], Path],
    model: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dataset = spoiled("llamafactory/sft.yaml", "stage: sft", "stage: sft\ntrain_on_prompt: true")
    found = check("llamafactory", dataset, model("llamafactory"), tmp_path / "out", capsys)
    assert found.keys() == {"budget", "grid", "loss"}
    assert "max_pixels in force is 12,845,056, and not the shards' 200,704" in found["budget"]
    assert "pin_processor.py MODEL PINNED" in found["budget"]
    assert "train_on_prompt" in found["loss"]


def test_a_cut_sample_is_missed(
    spoiled: Callable[[str, str, str], Path],
    trained: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dataset = spoiled("llamafactory/sft.yaml", "cutoff_len: 32768", "cutoff_len: 200")
    found = check("llamafactory", dataset, trained("llamafactory"), tmp_path / "out", capsys)
    assert "text" in found


def test_the_command_says_that_all_is_well_and_draws(
    world: Path,
    trained: Callable[[str], Path],
    checked: Callable[[TrainerName], Checked],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = CheckOptions(world, "trl", str(trained("trl")), python("trl"), 3, tmp_path)
    assert check_trainer(options) == 0
    said = capsys.readouterr().out
    assert "3 rows with 3 images: what the shards mean" in said
    assert "as pinned; 1 box: " in said
    assert "<|image_pad|>×" in said
    (first, *_) = checked("trl").rows.values()
    drawn = Image.open(tmp_path / "row-00-image-0.png")
    assert drawn.size == first.images[0].seen
    x1, y1, _, _ = first.images[0].boxes[0].box
    assert drawn.getpixel((round(x1), round(y1))) == (255, 42, 212)

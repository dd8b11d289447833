"""The kits' own commands train: a few steps of each, in the data set's folder, as their README says."""

import json
import math
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from schemas.chatml import parquet_options
from tests.trainers.conftest import python

pytestmark = pytest.mark.slow
Models = Callable[[str], Path]


def run(world: Path, folder: Path, trainer: str, *command: str) -> str:
    """What a command says, run in the data set's folder with the trainer's environment first on PATH."""
    environment = {
        **os.environ,
        "PATH": f"{Path(python(trainer)).parent}{os.pathsep}{os.environ['PATH']}",
        "HF_DATASETS_CACHE": str(folder / "cache"),
        "MODELSCOPE_CACHE": str(folder / "cache"),
    }
    ended = subprocess.run(
        command, cwd=world, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout[-6000:]
    return ended.stdout


def assert_losses(losses: list[float], steps: int) -> None:
    """A loss a step, each that of a model that knows nothing yet: about the logarithm of the vocabulary."""
    assert losses == [pytest.approx(math.log(151_657), abs=1)] * steps


def logged(path: Path) -> list[float]:
    """The losses in a file of JSON lines."""
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return [float(entry["loss"]) for entry in entries if "loss" in entry]


@pytest.mark.parametrize("reading", ["mapped", "streamed"])
def test_trl(world: Path, trained: Models, tmp_path: Path, reading: str) -> None:
    said = run(
        *(world, tmp_path, "trl", python("trl"), "trainers/trl/train.py", "--model_name_or_path", str(trained("trl"))),
        *("--output_dir", str(tmp_path / "out"), "--streaming", str(reading == "streamed").lower()),
        *("--max_steps", "3", "--per_device_train_batch_size", "2", "--logging_steps", "1", "--save_strategy", "no"),
        *("--use_cpu", "true", "--bf16", "false", "--report_to", "none", "--disable_tqdm", "true"),
        *("--gradient_checkpointing", "false"),
    )
    assert_losses([float(loss) for loss in re.findall(r"'loss': '?([\d.]+)", said)], 3)
    saved = json.loads((tmp_path / "out/processor_config.json").read_text())
    assert saved["image_processor"]["size"] == {"shortest_edge": 3136, "longest_edge": 200_704}


@pytest.mark.parametrize("reading", ["mapped", "streamed"])
def test_swift(world: Path, trained: Models, tmp_path: Path, reading: str) -> None:
    streamed = ["--streaming", "true"] if reading == "streamed" else []
    run(
        *((_all_with_images(world, tmp_path) if streamed else world), tmp_path, "swift"),
        *("bash", "trainers/ms-swift/sft.sh", str(trained("swift")), *streamed),
        *("--output_dir", str(tmp_path / "out"), "--add_version", "false", "--tuner_type", "full"),
        *("--max_steps", "2", "--per_device_train_batch_size", "2", "--logging_steps", "1", "--save_strategy", "no"),
        *("--torch_dtype", "float32", "--report_to", "none", "--eval_strategy", "no"),
        *("--gradient_accumulation_steps", "1", "--gradient_checkpointing", "false"),
        *("--check_model", "false"),  # it would ask a hub about the local model
    )
    assert_losses(logged(tmp_path / "out/logging.jsonl"), 2)


def _all_with_images(world: Path, folder: Path) -> Path:
    """The data set without system turns and texts alone, neither of which ms-swift can stream (docs/trainers.md)."""
    copied = shutil.copytree(world, folder / "world")
    shard = copied / "data/train-00000-of-00001.parquet"
    rows = pq.read_table(shard)
    streamable = [name not in ("system turn", "text alone") for name in rows["id"].to_pylist()]
    pq.write_table(rows.filter(streamable), shard, **parquet_options())
    return copied


@pytest.mark.parametrize("reading", ["mapped", "streamed"])
def test_llamafactory(world: Path, trained: Models, tmp_path: Path, reading: str) -> None:
    streamed = ["streaming=true"] if reading == "streamed" else []
    run(
        *(world, tmp_path, "llamafactory", "llamafactory-cli", "train", "trainers/llamafactory/sft.yaml"),
        *(f"model_name_or_path={trained('llamafactory')}", f"output_dir={tmp_path / 'out'}", "finetuning_type=full"),
        *("max_steps=2", "per_device_train_batch_size=2", "logging_steps=1", "save_steps=100", "use_cpu=true"),
        *("disable_gradient_checkpointing=true", "report_to=none", *streamed),
    )
    assert_losses(logged(tmp_path / "out/trainer_log.jsonl"), 2)

"""Running a probe in the trainer's own environment."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from jobs.check_trainer.mistake import CheckMistakeError

TrainerName = Literal["trl", "swift", "llamafactory"]
PACKAGES: dict[TrainerName, str] = {"trl": "trl", "swift": "ms-swift", "llamafactory": "llamafactory"}
"""What to install for each trainer, which is imported under its own name here."""

_PROBES = Path(__file__).parent / "probes"
_NO_TRAINER = 3
_TAIL = 25


class ProbeError(Exception):
    """The trainer did not get as far as a batch; the message holds the end of what it said."""


@dataclass(frozen=True)
class Answer:
    """What a probe found. `grid` has shape (images, 3): frames, rows, columns of patches; `patches` lie one a row."""

    facts: dict[str, Any]
    grid: npt.NDArray[np.int64]
    patches: npt.NDArray[np.float32]


def interpreter(trainer: TrainerName, given: str | None) -> str:
    """The Python that can import `trainer`: the one `given`, or else that of the active environment or of PATH."""
    if given is not None:
        found = shutil.which(given)
        if found is None:
            raise CheckMistakeError(f"--python {given}: there is no such program")
        if not _can_import(found, trainer):
            raise CheckMistakeError(f"{found} cannot import {trainer}: {found} -m pip install {PACKAGES[trainer]}")
        return found
    tried = list(dict.fromkeys(_candidates()))
    for candidate in tried:
        if _can_import(candidate, trainer):
            return candidate
    raise CheckMistakeError(
        f"no Python here can import {trainer} (tried {', '.join(tried) or 'none'}): activate the environment you "
        f"train in, or name its interpreter with --python. It lives beside shardmill's, not in it: "
        f"`pip install {PACKAGES[trainer]}` in one of its own."
    )


def ask(trainer: TrainerName, python: str, model: str, dataset: Path, folder: Path) -> Answer:
    """Have `trainer` make a batch of all rows of the small data set in `dataset`; `folder` takes what it leaves.

    Raises `ProbeError` when it fails, and `CheckMistakeError` when the trainer cannot be imported after all.
    """
    if Path(model).expanduser().is_dir():
        model = str(Path(model).expanduser().absolute())
    elif model.startswith((".", "/", "~")):
        raise CheckMistakeError(f"--model {model}: there is no such folder")
    request = folder / "request.json"
    out = folder / "out"
    out.mkdir()
    request.write_text(json.dumps({"dataset": str(dataset), "model": model, "out": str(out)}))
    environment = {
        **os.environ,
        "SHARDMILL_REQUEST": str(request),
        "HF_DATASETS_CACHE": str(folder / "cache"),
        "TOKENIZERS_PARALLELISM": "false",
    }
    command = [python, "-I", str(_PROBES / f"{trainer}_probe.py")]
    if trainer == "swift":
        script = dataset / "trainers/ms-swift/sft.sh"
        environment["PATH"] = f"{_stand_in(command, folder)}{os.pathsep}{environment['PATH']}"
        if Path(model).is_dir():  # where models are kept, too
            environment["MODELSCOPE_CACHE"] = str(folder / "cache")
        command = ["bash", str(script), model]
    ended = subprocess.run(
        command,
        env=environment,
        cwd=dataset,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if ended.returncode == _NO_TRAINER:
        raise CheckMistakeError(f"{python} cannot import {trainer}: {ended.stdout.strip().splitlines()[-1]}")
    if ended.returncode or not (out / "answer.json").exists():
        end = "\n".join(ended.stdout.strip().splitlines()[-_TAIL:])
        raise ProbeError(f"{trainer} made no batch (exit status {ended.returncode}). The end of what it said:\n{end}")
    return _read(out)


def _read(out: Path) -> Answer:
    facts = json.loads((out / "answer.json").read_text("utf-8"))
    if not (out / "grid.npy").exists():
        return Answer(facts, np.zeros((0, 3), np.int64), np.zeros((0, 0), np.float32))
    return Answer(facts, np.load(out / "grid.npy"), np.load(out / "pixels.npy"))


def _stand_in(command: list[str], folder: Path) -> Path:
    """A folder with a `swift` that runs the probe: the kit's own script then calls it with its arguments."""
    programs = folder / "bin"
    programs.mkdir()
    program = programs / "swift"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    program.chmod(0o755)
    return programs


def _candidates() -> Iterator[str]:
    environment = os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX")
    if environment:
        yield str(Path(environment) / "bin/python")
    for name in ("python", "python3"):
        found = shutil.which(name)
        if found is not None:
            yield found
    yield sys.executable


def _can_import(python: str, module: str) -> bool:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    try:
        return subprocess.run([python, "-I", "-c", code], capture_output=True, check=False).returncode == 0
    except OSError:
        return False

"""Grounding is killed in mid-detection: the same command again gives what an undisturbed run gives."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.support.drawn import drawn
from tests.support.grounding import RECIPE, score, write_table
from tests.support.runs import SHARDMILL, files, is_sound

SCENES = 2000


def command(folder: Path, output: str, engine: str) -> list[str]:
    where = ["--input", str(folder / "scenes.parquet"), "--output", str(folder / output)]
    return [SHARDMILL, "run", str(folder / "drawn.yaml"), *where, "--engine", engine]


def kill_when(folder: Path, parts: int, *, whole: bool) -> bool:
    """Run until so many parts are grounded, then kill -9 all of it, or the worker that holds the detector."""
    driver = psutil.Popen(
        command(folder, "killed", "ray"), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    killed = False
    while driver.poll() is None and not killed:
        if len(list((folder / "killed/layers/ground").glob("part-*.parquet"))) >= parts:
            if whole:
                os.killpg(driver.pid, signal.SIGKILL)
                killed = True
            for process in [] if whole else driver.children(recursive=True):
                if "_ModelActor" in " ".join(process.cmdline()):
                    os.kill(process.pid, signal.SIGKILL)
                    killed = True
        time.sleep(0.02)
    driver.wait(timeout=400)
    return killed


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_run_that_is_killed_in_mid_detection_ends_the_same(tmp_path: Path) -> None:
    scenes = [drawn(seed) for seed in range(SCENES)]
    write_table(scenes, tmp_path / "scenes.parquet")
    (tmp_path / "drawn.yaml").write_text(RECIPE)
    assert kill_when(tmp_path, 4, whole=True)
    assert kill_when(tmp_path, 12, whole=False)
    done = subprocess.run(command(tmp_path, "killed", "ray"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    whole = subprocess.run(command(tmp_path, "whole", "inline"), capture_output=True, text=True, check=False)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert files(tmp_path / "killed/dataset") == files(tmp_path / "whole/dataset")
    assert is_sound(tmp_path / "killed")
    assert score(scenes, tmp_path / "killed").errors == []

"""Detectors with real models of the published architectures, in environments that have torch."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.trainers.conftest import python

pytestmark = pytest.mark.slow

_HERE = Path(__file__).parent


def ask(trainer: str, script: str, *arguments: str) -> str:
    done = subprocess.run(
        [python(trainer), str(_HERE / script), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(_HERE.parents[1])},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("trainer", ["trl", "llamafactory"])  # the newest and the oldest transformers of them
@pytest.mark.parametrize("kind", ["grounding-dino", "mm-grounding-dino", "owlv2"])
def test_a_batch_says_of_each_image_and_phrase_what_transformers_say_of_it_alone(
    trainer: str, kind: str, tmp_path: Path
) -> None:
    answer: dict[str, Any] = json.loads(ask(trainer, "tiny_detector.py", kind, str(tmp_path / "model"), "3"))
    assert len(answer["ours"]) == len(answer["theirs"]) == 6
    boxes = 0
    for ours, theirs in zip(answer["ours"], answer["theirs"], strict=True):
        assert [len(of_phrase) for of_phrase in ours] == [len(of_phrase) for of_phrase in theirs]
        for of_ours, of_theirs in zip(ours, theirs, strict=True):
            boxes += len(of_ours)
            for mine, other in zip(of_ours, of_theirs, strict=True):
                assert mine[:4] == pytest.approx(other[:4], abs=1e-3)  # pixels
                assert mine[4] == pytest.approx(other[4], abs=1e-5)
    assert boxes > 50
    question_mark = {} if kind == "owlv2" else {"3": "no_token"}
    assert answer["unasked"] == [{}, {}, question_mark, {}, {}, {"0": "too_long"}]


@pytest.mark.parametrize("trainer", ["trl", "llamafactory"])
def test_without_a_network_it_says_what_to_do(trainer: str) -> None:
    said = ask(trainer, "missing_detector.py")
    assert "weights cannot be read from IDEA-Research/grounding-dino-tiny on the Hub" in said
    assert "give it as `weights: FOLDER` in place of `hub`" in said

"""The stage `clip_similarity` with real models of CLIP's architectures, in environments that have torch."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.trainers.conftest import python

pytestmark = pytest.mark.slow

_HERE = Path(__file__).parent


@pytest.mark.parametrize("trainer", ["trl", "llamafactory"])  # the newest and the oldest transformers of them
@pytest.mark.parametrize("family", ["clip", "chinese_clip"])
def test_the_stage_says_what_the_model_says_of_each_pair(trainer: str, family: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [python(trainer), str(_HERE / "tiny_clip.py"), family, str(tmp_path / "model")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(_HERE.parents[1])},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    expected = answer["alone"]
    refused = [[value < answer["at_least"] for value in row] for row in expected]
    reasons = ["no_caption" if not row else "clip_similarity" if all(row) else None for row in refused]
    assert None in reasons
    assert "clip_similarity" in reasons
    for batches in ("small", "large"):
        found = answer[batches]
        assert found["reasons"] == [*reasons, "truncated_image"]
        for row, value, alone in zip(found["similarities"], found["values"], expected, strict=False):
            assert row == pytest.approx(alone, abs=1e-5)
            assert value is None or value == pytest.approx(alone[0], abs=1e-5)
        assert found["similarities"][-1] == [None]

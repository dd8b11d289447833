"""The older family, whose boxes are in thousandths: recognised by each trainer, and trained on as meant."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from jobs.check_trainer.environment import TrainerName
from tests.trainers.boxes import is_under_its_box
from tests.trainers.conftest import see
from tests.trainers.odd_pictures import odd_pictures
from tests.trainers.world import CONVERSATIONS, OLDER, RETOLD, make_world

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("trainer", ["trl", "swift", "llamafactory"])
def test_every_task_is_read_as_meant(trainer: TrainerName, trained: Callable[..., Path], tmp_path: Path) -> None:
    dataset = make_world(tmp_path / "world", OLDER)
    seen = see(trainer, dataset, trained(trainer, "qwen2_vl"), tmp_path)
    assert seen.problems == []
    grounded = len(OLDER.tasks) * len(odd_pictures())
    assert len(seen.rows) == grounded + len(CONVERSATIONS) + RETOLD
    assert all(is_under_its_box(row.images[0]) for row in islice(seen.rows.values(), grounded))
    tasks = {row.task: row.loss[0].removesuffix("\n") for row in islice(seen.rows.values(), len(OLDER.tasks))}
    assert tasks.keys() == set(OLDER.tasks)
    assert "<|object_ref_start|>a dark square<|object_ref_end|><|box_start|>(" in tasks["rec"]
    assert tasks["reg"] == "A dark square.<|im_end|>"

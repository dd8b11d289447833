"""What canonical pixels are for: without them, the same pictures would be trained on with boxes beside the objects."""

from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.check_trainer.environment import TrainerName
from tests.trainers.boxes import is_under_its_box
from tests.trainers.conftest import see
from tests.trainers.odd_pictures import odd_pictures
from tests.trainers.world import make_world

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("trainer", ["swift", "llamafactory"])
def test_boxes_would_lie_elsewhere(trainer: TrainerName, trained: Callable[[str], Path], tmp_path: Path) -> None:
    seen = see(trainer, make_world(tmp_path / "world", as_served=True), trained(trainer), tmp_path)
    pictures = zip(odd_pictures(), seen.rows.values(), strict=False)
    wrong = {kind for kind, row in pictures if not is_under_its_box(row.images[0])}
    turned = {f"exif_{orientation}" for orientation in range(2, 9)}
    assert wrong == turned | {"alpha", "palette", "png_16_bit_grey"}

"""Whether what was boxed is where the model would take the box to be."""

import pytest

from jobs.check_trainer.comparison import SeenImage
from tests.trainers.odd_pictures import rectangle


def is_under_its_box(image: SeenImage) -> bool:
    """Whether the one box of an odd picture is where its rectangle is, in the processor's own pixels.

    The box is rounded to pixels, and resizing blurs an edge over as many: three are allowed.
    """
    ((box, _),) = image.boxes
    found = rectangle(image.pixels)
    return found is not None and found == pytest.approx(box, abs=3)

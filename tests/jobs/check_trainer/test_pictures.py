"""The processor's patches put together again are the pixels that it was given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jobs.check_trainer.pictures import Drawn, difference, overlay, pictures
from tests.jobs.check_trainer.conftest import PROCESSOR, patches
from tests.pipelines.pull.pictures import scene, textured

sides = st.integers(1, 6).map(lambda blocks: 28 * blocks)


@given(st.lists(st.tuples(sides, sides), min_size=1, max_size=4))
def test_what_was_laid_down_is_put_together_again(sizes: list[tuple[int, int]]) -> None:
    shown = [scene(width, height, seed) for seed, (width, height) in enumerate(sizes)]
    grid = np.array([(1, height // 14, width // 14) for width, height in sizes])
    made = pictures(np.concatenate([patches(pixels) for pixels in shown]), grid, PROCESSOR)
    for pixels, again in zip(shown, made, strict=True):
        assert np.array_equal(pixels, again)


def test_no_images_make_no_pictures() -> None:
    assert pictures(np.zeros((0, 0), np.float32), np.zeros((0, 3), np.int64), PROCESSOR) == []


@pytest.mark.parametrize("turn", [lambda a: a[::-1], lambda a: a[:, ::-1], lambda a: a[::-1, ::-1]])
def test_a_picture_differs_little_from_itself_resized_and_much_from_itself_turned(turn: object) -> None:
    stored = Image.fromarray(textured(500, 333))
    seen = np.asarray(stored.resize((308, 196), Image.Resampling.LANCZOS))
    assert difference(seen, stored) < 4
    assert callable(turn)
    assert difference(turn(seen), stored) > 20


def test_boxes_are_drawn_where_they_are() -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    drawn = np.asarray(overlay(pixels, [Drawn((20, 30, 120, 80), None), Drawn((150, 10, 140, 5), "reversed")]))
    lit = drawn.any(axis=2)
    assert lit[30, 20:121].all()
    assert lit[30:81, 20].all()
    assert not lit[40:70, 30:110].any()

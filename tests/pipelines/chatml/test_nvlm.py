"""NVLM's boxes and tiles; what it shares with other dialects is in test_box_round_trips.py."""

import numpy as np
import pytest

from pipelines.chatml.dialects.nvlm import NVLM
from pipelines.chatml.dialects.protocol import Budget, Found, Grounded

FAMILY = NVLM()
SIDE = np.array([640])


def test_a_box_as_the_paper_prints_it() -> None:
    assert FAMILY.write(None, [(743, 621, 886, 672)]) == "<box>(743,621), (886,672)</box>"


def test_text_in_an_image_is_a_list() -> None:
    items = [Grounded("SALE", ((1, 2, 3, 4),)), Grounded("50 %", ((5, 6, 7, 8),))]
    written = FAMILY.write_list(items)
    assert written == "<ref>SALE</ref><box>(1,2), (3,4)</box><ref>50 %</ref><box>(5,6), (7,8)</box>"
    assert FAMILY.read(written) == [
        Found("SALE", "box", ((1, 2, 3, 4),)),
        Found("50 %", "box", ((5, 6, 7, 8),)),
    ]


def test_the_grid_is_cut_off_and_ends_at_999() -> None:
    grid = FAMILY.to_grid(np.array([[0.2289, 0.32, 0.9999, 1.0]]), SIDE, SIDE, Budget())
    assert grid.tolist() == [[228, 320, 999, 999]]


@pytest.mark.parametrize(
    ("size", "resized", "tokens"),
    [((896, 1344), (896, 1344), 1792), ((448, 448), (448, 448), 256), ((400, 40), (2688, 448), 1792)],
)
def test_six_tiles_and_a_thumbnail(size: tuple[int, int], resized: tuple[int, int], tokens: int) -> None:
    width, height = (np.array([side]) for side in size)
    budget = FAMILY.budget(Budget())
    assert budget == Budget(max_tiles=6)
    assert tuple(int(side[0]) for side in FAMILY.resized(width, height, budget)) == resized
    assert FAMILY.image_tokens(width, height, budget).tolist() == [tokens]


@pytest.mark.parametrize("asked", [Budget(max_tiles=7), Budget(max_tiles=0), Budget(max_pixels=10**6)])
def test_there_are_tags_for_six_tiles(asked: Budget) -> None:
    with pytest.raises(ValueError, match="NVLM cuts"):
        FAMILY.budget(asked)


def test_quads_are_not_its_own() -> None:
    with pytest.raises(ValueError, match="no quads"):
        FAMILY.write("dog", [(1, 2, 3, 4, 5, 6, 7, 8)])
    assert FAMILY.read("<quad>(1,2),(3,4),(5,6),(7,8)</quad>") == []

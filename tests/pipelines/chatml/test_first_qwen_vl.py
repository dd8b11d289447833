"""The first Qwen-VL's boxes; what it shares with other dialects is in test_box_round_trips.py."""

import numpy as np

from pipelines.chatml.dialects.first_qwen_vl import FirstQwenVL
from pipelines.chatml.dialects.protocol import Budget, Grounded

QWEN = FirstQwenVL()


def test_the_papers_grounded_caption() -> None:
    bees = Grounded("bees", ((661, 612, 833, 812), (120, 555, 265, 770)))
    assert QWEN.write_grounded(["Beautiful shot of ", bees, "."]) == (
        "Beautiful shot of <ref>bees</ref><box>(661,612),(833,812)</box><box>(120,555),(265,770)</box>."
    )


def test_the_grid_is_truncated_and_ends_at_999() -> None:
    side = np.array([640])
    grid = QWEN.to_grid(np.array([[0.2289, 0.32, 0.9999, 1.0]]), side, side, Budget())
    assert grid.tolist() == [[228, 320, 999, 999]]


def test_a_quad() -> None:
    assert QWEN.write("SALE", [(1, 2, 3, 4, 5, 6, 7, 8)]) == "<ref>SALE</ref><quad>(1,2),(3,4),(5,6),(7,8)</quad>"

from collections.abc import Callable

import numpy as np
import pytest

from pipelines.chatml.conversation import Turn
from pipelines.chatml.dialects import DIALECTS
from pipelines.chatml.dialects.plain import Plain
from pipelines.chatml.dialects.protocol import Budget

PLAIN = Plain()
SIDE = np.array([1, 100_000])
NONE = Budget()


def test_it_states_nothing_and_refuses_nothing() -> None:
    assert PLAIN.image_tokens(SIDE, SIDE[::-1], NONE) is None
    assert PLAIN.resized(SIDE, SIDE[::-1], NONE) is None
    assert not PLAIN.unfit(SIDE, SIDE[::-1]).any()
    assert PLAIN.budget(NONE) == PLAIN.budget_each(NONE, 3) == NONE


@pytest.mark.parametrize("asked", [Budget(max_pixels=1_000_000), Budget(max_tiles=12)])
def test_it_has_no_budget(asked: Budget) -> None:
    with pytest.raises(ValueError, match="no budget"):
        PLAIN.budget(asked)


@pytest.mark.parametrize(
    "method",
    [
        lambda: PLAIN.to_grid(np.zeros((2, 4)), SIDE, SIDE, NONE),
        lambda: PLAIN.from_grid(np.zeros((2, 4), np.int64), SIDE, SIDE, NONE),
        lambda: PLAIN.write("dog", [(1, 2, 3, 4)]),
        lambda: PLAIN.write_grounded(["A dog"]),
        lambda: PLAIN.read("A dog"),
        lambda: PLAIN.training_text((Turn("user", ("Hello",)),), []),
    ],
)
def test_what_it_cannot_do_says_what_to_choose(method: Callable[[], object]) -> None:
    assert not PLAIN.writes_boxes
    with pytest.raises(ValueError, match="choose the dialect of a model family"):
        method()


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_special_tokens_hold_no_space_so_that_a_space_breaks_them(name: str) -> None:
    assert DIALECTS[name].name == name
    assert all(token and not any(character.isspace() for character in token) for token in DIALECTS[name].special_tokens)

"""CogVLM's boxes: plain text behind the phrase."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.chatml.dialects.cogvlm import CogVLM
from pipelines.chatml.dialects.protocol import Budget, Found, Grounded

COGVLM = CogVLM()
BOXES = st.lists(st.tuples(*[st.integers(0, 999)] * 4), min_size=1, max_size=4).map(tuple)
SIDE = np.array([640])


def test_the_worked_example() -> None:
    fractions = np.array([[0.086, 0.54, 0.4, 0.76]])
    grid = COGVLM.to_grid(fractions, SIDE, SIDE, Budget())
    written = COGVLM.write(None, grid.tolist())
    assert written == "[[086,540,400,760]]"
    (found,) = COGVLM.read(written)
    assert COGVLM.from_grid(np.array(found.coordinates), SIDE, SIDE, Budget()).tolist() == fractions.tolist()


def test_the_right_edge_is_999() -> None:
    assert COGVLM.to_grid(np.array([[0, 0, 1, 1.0]]), SIDE, SIDE, Budget()).tolist() == [[0, 0, 999, 999]]


def test_a_grounded_caption() -> None:
    pieces = [
        Grounded("A man", ((1, 2, 30, 400),)),
        " and ",
        Grounded("two dogs", ((5, 6, 7, 8), (9, 10, 11, 12))),
        " are walking together.",
    ]
    assert COGVLM.write_grounded(pieces) == (
        "A man [[001,002,030,400]] and two dogs [[005,006,007,008;009,010,011,012]] are walking together."
    )


@given(st.lists(BOXES, max_size=4), st.text(st.characters(exclude_characters="[]"), max_size=8))
def test_boxes_are_read_back(groups: list[tuple[tuple[int, ...], ...]], text: str) -> None:
    written = text.join(COGVLM.write(text, boxes) for boxes in groups)
    assert COGVLM.read(written) == [Found(None, "box", boxes) for boxes in groups]


@pytest.mark.parametrize("text", ["[[1,2,3]]", "[1,2,3,4]", "[[1,2,3,4;]]", "[[a,b,c,d]]", "[[", "]]"])
def test_what_is_malformed_is_skipped(text: str) -> None:
    assert COGVLM.read(text) == []


def test_what_it_cannot_write_is_refused() -> None:
    with pytest.raises(ValueError, match="no quads"):
        COGVLM.write("dog", [(1, 2, 3, 4, 5, 6, 7, 8)])
    with pytest.raises(ValueError, match="neutralised"):
        COGVLM.write("[[1,2,3,4]]", [(1, 2, 3, 4)])
    with pytest.raises(ValueError, match="490 pixels"):
        COGVLM.budget(Budget(max_pixels=10**6))

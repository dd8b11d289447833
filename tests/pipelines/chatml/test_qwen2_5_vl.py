import json
from typing import Any

import numpy as np
import pytest

from pipelines.chatml.dialects.protocol import Budget, Found, Grounded
from pipelines.chatml.dialects.qwen2_5_vl import Qwen25VL
from pipelines.chatml.dialects.qwen2_vl import Qwen2VL

LARGE = 12_845_056
QWEN = Qwen25VL()


def grid(box: tuple[int, ...], size: tuple[int, int], max_pixels: int | None = None, *, stored: bool = False) -> Any:
    """A box in pixels of an image of `size` (W, H) on the grid; `stored` as float32, as regions are."""
    width, height = size
    fractions = np.array([box]) / (size * (len(box) // 2))
    if stored:
        fractions = fractions.astype(np.float32).astype(np.float64)
    budget = QWEN.budget(Budget(max_pixels))
    return QWEN.to_grid(fractions, np.array([width]), np.array([height]), budget)[0].tolist()


@pytest.mark.parametrize("stored", [False, True])
def test_boxes_are_pixels_of_the_resized_image(stored: bool) -> None:
    assert grid((146, 137, 615, 415), (640, 428), stored=stored) == [147, 134, 619, 407]


@pytest.mark.parametrize("stored", [False, True])
def test_boxes_depend_on_what_the_trainer_does_to_the_image(stored: bool) -> None:
    box, size = (600, 300, 1200, 900), (1920, 1080)
    assert grid(box, size, 28 * 28 * 1280, stored=stored) == [411, 202, 822, 607]
    assert grid(box, size, LARGE, stored=stored) == [604, 303, 1208, 910]
    # shrunk to an area of 768² before the processor sees it, which makes it 1024 × 576
    assert grid((320, 160, 640, 480), (1024, 576), stored=stored) == [324, 163, 648, 490]


def test_the_far_edges_are_the_last_pixels() -> None:
    assert grid((0, 0, 224, 112), (224, 112)) == [0, 0, 223, 111]


def test_quads_too() -> None:
    assert grid((0, 0, 224, 0, 224, 112, 0, 112), (224, 112)) == [0, 0, 223, 0, 223, 111, 0, 111]


def test_each_image_has_its_own_grid() -> None:
    whole = np.array([[0.0, 0.0, 1.0, 1.0]] * 2)
    edges = QWEN.to_grid(whole, np.array([224, 448]), np.array([112, 56]), QWEN.budget(Budget()))
    assert edges.tolist() == [[0, 0, 223, 111], [0, 0, 447, 55]]


def test_what_is_no_fraction_is_clamped() -> None:
    wild = np.array([[float("nan"), -1.0, float("inf"), 1.5]])
    assert QWEN.to_grid(wild, np.array([224]), np.array([112]), QWEN.budget(Budget())).tolist() == [[0, 0, 223, 111]]


def test_budget_and_tokens_are_those_of_qwen2_vl() -> None:
    width, height = np.array([512, 1920, 10]), np.array([512, 1080, 2001])
    assert QWEN.budget(Budget()) == Qwen2VL().budget(Budget())
    assert QWEN.unfit(width, height).tolist() == [False, False, True]
    for budget in (QWEN.budget(Budget()), Budget(max_pixels=LARGE)):
        fit = width[:2], height[:2], budget
        assert QWEN.image_tokens(*fit).tolist() == Qwen2VL().image_tokens(*fit).tolist()


def test_boxes_are_a_json_list_also_where_there_is_one() -> None:
    assert QWEN.write("dog", [(1, 2, 3, 4)]) == '[{"bbox_2d": [1, 2, 3, 4], "label": "dog"}]'
    assert QWEN.write("狗", [(1, 2, 3, 4), (5, 6, 7, 8)]) == (
        '[{"bbox_2d": [1, 2, 3, 4], "label": "狗"}, {"bbox_2d": [5, 6, 7, 8], "label": "狗"}]'
    )
    assert QWEN.write(None, [(1, 2, 3, 4)]) == '[{"bbox_2d": [1, 2, 3, 4]}]'


def test_quads_have_a_key_of_their_own() -> None:
    assert QWEN.write("EXIT", [(1, 2, 3, 4, 5, 6, 7, 8)]) == (
        '[{"quad_2d": [1, 2, 3, 4, 5, 6, 7, 8], "label": "EXIT"}]'
    )


def test_a_grounded_text_has_its_boxes_on_a_line_of_their_own() -> None:
    pieces = [Grounded("A man", ((1, 2, 3, 4), (5, 6, 7, 8))), " and ", Grounded("a dog", ((9, 9, 12, 12),)), "."]
    text = QWEN.write_grounded(pieces)
    sentence, boxes = text.split("\n")
    assert sentence == "A man and a dog."
    assert json.loads(boxes) == [
        {"bbox_2d": [1, 2, 3, 4], "label": "A man"},
        {"bbox_2d": [5, 6, 7, 8], "label": "A man"},
        {"bbox_2d": [9, 9, 12, 12], "label": "a dog"},
    ]
    assert QWEN.read(text) == [
        Found("A man", "box", ((1, 2, 3, 4), (5, 6, 7, 8))),
        Found("a dog", "box", ((9, 9, 12, 12),)),
    ]


def test_a_text_with_nothing_grounded_stays_as_it_is() -> None:
    assert QWEN.write_grounded(["A man", "."]) == "A man."


@pytest.mark.parametrize(
    "label", ['say "hi"', "a\nb", "back\\slash", "[1, 2]", '{"bbox_2d": [1, 2, 3, 4]}', "狗}]", ""]
)
def test_json_carries_any_phrase(label: str) -> None:
    written = QWEN.write(label, [(1, 2, 3, 4)])
    assert "\n" not in written
    assert QWEN.read(f"前面 {written} after") == [Found(label, "box", ((1, 2, 3, 4),))]


BOX = Found("dog", "box", ((1, 2, 3, 4),))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("no box", []),
        ('```json\n[\n\t{"bbox_2d": [1, 2, 3, 4], "label": "dog"}\n]\n```', [BOX]),
        ('{"bbox_2d": [1, 2, 3, 4], "label": "dog"}', [BOX]),
        ('{"label": "dog", "bbox_2d": [1,2,3,4], "score": 0.5}', [BOX]),
        ('{\n"bbox_2d": [1, 2, 3, 4]\n}', [Found(None, "box", ((1, 2, 3, 4),))]),
        ('{"objects": [{"bbox_2d": [1, 2, 3, 4], "label": "dog"}]}', [BOX]),
        ('[{"bbox_2d": [1, 2, 3, 4], "label": "dog"}, {"bbox_2d": [1, 2, 3], "label": "cat"}]', [BOX]),
        ('[{"bbox_2d": [1, 2, 3, 4], "label": "dog"}, {"bbox_2d": [1, 2', [BOX]),
        ('[{"bbox_2d": [1, 2, 3, 4], "label": "dog"}][{"bbox_2d": [1, 2, 3, 4], "label": "dog"}]', [BOX, BOX]),
        ('[{"bbox_2d": [1, 2, 3, true]}]', []),
        ('[{"bbox_2d": [1, 2, 3, 4.0]}]', []),
        ('[{"bbox_2d": [1, 2, 3, -4]}]', []),
        ('[{"bbox_2d": [1, 2, 3, 4], "label": 5}]', []),
        (f'[{{"bbox_2d": [1, 2, 3, {"9" * 5000}]}}]', []),
        ('{"a": ' * 3000 + '{"bbox_2d": [1, 2, 3, 4], "label": "dog"}', [BOX]),
    ],
)
def test_what_is_malformed_is_skipped(text: str, found: list[Found]) -> None:
    assert QWEN.read(text) == found


def test_boxes_and_quads_are_not_written_together() -> None:
    with pytest.raises(ValueError, match="one kind"):
        QWEN.write("dog", [(1, 2, 3, 4), (1, 2, 3, 4, 5, 6, 7, 8)])

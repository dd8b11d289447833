import numpy as np
import pytest

from pipelines.chatml.dialects.protocol import Budget, Found, Grounded
from pipelines.chatml.dialects.qwen2_vl import Qwen2VL

DEFAULT = 28 * 28 * 1280
LARGE = 12_845_056
QWEN = Qwen2VL()


def resized(height: int, width: int, max_pixels: int | None = None) -> tuple[int, int]:
    sides = QWEN.resized(np.array([width]), np.array([height]), QWEN.budget(Budget(max_pixels)))
    return int(sides[1][0]), int(sides[0][0])


def tokens(height: int, width: int, max_pixels: int | None = None) -> int:
    return int(QWEN.image_tokens(np.array([width]), np.array([height]), QWEN.budget(Budget(max_pixels)))[0])


def grid(fractions: list[float]) -> list[int]:
    one = np.array([1])
    return [int(value) for value in QWEN.to_grid(np.array([fractions]), one, one, QWEN.budget(Budget()))[0]]


@pytest.mark.parametrize(
    ("size", "expected", "n_tokens"),
    [
        ((512, 512), (504, 504), 324),
        ((40, 400), (28, 392), 14),
        ((224, 224), (224, 224), 64),
        ((42, 70), (56, 56), 4),
        ((28, 28), (56, 56), 4),
        ((10, 300), (28, 308), 11),
        ((1080, 1920), (728, 1316), 1222),
    ],
)
def test_images_are_resized_as_published(size: tuple[int, int], expected: tuple[int, int], n_tokens: int) -> None:
    assert resized(*size) == expected
    assert tokens(*size) == n_tokens


def test_a_larger_budget_keeps_more_pixels() -> None:
    assert resized(1080, 1920, LARGE) == (1092, 1932)
    assert tokens(1080, 1920, LARGE) == 2691


def test_patches_of_14_pixels_are_four_times_the_tokens() -> None:
    height, width = resized(512, 512)
    assert (height // 14 * (width // 14), 3 * 2 * 14 * 14) == (1296, 1176)
    assert 4 * tokens(512, 512) == 1296


def test_more_than_200_to_1_is_refused() -> None:
    unfit = QWEN.unfit(np.array([2000, 2001, 10, 10]), np.array([10, 10, 2000, 2001]))
    assert unfit.tolist() == [False, True, False, True]


def test_there_is_a_default_budget_and_a_smallest_one() -> None:
    assert QWEN.budget(Budget()) == Budget(max_pixels=DEFAULT)
    assert QWEN.budget(Budget(max_pixels=56 * 56)) == Budget(max_pixels=56 * 56)
    with pytest.raises(ValueError, match="3136"):
        QWEN.budget(Budget(max_pixels=56 * 56 - 1))


def test_a_limit_of_tiles_is_another_familys() -> None:
    with pytest.raises(ValueError, match="max_tiles"):
        QWEN.budget(Budget(max_tiles=12))


def test_each_of_several_images_has_the_whole_budget() -> None:
    assert QWEN.budget_each(Budget(max_pixels=LARGE), 5) == Budget(max_pixels=LARGE)


def test_the_grid_is_thousandths_rounded() -> None:
    box = [146 / 640, 137 / 428, 615 / 640, 415 / 428]
    assert grid(box) == [228, 320, 961, 970]
    assert grid(np.array(box, np.float32).tolist()) == [228, 320, 961, 970]


def test_ties_go_to_the_even_number_though_float32_blurs_them() -> None:
    blurred = np.array([0.0005, 0.0015, 0.1225, 0.8765], np.float32).tolist()
    assert blurred != [0.0005, 0.0015, 0.1225, 0.8765]
    assert grid([0.0005, 0.0015, 0.1225, 0.8765]) == grid(blurred) == [0, 2, 122, 876]


def test_the_right_edge_is_999() -> None:
    assert grid([0, 0, 1, 1]) == [0, 0, 999, 999]


@pytest.mark.parametrize("fraction", [float("nan"), -0.1, float("-inf")])
def test_what_is_no_fraction_counts_as_0(fraction: float) -> None:
    assert grid([fraction] * 4) == [0, 0, 0, 0]


@pytest.mark.parametrize("fraction", [1.0001, 7.0, float("inf")])
def test_what_is_more_than_1_counts_as_1(fraction: float) -> None:
    assert grid([fraction] * 4) == [999] * 4


def test_boxes_have_marks_of_their_own_each() -> None:
    assert QWEN.write("dog", [(1, 2, 3, 4)]) == (
        "<|object_ref_start|>dog<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>"
    )
    assert QWEN.write("bees", [(1, 2, 3, 4), (5, 6, 7, 8)]) == (
        "<|object_ref_start|>bees<|object_ref_end|>"
        "<|box_start|>(1,2),(3,4)<|box_end|><|box_start|>(5,6),(7,8)<|box_end|>"
    )
    assert QWEN.write(None, [(661, 612, 833, 812)]) == "<|box_start|>(661,612),(833,812)<|box_end|>"


def test_quads_are_four_points() -> None:
    assert QWEN.write("EXIT", [(1, 2, 3, 4, 5, 6, 7, 8)]) == (
        "<|object_ref_start|>EXIT<|object_ref_end|><|quad_start|>(1,2),(3,4),(5,6),(7,8)<|quad_end|>"
    )


def test_a_grounded_text_marks_phrases_where_they_stand() -> None:
    text = QWEN.write_grounded([Grounded("A man", ((1, 2, 3, 4),)), " and ", Grounded("a dog", ((5, 6, 7, 8),)), "."])
    assert text == (
        "<|object_ref_start|>A man<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|> and "
        "<|object_ref_start|>a dog<|object_ref_end|><|box_start|>(5,6),(7,8)<|box_end|>."
    )


def test_numpy_numbers_are_written_as_numbers() -> None:
    assert QWEN.write(None, np.array([[1, 2, 3, 4]])) == "<|box_start|>(1,2),(3,4)<|box_end|>"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("no box", []),
        ("<|box_start|>(1, 2), (3, 4)<|box_end|>", [Found(None, "box", ((1, 2, 3, 4),))]),
        ("<|box_start|>(1,2),(3,4)", []),
        ("<|box_start|>(1,2)<|box_end|>", []),
        ("<|box_start|>(1,2),(3,-4)<|box_end|>", []),
        ("<|box_start|>(1,2),(3,4),(5,6),(7,8)<|box_end|>", []),
        ("<|quad_start|>(1,2),(3,4)<|quad_end|>", []),
        (f"<|box_start|>(1,2),(3,{'9' * 5000})<|box_end|>", []),
        (
            "<|object_ref_start|>a<|object_ref_end|> <|box_start|>(1,2),(3,4)<|box_end|>",
            [Found(None, "box", ((1, 2, 3, 4),))],
        ),
        (
            "<|object_ref_start|>a<|object_ref_start|>b<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>",
            [Found("b", "box", ((1, 2, 3, 4),))],
        ),
    ],
)
def test_what_is_malformed_is_skipped(text: str, found: list[Found]) -> None:
    assert QWEN.read(text) == found


@pytest.mark.parametrize("mark", ["<|object_ref_end|>", "<|box_start|>", "<|quad_end|>"])
def test_a_phrase_with_a_mark_in_it_is_not_written(mark: str) -> None:
    with pytest.raises(ValueError, match="neutralised"):
        QWEN.write(f"a {mark} dog", [(1, 2, 3, 4)])


@pytest.mark.parametrize("coordinates", [[], [(1, 2, 3)], [(1, 2, 3, 4), (1, 2, 3, 4, 5, 6, 7, 8)], [(1, 2, 3, -4)]])
def test_what_is_neither_boxes_nor_quads_is_not_written(coordinates: list[tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="coordinate"):
        QWEN.write("a dog", coordinates)

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.chatml.dialects import DIALECTS
from pipelines.chatml.dialects.plain import Plain
from pipelines.chatml.dialects.qwen2_vl import FACTOR, MAX_PIXELS, MIN_PIXELS, Qwen2VL, smart_resize

DEFAULT = MAX_PIXELS
LARGE = 12_845_056


def resized(height: int, width: int, max_pixels: int = DEFAULT) -> tuple[int, int]:
    new_width, new_height = smart_resize(np.array([width]), np.array([height]), max_pixels)
    return int(new_height[0]), int(new_width[0])


def tokens(height: int, width: int, max_pixels: int | None = None) -> int:
    counts = Qwen2VL().image_tokens(np.array([width]), np.array([height]), max_pixels)
    assert counts is not None
    return int(counts[0])


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
def test_qwen2_vl_resizes_as_published(size: tuple[int, int], expected: tuple[int, int], n_tokens: int) -> None:
    assert resized(*size) == expected
    assert tokens(*size) == n_tokens


def test_a_larger_budget_keeps_more_pixels() -> None:
    assert resized(1080, 1920, LARGE) == (1092, 1932)
    assert tokens(1080, 1920, LARGE) == 2691


def test_patches_of_14_pixels_are_four_times_the_tokens() -> None:
    height, width = resized(512, 512)
    assert (height // 14 * (width // 14), 3 * 2 * 14 * 14) == (1296, 1176)
    assert 4 * tokens(512, 512) == 1296


def one_by_one(height: int, width: int, max_pixels: int) -> tuple[int, int]:
    """The published rule for one image, in Python's own arithmetic."""
    new_height, new_width = round(height / 28) * 28, round(width / 28) * 28
    if new_height * new_width > max_pixels:
        beta = math.sqrt(height * width / max_pixels)
        return max(28, math.floor(height / beta / 28) * 28), max(28, math.floor(width / beta / 28) * 28)
    if new_height * new_width < MIN_PIXELS:
        beta = math.sqrt(MIN_PIXELS / (height * width))
        return math.ceil(height * beta / 28) * 28, math.ceil(width * beta / 28) * 28
    return new_height, new_width


SIDES = st.one_of(st.integers(1, 300), st.integers(1, 20_000), st.integers(1, 400).map(lambda half: 14 * half))
BUDGETS = st.one_of(st.sampled_from([MIN_PIXELS, DEFAULT, LARGE]), st.integers(MIN_PIXELS, LARGE))


@given(sizes=st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=50), max_pixels=BUDGETS)
def test_many_images_at_once_are_resized_as_one_by_one(sizes: list[tuple[int, int]], max_pixels: int) -> None:
    height, width = np.array(sizes).T
    new_width, new_height = smart_resize(width, height, max_pixels)
    expected = [one_by_one(h, w, max_pixels) for h, w in sizes]
    assert list(zip(new_height.tolist(), new_width.tolist(), strict=True)) == expected
    assert not np.any(new_width % FACTOR)
    assert not np.any(new_height % FACTOR)


def test_qwen2_vl_refuses_more_than_200_to_1() -> None:
    unfit = Qwen2VL().unfit(np.array([2000, 2001, 10, 10]), np.array([10, 10, 2000, 2001]))
    assert unfit.tolist() == [False, True, False, True]


def test_qwen2_vl_has_a_default_budget_and_a_smallest_one() -> None:
    assert Qwen2VL().pixel_budget(None) == 28 * 28 * 1280
    assert Qwen2VL().pixel_budget(56 * 56) == 56 * 56
    with pytest.raises(ValueError, match="3136"):
        Qwen2VL().pixel_budget(56 * 56 - 1)


def test_plain_states_nothing_and_refuses_nothing() -> None:
    size = np.array([1, 100_000])
    assert Plain().image_tokens(size, size[::-1], None) is None
    assert not Plain().unfit(size, size[::-1]).any()
    assert Plain().pixel_budget(None) is None
    with pytest.raises(ValueError, match="no pixel budget"):
        Plain().pixel_budget(1_000_000)


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_special_tokens_hold_no_space_so_that_a_space_breaks_them(name: str) -> None:
    assert DIALECTS[name].name == name
    assert all(token and not any(character.isspace() for character in token) for token in DIALECTS[name].special_tokens)

"""Signals say the same of the same picture, and different things of different ones."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from pipelines.pull import signals


def textured(seed: int, height: int = 300, width: int = 420) -> signals.Grey:
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 12), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def phash(grey: signals.Grey) -> int:
    return signals.perceptual_hash(signals.at_working_size(grey))


def bits_apart(one: int, other: int) -> int:
    return (one ^ other).bit_count()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("side", [150, 217, 600, 1111])
def test_the_hash_survives_a_resize(seed: int, side: int) -> None:
    grey = textured(seed)
    resized = cv2.resize(grey, (side, round(side * 300 / 420)), interpolation=cv2.INTER_AREA)
    assert bits_apart(phash(grey), phash(np.asarray(resized, np.uint8))) <= 4


@pytest.mark.parametrize("quality", [95, 70, 40])
def test_the_hash_survives_a_new_encoding(quality: int) -> None:
    grey = textured(3)
    _, encoded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
    again = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
    assert bits_apart(phash(grey), phash(np.asarray(again, np.uint8))) <= 4


def test_different_pictures_are_far_apart() -> None:
    hashes = [phash(textured(seed)) for seed in range(12)]
    assert min(bits_apart(a, b) for i, a in enumerate(hashes) for b in hashes[:i]) >= 12


def test_the_bits_are_the_cosine_terms_row_by_row() -> None:
    x = np.arange(32)
    for row, column in [(0, 1), (1, 0), (2, 5), (7, 7)]:
        wave = np.outer(np.cos(np.pi / 64 * (2 * x + 1) * row), np.cos(np.pi / 64 * (2 * x + 1) * column))
        grey = np.rint(128 + 100 * wave).astype(np.uint8)
        assert signals.perceptual_hash(grey) >> (63 - (8 * row + column)) & 1
    flat = np.full((40, 40), 77, np.uint8)
    assert signals.perceptual_hash(flat) == 1 << 63


@settings(max_examples=50, deadline=None)
@given(npst.arrays(np.uint8, st.tuples(st.integers(1, 300), st.integers(1, 300))))
def test_any_pixels_have_signals_within_their_ranges(grey: signals.Grey) -> None:
    working = signals.at_working_size(grey)
    assert min(working.shape) == min(*grey.shape, signals.WORKING_SIDE)
    assert 0 <= signals.perceptual_hash(working) < 1 << 64
    assert signals.sharpness(working) >= 0
    assert 0 <= signals.uniformity(working) <= 128


def test_blur_lowers_sharpness_and_flatness_lowers_both() -> None:
    grey = np.random.default_rng(1).integers(0, 256, (200, 200), np.uint8)
    blurred = np.asarray(cv2.GaussianBlur(grey, (0, 0), 3), np.uint8)
    flat = np.full((200, 200), 9, np.uint8)
    assert signals.sharpness(grey) > 10 * signals.sharpness(blurred) > 0
    assert signals.sharpness(flat) == signals.uniformity(flat) == 0

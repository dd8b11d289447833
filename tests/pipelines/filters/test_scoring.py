"""What becomes of rows that a model judges, and of those it fails on."""

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from pipelines.filters.scoring import Numbers, Picture, failures, score_rows
from pipelines.stage import Verdict


def encoded(width: int, kind: str = "PNG", mode: str = "RGB") -> bytes:
    noise = np.random.default_rng(width).integers(0, 256, (8, width, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(out, kind)
    return out.getvalue()


def column(*images: bytes) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(images, pa.large_binary())])


def widths(pictures: list[Picture], places: list[int]) -> list[Numbers]:
    if any(picture.width == 13 for picture in pictures):
        raise RuntimeError("thirteen")
    return [[float(picture.width)] for picture in pictures]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_one_image_fails_alone(batch_size: int) -> None:
    images = column(encoded(3), encoded(13), b"damaged", encoded(5), encoded(13), encoded(7))
    found = score_rows(images, widths, batch_size)
    assert [one[0] if isinstance(one, list) else one.reason for one in found] == [
        *(3.0, "model_error", "truncated_image", 5.0, "model_error", 7.0)
    ]
    verdicts = failures(found)
    assert verdicts.detail.to_pylist()[1] == "RuntimeError: thirteen"
    assert verdicts.reason.to_pylist()[0] is None


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_is_no_answer(number: float) -> None:
    (found,) = score_rows(column(encoded(3)), lambda pictures, _: [[0.5, number] for _ in pictures], 8)
    assert isinstance(found, Verdict)
    assert found.reason == "model_error"


def test_a_model_that_answers_for_fewer_images_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError):
        score_rows(column(encoded(3), encoded(5)), lambda pictures, _: [[1.0]], 8)


def test_every_image_is_decoded_once_to_rgb_and_told_its_row() -> None:
    seen: list[tuple[int, str, int]] = []

    def note(pictures: list[Picture], places: list[int]) -> list[Numbers]:
        seen.extend((place, picture.mode, picture.width) for picture, place in zip(pictures, places, strict=True))
        return [[0.0] for _ in pictures]

    images = column(encoded(3, "JPEG", "L"), b"", encoded(5, "WEBP"), encoded(7, "PNG", "P"))
    score_rows(images, note, 2)
    assert seen == [(0, "RGB", 3), (2, "RGB", 5), (3, "RGB", 7)]


def test_no_rows_ask_no_model() -> None:
    def never(pictures: list[Picture], places: list[int]) -> list[Numbers]:
        raise AssertionError

    assert score_rows(column(), never, 8) == []
    assert len(score_rows(column(b"damaged"), never, 8)) == 1

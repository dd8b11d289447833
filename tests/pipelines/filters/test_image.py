"""Filters on an image's shape, size and look, both sides of every boundary."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.filters.filter import Filter
from pipelines.filters.image import (
    Area,
    AspectRatio,
    Blur,
    Format,
    MaxBytes,
    MaxSide,
    MinBytes,
    MinSide,
    NearUniform,
    Still,
)
from pipelines.stage import Verdicts
from schemas.tables import PULLED

ORDINARY = {
    "width": 640,
    "height": 480,
    "n_bytes": 10_000,
    "served_format": "jpeg",
    "frames": 1,
    "uniformity": 50.0,
    "sharpness": 500.0,
}


def verdicts(stage: Any, *images: dict[str, Any]) -> Verdicts:
    schema = pa.schema([PULLED.field(name) for name in stage.reads])
    found: Verdicts = (
        stage.load().process(pa.Table.from_pylist([ORDINARY | image for image in images], schema)).verdicts
    )
    return found


def reason(stage: Any, **image: Any) -> str | None:
    (name,) = verdicts(stage, image).reason.to_pylist()
    return name


@pytest.mark.parametrize(
    ("stage", "kept", "refused", "why"),
    [
        (AspectRatio(max_ratio=6), {"width": 600, "height": 100}, {"width": 601, "height": 100}, "aspect_ratio"),
        (AspectRatio(max_ratio=6), {"width": 100, "height": 600}, {"width": 100, "height": 601}, "aspect_ratio"),
        (MinSide(pixels=64), {"width": 900, "height": 64}, {"width": 900, "height": 63}, "min_side"),
        (MinSide(pixels=64), {"width": 64, "height": 900}, {"width": 63, "height": 900}, "min_side"),
        (MaxSide(pixels=900), {"width": 64, "height": 900}, {"width": 64, "height": 901}, "max_side"),
        (Area(min_pixels=600), {"width": 20, "height": 30}, {"width": 599, "height": 1}, "min_area"),
        (Area(max_pixels=600), {"width": 20, "height": 30}, {"width": 601, "height": 1}, "max_area"),
        (Area(max_pixels=600), {"width": 1, "height": 1}, {"width": 65_500, "height": 65_500}, "max_area"),
        (MinBytes(bytes=5000), {"n_bytes": 5000}, {"n_bytes": 4999}, "min_bytes"),
        (MaxBytes(bytes=5000), {"n_bytes": 5000}, {"n_bytes": 5001}, "max_bytes"),
        (Format(allowed=("jpeg", "webp")), {"served_format": "webp"}, {"served_format": "png"}, "format"),
        (Still(), {"frames": 1}, {"frames": 2}, "animated"),
        (NearUniform(min_deviation=3), {"uniformity": 3.0}, {"uniformity": 2.9}, "near_uniform"),
        (Blur(min_variance=20), {"sharpness": 20.0}, {"sharpness": 19.9}, "blurred"),
    ],
)
def test_both_sides_of_a_boundary(stage: Filter, kept: dict[str, Any], refused: dict[str, Any], why: str) -> None:
    assert reason(stage, **kept) is None
    assert reason(stage, **refused) == why


@pytest.mark.parametrize(
    ("stage", "image", "value", "detail"),
    [
        (AspectRatio(), {"width": 100, "height": 2000}, 20.0, None),
        (MaxSide(pixels=10), {"width": 100, "height": 20}, 100.0, None),
        (Area(max_pixels=10), {"width": 100, "height": 20}, 2000.0, None),
        (Format(allowed=("png",)), {"served_format": "gif"}, None, "gif"),
        (Still(), {"frames": 12}, 12.0, None),
    ],
)
def test_a_refusal_says_what_was_measured(stage: Filter, image: dict[str, Any], value: float, detail: str) -> None:
    found = verdicts(stage, image)
    assert (found.value.to_pylist(), found.detail.to_pylist()) == ([value], [detail])


def test_what_is_kept_has_no_value() -> None:
    assert verdicts(AspectRatio(), {}).value.to_pylist() == [None]


@given(st.integers(1, 60_000), st.integers(1, 10))
def test_a_whole_multiple_is_never_refused_by_rounding(shorter: int, ratio: int) -> None:
    assert reason(AspectRatio(max_ratio=ratio), width=shorter * ratio, height=shorter) is None
    assert reason(AspectRatio(max_ratio=ratio), width=shorter * ratio + 1, height=shorter) == "aspect_ratio"


def test_bounds_between_which_nothing_lies_are_a_mistake() -> None:
    with pytest.raises(ValidationError, match="nothing would be left"):
        Area(min_pixels=10, max_pixels=9)

"""Filters on an image's size, both sides of every boundary."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.filters.image import AspectRatio, MinBytes, MinSide


def image(width: int, height: int, n_bytes: int = 10_000) -> pa.Table:
    return pa.table(
        {"width": pa.array([width], pa.int32()), "height": pa.array([height], pa.int32()), "n_bytes": [n_bytes]}
    )


def reason(stage: AspectRatio | MinSide | MinBytes, rows: pa.Table) -> str | None:
    (name,) = stage.load().process(rows).verdicts.reason.to_pylist()
    return name


@pytest.mark.parametrize(("size", "refused"), [((600, 100), None), ((601, 100), "aspect_ratio")])
def test_the_longer_side_may_be_six_times_the_shorter_and_no_more(size: tuple[int, int], refused: str | None) -> None:
    assert reason(AspectRatio(max_ratio=6), image(*size)) == refused
    assert reason(AspectRatio(max_ratio=6), image(*reversed(size))) == refused


def test_the_value_is_the_ratio() -> None:
    verdicts = AspectRatio().load().process(image(100, 2000)).verdicts
    assert verdicts.value.to_pylist() == [20.0]


@given(st.integers(1, 60_000), st.integers(1, 10))
def test_a_whole_multiple_is_never_refused_by_rounding(shorter: int, ratio: int) -> None:
    assert reason(AspectRatio(max_ratio=ratio), image(shorter * ratio, shorter)) is None
    assert reason(AspectRatio(max_ratio=ratio), image(shorter * ratio + 1, shorter)) == "aspect_ratio"


def test_min_side_looks_at_the_shorter_side() -> None:
    assert reason(MinSide(pixels=64), image(64, 900)) is None
    assert reason(MinSide(pixels=64), image(900, 63)) == "min_side"


def test_min_bytes_looks_at_the_file_as_served() -> None:
    assert reason(MinBytes(bytes=5000), image(64, 64, 5000)) is None
    assert reason(MinBytes(bytes=5000), image(64, 64, 4999)) == "min_bytes"

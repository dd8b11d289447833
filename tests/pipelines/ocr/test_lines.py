"""From raw lines to lines that count, the text of the image, and a verdict."""

import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.ocr.lines import Arranged, LineRules, arrange
from pipelines.ocr.protocol import Quad, RawLine
from schemas.reasons import REASONS, UNREAD
from schemas.tables import LINE


def box(x1: float, y1: float, x2: float, y2: float) -> Quad:
    return ((x1, y1), (x2, y1), (x2, y2), (x1, y2))


def line(text: str, row: int = 0, score: float = 0.95, quad: Quad | None = None) -> RawLine:
    return RawLine(text, quad or box(10, 10 + 30 * row, 10 + 12 * max(len(text), 1), 30 + 30 * row), score)


def arranged(*raw: RawLine, **rules: Any) -> Arranged:
    return arrange(raw, 400, 400, LineRules(**rules))


def dropped(*raw: RawLine, **rules: Any) -> dict[str, str | None]:
    return {one["text"]: one["dropped"] for one in arranged(*raw, **rules).lines}


def verdict(*raw: RawLine, **rules: Any) -> tuple[str, float | None, str | None] | None:
    found = arranged(*raw, **rules).verdict
    return found and (found.reason, found.value, found.detail)


class TestLines:
    def test_a_line_has_all_that_the_layer_says(self) -> None:
        found = arranged(line("Menu"))
        (only,) = found.lines
        assert list(only) == LINE.names
        assert (only["text"], only["script"], only["block"], only["dropped"]) == ("Menu", "Latn", 0, None)
        assert only["quad"] == pytest.approx([0.025, 0.025, 0.145, 0.025, 0.145, 0.075, 0.025, 0.075])
        assert (found.text, found.verdict) == ("Menu", None)

    def test_a_score_at_the_bound_counts(self) -> None:
        assert dropped(line("at", 0, 0.6), line("under", 1, 0.59), line("none", 2, math.nan)) == {
            "at": None,
            "under": "low_score",
            "none": "low_score",
        }

    def test_lines_of_other_scripts_are_dropped_but_those_without_letters_are_not(self) -> None:
        raw = [line("Sale", 0), line("新品上市", 1), line("распродажа", 2), line("50 %", 3)]
        assert dropped(*raw, scripts=("Hani", "Latn")) == {
            "Sale": None,
            "新品上市": None,
            "распродажа": "other_script",
            "50 %": None,
        }
        assert set(dropped(*raw).values()) == {None}

    def test_lines_without_text_or_extent_are_dropped(self) -> None:
        assert dropped(line(" "), line("outside", quad=box(500, 500, 600, 520))) == {
            " ": "blank",
            "outside": "no_extent",
        }

    def test_lines_without_extent_come_last(self) -> None:
        flat = line("flat", quad=box(10, 10, 90, 10))
        found = arranged(flat, line("first", 1), line("last", 2))
        assert [(one["text"], one["block"]) for one in found.lines] == [("first", 0), ("last", 0), ("flat", 1)]

    def test_dropped_lines_are_not_in_the_text(self) -> None:
        assert arranged(line("first", 0), line("doubtful", 1, 0.3), line("last", 2)).text == "first last"

    def test_an_unknown_script_is_refused_in_the_recipe(self) -> None:
        with pytest.raises(ValidationError, match="ISO 15924"):
            LineRules(scripts=("Chinese",))
        with pytest.raises(ValidationError, match="ISO 15924"):
            LineRules(main_script="Han")


class TestVerdicts:
    def test_nothing_read(self) -> None:
        assert verdict() == ("no_text", None, None)
        assert verdict(line("  ")) == ("no_text", None, None)
        assert verdict(line("outside", quad=box(500, 500, 600, 520))) == ("no_text", None, None)

    def test_a_blob_read_as_a_letter_is_no_text(self) -> None:
        assert verdict(line("1", 0, 0.3)) == ("no_text", None, None)
        assert verdict(line("1", 0, 0.8)) == ("too_little_text", 1, None)
        assert verdict(line("ab", 0, 0.3)) == ("too_little_text", 0, None)

    def test_too_little_text(self) -> None:
        assert verdict(line("a b"), min_characters=3) == ("too_little_text", 2, None)
        assert verdict(line("a bc"), min_characters=3) is None
        assert verdict(line("слово"), scripts=("Latn",)) == ("too_little_text", 0, None)

    def test_dense_text(self) -> None:
        raw = [line(f"line {row}", row % 12) for row in range(13)]
        assert verdict(*raw, max_lines=12) == ("dense_text", 13, None)
        assert verdict(*raw, max_lines=13) is None
        assert verdict(*raw, max_lines=None) is None

    def test_an_image_read_with_little_confidence(self) -> None:
        found = verdict(line("abc", 0, 0.9), line("abcdef", 1, 0.3), min_image_score=0.51)
        assert found == ("low_text_score", pytest.approx(0.5), None)
        assert verdict(line("abc", 0, 0.9), line("abcdef", 1, 0.3), min_image_score=0.49) is None

    def test_most_text_in_another_script(self) -> None:
        raw = [line("新品", 0), line("Spring Sale", 1)]
        assert verdict(*raw, main_script="Hani") == ("text_script", None, "Latn")
        assert verdict(*raw, main_script="Latn") is None
        assert verdict(line("2026"), main_script="Hani") is None


_NUMBERS = st.floats(-50, 450) | st.sampled_from([math.nan, math.inf, -math.inf])
_POINTS = st.tuples(_NUMBERS, _NUMBERS)
_RAW = st.builds(
    RawLine,
    st.text(max_size=12),
    st.tuples(_POINTS, _POINTS, _POINTS, _POINTS),
    st.floats(0, 1) | st.just(math.nan),
)


@settings(deadline=None)
@given(st.lists(_RAW, max_size=12))
def test_whatever_is_read_every_line_is_there_once_and_fits_the_layer(raw: list[RawLine]) -> None:
    found = arranged(*raw)
    assert sorted(one["text"] for one in found.lines) == sorted(one.text for one in raw)
    assert len(pa.array([found.lines], pa.list_(LINE)).flatten()) == len(raw)
    for one in found.lines:
        assert all(0 <= number <= 1 for number in one["quad"])
        assert one["dropped"] is None or one["dropped"] in UNREAD
    assert found.verdict is None or found.verdict.reason in REASONS

"""Filters on what the source says of a row."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.filters.carried import Label, License, Score
from schemas.tables import INPUT


def judged(stage: Any, rows: list[dict[str, Any]]) -> list[tuple[str | None, float | None, str | None]]:
    schema = pa.schema([INPUT.field(name) for name in stage.reads])
    found = stage.load().process(pa.Table.from_pylist(rows, schema)).verdicts
    return list(zip(found.reason.to_pylist(), found.value.to_pylist(), found.detail.to_pylist(), strict=True))


def carrying(stage: Any, *values: str | None) -> list[str | None]:
    rows = [{"source": [] if value is None else [("other", "1"), (stage.column, value)]} for value in values]
    return [reason for reason, _, _ in judged(stage, rows)]


@pytest.mark.parametrize(
    ("bound", "at", "inside", "outside"),
    [
        ({"at_least": 0.28}, None, "0.29", "0.27"),
        ({"above": 0.28}, "score", "0.29", "0.27"),
        ({"at_most": 0.28}, None, "0.27", "0.29"),
        ({"below": 0.28}, "score", "0.27", "0.29"),
    ],
)
def test_bounds_take_in_their_end_or_leave_it_out(
    bound: dict[str, float], at: str | None, inside: str, outside: str
) -> None:
    assert carrying(Score(column="similarity", **bound), inside, "0.28", outside) == [None, at, "score"]


def test_coyo_drops_a_row_when_either_score_is_above_a_half() -> None:
    rules = [Score(column=name, at_most=0.5) for name in ("nsfw_score_opennsfw2", "nsfw_score_gantman")]

    def kept(first: str, second: str) -> bool:
        return all(carrying(rule, value) == [None] for rule, value in zip(rules, (first, second), strict=True))

    assert kept("0.5", "0.5")
    assert not kept("0.1", "0.9")
    assert not kept("0.9", "0.1")


def test_a_refusal_says_the_score_and_its_column() -> None:
    rule = Score(column="punsafe", below=0.5)
    assert judged(rule, [{"source": [("punsafe", "0.75")]}]) == [("score", 0.75, "punsafe")]


@pytest.mark.parametrize("text", [None, "", "n/a", "nan", "inf", "0.5 %"])
def test_what_is_no_number_is_missing(text: str | None) -> None:
    assert carrying(Score(column="punsafe", below=0.5), text, "0.1") == ["missing_value", None]
    assert carrying(Score(column="punsafe", below=0.5, missing="keep"), text, "0.9") == [None, "score"]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_judged_as_it_was_written(number: float) -> None:
    assert carrying(Score(column="x", at_least=number, at_most=number), repr(number)) == [None]


@pytest.mark.parametrize(
    "bounds", [{}, {"at_least": 1, "above": 0}, {"at_most": 1, "below": 2}, {"at_least": 2, "below": 1}]
)
def test_bounds_must_leave_something(bounds: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Score(column="x", **bounds)


def test_labels_are_compared_without_case() -> None:
    rule = Label(column="NSFW", allowed=("UNLIKELY",))
    assert carrying(rule, "UNLIKELY", "unlikely ", "UNSURE", None) == [None, None, "label", "missing_value"]
    assert judged(rule, [{"source": [("NSFW", "UNSURE")]}]) == [("label", None, "UNSURE")]


def test_a_licence_may_be_any_of_a_family() -> None:
    rule = License(allowed=("CC-BY*", "cc0-1.0"))
    rows = [{"license": value} for value in ("cc-by-4.0", "CC0-1.0", "CC0-1.0-extra", "proprietary", None)]
    reasons = [reason for reason, _, _ in judged(rule, rows)]
    assert reasons == [None, None, "license", "license", "missing_value"]
    assert [reason for reason, _, _ in judged(License(allowed=("cc*",), missing="keep"), rows[-1:])] == [None]

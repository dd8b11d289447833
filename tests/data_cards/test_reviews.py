"""What people's marks come to."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_cards.reviews import Asked, Marked, ReviewError, parse, summed_up, wilson

ASKED = Asked("key", "ground", "print", 10, 1)
EXPORT: dict[str, Any] = {
    "shardmill_review": 1,
    "run": "key",
    "stage": "ground",
    "fingerprint": "print",
    "n": 10,
    "seed": 1,
    "marks": {"000000000001-0": "yes", "000000000002-0": "no", "000000000003-1": "unsure"},
}


@pytest.mark.parametrize(
    ("yes", "no", "low", "high"),
    [
        # z = 1.96: (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n), by hand
        (81, 182, 0.2553, 0.3662),
        (15, 133, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (29, 1, 0.8333, 0.9941),
        (1, 0, 0.2065, 1.0),
        (90, 10, 0.8256, 0.9448),
    ],
)
def test_wilson_by_worked_values(yes: int, no: int, low: float, high: float) -> None:
    assert wilson(yes, no) == pytest.approx((low, high), abs=1e-4)


def test_of_nothing_there_is_no_interval() -> None:
    assert wilson(0, 0) is None


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_interval_solves_its_equation_and_holds_the_share(yes: int, no: int) -> None:
    found = wilson(yes, no)
    if found is None:
        return
    n, share, z = yes + no, yes / (yes + no), 1.959963984540054
    low, high = found
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1
    for bound in found:  # the bounds are where the share lies z standard errors away
        assert (share - bound) ** 2 == pytest.approx(z * z * bound * (1 - bound) / n, rel=1e-6, abs=1e-9)
    mirrored = wilson(no, yes)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_marks_are_summed_up() -> None:
    found = summed_up(parse(json.dumps(EXPORT)))
    assert found["wilson"] == pytest.approx([0.0945, 0.9055], abs=1e-4)
    assert {name: found[name] for name in found if name != "wilson"} == {
        "stage": "ground",
        "n": 3,
        "yes": 1,
        "no": 1,
        "unsure": 1,
        "seed": 1,
        "precision": 0.5,
        "fingerprint": "print",
    }
    unsure = summed_up(Marked(ASKED, {"a": "unsure"}))
    assert (unsure["precision"], unsure["wilson"]) == (None, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "it is not JSON"),
        ("[]", "no export of a review page"),
        (json.dumps({**EXPORT, "shardmill_review": 2}), "of version 1"),
        (json.dumps({**EXPORT, "seed": "1"}), "seed is missing"),
        (json.dumps({**EXPORT, "n": True}), "n is missing"),
        (json.dumps({**EXPORT, "marks": {}}), "nothing in it is marked"),
        (json.dumps({**EXPORT, "marks": {"a": "maybe"}}), "a is marked 'maybe'"),
        (json.dumps({**EXPORT, "marks": {"a": ["yes"]}}), "a is marked"),
    ],
)
def test_what_is_no_export_is_told(text: str, said: str) -> None:
    with pytest.raises(ReviewError, match=said):
        parse(text)

"""What people said of a sample of a stage's work: the marks that a page exports, and what they come to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

YES, NO, UNSURE = ANSWERS = ("yes", "no", "unsure")
VERSION = 1
_Z = 1.959963984540054
"""Of the normal distribution, for 95 %."""


class ReviewError(ValueError):
    """A text that is no export of a review page; the message says why."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page asked, so that its answers are counted for nothing else."""

    run: str
    """The run's key."""
    stage: str
    fingerprint: str
    """Of the stage's hop: other settings, or another version, are another review."""
    n: int
    """As many were asked for."""
    seed: int


@dataclass(frozen=True, slots=True)
class Marked:
    """A page's answers by the key of what was asked."""

    asked: Asked
    marks: Mapping[str, str]


def wilson(yes: int, no: int) -> tuple[float, float] | None:
    """The 95 % interval of a share of which `yes` and `no` were drawn; None where neither was.

    E. B. Wilson: Probable inference, the law of succession, and statistical inference (1927), without continuity
    correction.
    """
    n = yes + no
    if n == 0:
        return None
    share, squared = yes / n, _Z**2
    centre = (share + squared / (2 * n)) / (1 + squared / n)
    half = _Z / (1 + squared / n) * sqrt(share * (1 - share) / n + squared / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def summed_up(found: Marked) -> dict[str, Any]:
    """What is kept of a review: counts, precision (the share of yes among yes and no) and its interval."""
    yes, no, unsure = (sum(mark == answer for mark in found.marks.values()) for answer in ANSWERS)
    interval = wilson(yes, no)
    return {
        "stage": found.asked.stage,
        "n": yes + no + unsure,
        YES: yes,
        NO: no,
        UNSURE: unsure,
        "seed": found.asked.seed,
        "precision": yes / (yes + no) if yes + no else None,
        "wilson": list(interval) if interval else None,
        "fingerprint": found.asked.fingerprint,
    }


def parse(text: str) -> Marked:
    """The marks that a page exported. Raises `ReviewError`."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ReviewError(f"it is not JSON: {error}") from error
    if not isinstance(data, dict) or data.get("shardmill_review") != VERSION:
        raise ReviewError(f"it is no export of a review page of version {VERSION}")
    names = {"run": str, "stage": str, "fingerprint": str, "n": int, "seed": int}
    for name, type_ in names.items():
        if type(data.get(name)) is not type_:
            raise ReviewError(f"{name} is missing, or is not what it was")
    marks = data.get("marks")
    if not isinstance(marks, dict) or not marks:
        raise ReviewError("nothing in it is marked")
    for key, mark in marks.items():
        if mark not in ANSWERS:
            raise ReviewError(f"{key} is marked {mark!r}, which is none of {', '.join(ANSWERS)}")
    return Marked(Asked(**{name: data[name] for name in names}), marks)

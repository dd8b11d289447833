"""Answers of translating models, labelled by hand with the checks that they should fail, and how checks agree."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipelines.translation.checks import Asked, failed_checks
from pipelines.translation.protect import protect
from pipelines.translation.texts import TextOptions

_FILE = Path(__file__).parents[1] / "pipelines" / "translation" / "data" / "labelled.jsonl"


class Labelled(NamedTuple):
    """One answer to one text."""

    group: str
    """first: looked at while rules were written; later: written when they stood"""
    source: str
    answer: str
    """as a model gives it, with marks for what is protected"""
    to: str
    finish: str
    """why the model stopped"""
    checks: frozenset[str]
    """that it should fail; none: it is a translation"""


class Agreement(NamedTuple):
    """How often a check is right."""

    labelled: int
    found: int
    right: int

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.labelled if self.labelled else 1.0


def read_labelled() -> list[Labelled]:
    lines = [json.loads(line) for line in _FILE.open(encoding="utf-8")]
    return [Labelled(**{**line, "checks": frozenset(line["checks"])}) for line in lines]


def judged(one: Labelled) -> frozenset[str]:
    """The checks that an answer fails."""
    asked = Asked(protect(one.source).text, one.to, TextOptions().length_ratio)
    return frozenset(failed_checks(asked, one.answer, one.finish))


def agreements(labelled: Sequence[Labelled]) -> dict[str, Agreement]:
    """By check, and under "any" whether an answer is refused at all."""
    due: Counter[str] = Counter()
    found: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for one in labelled:
        said = judged(one)
        due.update([*one.checks, *(["any"] if one.checks else [])])
        found.update([*said, *(["any"] if said else [])])
        right.update([*(one.checks & said), *(["any"] if one.checks and said else [])])
    return {check: Agreement(due[check], found[check], right[check]) for check in sorted(due | found)}

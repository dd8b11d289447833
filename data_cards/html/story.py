"""One row's whole story, as plain values that a page, a terminal and JSON tell alike."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from data_cards.marks import BoxMark, LineMark
from data_cards.sheet import TileCaption
from schemas.reasons import REASONS


@dataclass(frozen=True, slots=True)
class Judged:
    """What one stage made of the row."""

    hop: str
    stage: str
    outcome: str
    """kept, rejected or failed; ``not reached`` once it had left; ``not run`` where its part has not come so far"""
    reason: str | None = None
    value: float | None = None
    detail: str | None = None
    thresholds: tuple[tuple[str, str, str], ...] = ()
    """Setting, value, and where it comes from."""
    added: Mapping[str, Any] | None = None
    """Small columns that the stage added, as JSON has them; None where it did not keep the row."""

    @property
    def meaning(self) -> str:
        """Of the reason; empty where there is none."""
        return REASONS[self.reason].meaning if self.reason in REASONS else ""


@dataclass(frozen=True, slots=True)
class Translated:
    """What was asked of a translation model, and what became of it."""

    of: str | None
    """The text; None for the row's conversation."""
    to: str
    task: str
    """translate, correct or back"""
    outcome: str
    text: str | None
    """The caption that came of it; None: none did, or it was the conversation."""
    checks: tuple[str, ...]
    """Checks that answers failed."""
    chrf: float | None
    model: str | None


@dataclass(frozen=True, slots=True)
class Sample:
    """A training sample that the row became, as it stands in its shard."""

    id: str
    shard: str
    task: str
    language: str | None
    turns: tuple[tuple[str, str], ...]
    """Role and text, ``<image>`` where the image stands."""
    text_tokens: int | None
    image_tokens: int | None


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that a run knows of a row. Every text may be hostile."""

    id: int
    run: str
    recipe: str
    outcome: str
    """The last stage's that judged it; ``not run`` before any did."""
    facts: Mapping[str, str]
    """For people: where the row comes from, and what its image is."""
    steps: tuple[Judged, ...]
    """Every stage, in the recipe's order, packing last."""
    captions: tuple[TileCaption, ...] = ()
    boxes: tuple[BoxMark, ...] = ()
    ungrounded: tuple[tuple[str, str], ...] = ()
    """Phrases that no box was asked for, and why."""
    lines: tuple[LineMark, ...] = ()
    translations: tuple[Translated, ...] = ()
    turns: tuple[tuple[str, str], ...] = ()
    """Role and text of the source's conversation, and of its translation."""
    untold: tuple[tuple[str, str], ...] = ()
    """Tasks that were not made of it, and why."""
    samples: tuple[Sample, ...] = ()
    earlier: tuple[tuple[int, Judged], ...] = ()
    """Tries before the latest: generation, and what refused it."""

    def as_json(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def value_said(value: Any) -> str:
    """A column's value for people."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

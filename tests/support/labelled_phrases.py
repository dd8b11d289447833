"""Captions whose phrases were labelled by hand, and how well phrases that were found agree with them."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

Span = tuple[int, int]

FILE = Path(__file__).parents[1] / "pipelines" / "grounding" / "data" / "labelled_captions.txt"


class Labelled(NamedTuple):
    """A caption of a group, and the spans that a box should be asked for."""

    group: str
    caption: str
    phrases: frozenset[Span]


def read_labelled(path: Path = FILE) -> list[Labelled]:
    """The captions of a file, which says itself how it is to be read."""
    found, group = [], ""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("## "):
            group = line.removeprefix("## ")
        elif line and not line.startswith("#"):
            marked = re.split(r"([\[\]])", line)
            caption, spans, start = "", set(), 0
            for part in marked:
                if part == "[":
                    start = len(caption)
                elif part == "]":
                    spans.add((start, len(caption)))
                else:
                    caption += part
            found.append(Labelled(group, caption, frozenset(spans)))
    return found


class Agreement(NamedTuple):
    """Phrases that agree, that are labelled and that were found."""

    same: int
    labelled: int
    found: int

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.same / (self.labelled + self.found)


def agreements(
    labelled: Iterable[Labelled], found: Iterable[Iterable[Span]]
) -> Mapping[str, tuple[Agreement, Agreement]]:
    """For each group, and for ``all``, the agreement of whole phrases and that of their heads."""
    totals: dict[str, list[int]] = {}
    for one, spans in zip(labelled, found, strict=True):
        pairs = [(one.phrases, frozenset(spans))]
        pairs.append((_heads(one.caption, one.phrases), _heads(one.caption, pairs[0][1])))
        counts = [n for mine, theirs in pairs for n in (len(mine & theirs), len(mine), len(theirs))]
        for group in (one.group, "all"):
            totals[group] = [a + b for a, b in zip(totals.get(group, [0] * 6), counts, strict=True)]
    everything = totals.pop("all")
    return {group: (Agreement(*n[:3]), Agreement(*n[3:])) for group, n in (*totals.items(), ("all", everything))}


def _heads(caption: str, spans: Iterable[Span]) -> frozenset[Span]:
    """Where the last words of phrases stand."""
    return frozenset((max(start, caption.rfind(" ", 0, end) + 1), end) for start, end in spans)

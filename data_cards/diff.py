"""What two cards say otherwise: rows, reasons, settings, and how far what was measured has moved."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from data_cards.facts import CardFacts
from data_cards.facts_measured import Histogram, Tally
from data_cards.page import page, shown

_ABSENT = "–"
Letter = Literal["l", "r"]


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the differences of one kind; cells are plain text."""

    title: str
    head: tuple[str, ...]
    align: tuple[Letter, ...]
    rows: tuple[tuple[str, ...], ...]


def difference(a: CardFacts, b: CardFacts) -> tuple[Section, ...]:
    """The tables that have any line, lines for what differs alone. Equal cards give none."""
    counted = ("", "A", "B", "change")
    moved = ("", "A counted", "B counted", "moved", "middle of A", "middle of B")
    found = (
        Section("What it is", ("", "A", "B"), ("l", "l", "l"), tuple(_words(a, b))),
        Section("Rows and samples", counted, ("l", "r", "r", "r"), tuple(_counts(_rows(a), _rows(b)))),
        Section("Reasons", counted, ("l", "r", "r", "r"), tuple(_counts(_reasons(a), _reasons(b)))),
        Section("Settings", ("", "A", "B"), ("l", "l", "l"), tuple(_changed(_settings(a), _settings(b)))),
        Section("Histograms", moved, ("l", "r", "r", "r", "r", "r"), tuple(_histograms(a, b))),
        Section(
            "Shares",
            ("", "A counted", "B counted", "moved", "most of it"),
            ("l", "r", "r", "r", "l"),
            tuple(_tallies(a, b)),
        ),
        Section(
            "Precision found by people", ("", "A", "B"), ("l", "r", "r"), tuple(_changed(_reviews(a), _reviews(b)))
        ),
    )
    return tuple(section for section in found if section.rows)


def distance(a: Sequence[float], b: Sequence[float]) -> float:
    """Total variation of two counts over the same bins, 0–1: the share of the one that lies elsewhere in the other.

    1 where one of them is empty and the other is not.
    """
    if not sum(a) or not sum(b):
        return float(bool(sum(a)) != bool(sum(b)))
    return sum(abs(x / sum(a) - y / sum(b)) for x, y in zip(a, b, strict=True)) / 2


def render(a: str, b: str, sections: Sequence[Section]) -> str:
    """The same as an offline page; `a` and `b` name the two."""
    tables = "\n".join(map(_table, sections)) or "<p>The two cards say the same.</p>"
    body = f"<h1>What differs</h1>\n<p>A: {shown(a, 400)}<br>B: {shown(b, 400)}</p>\n{tables}"
    return page("What differs", body, _STYLE)


def _words(a: CardFacts, b: CardFacts) -> Iterator[tuple[str, ...]]:
    return _changed(_said(a), _said(b))


def _said(facts: CardFacts) -> dict[str, str]:
    versions = {f"version of {name}": version for name, version in facts.versions.items()}
    engines = {f"{one.stage}: {one.name}": f"{one.version} {one.weights}".strip() for one in facts.engines}
    told = {"recipe": facts.recipe, "dialect": facts.dialect, "tasks": ", ".join(facts.tasks)}
    budget = {name: f"{limit:,}" for name, limit in facts.budget.items()}
    return {**told, **budget, **engines, **versions}


def _rows(facts: CardFacts) -> dict[str, int]:
    steps = {f"kept by {step.name}": step.kept for step in facts.steps}
    kinds = {f"{kind.task} in {kind.language}": sum(kind.samples.values()) for kind in facts.kinds}
    splits = {f"samples of {split.name}": split.num_examples for split in facts.splits}
    tokens = {
        f"{what} tokens of {one.task}": n
        for one in facts.tokens
        for what, n in (("text", one.text), ("image", one.image), ("supervised", one.supervised))
        if n is not None
    }
    boxes = {} if facts.boxes is None else {"boxes": facts.boxes.boxes, "images with two boxes": facts.boxes.several}
    size = {"shards": facts.shards, "bytes of shards": facts.download_size}
    return {"rows of input": facts.rows, **steps, **splits, **kinds, **boxes, **tokens, **size}


def _reasons(facts: CardFacts) -> dict[str, int]:
    return {f"{one.stage}: {one.reason}": one.rows for step in facts.steps for one in step.refusals} | {
        f"{one.task} not made: {one.refusal}": one.times for one in facts.task_refusals
    }


def _settings(facts: CardFacts) -> dict[str, str]:
    return {
        f"{rule.stage}.{rule.setting}" if rule.setting else rule.stage: f"{rule.value} ({rule.origin})"
        for rule in facts.rules
    }


def _reviews(facts: CardFacts) -> dict[str, str]:
    return {
        one.stage: _ABSENT if one.precision is None else f"{one.precision:.3f} of {one.n:,}" for one in facts.reviews
    }


def _counts(a: dict[str, int], b: dict[str, int]) -> Iterator[tuple[str, ...]]:
    for name in dict.fromkeys([*a, *b]):
        before, after = a.get(name), b.get(name)
        if before != after:
            change = "" if before is None or after is None else f"{after - before:+,}{_share(before, after)}"
            yield (name, *(_ABSENT if n is None else f"{n:,}" for n in (before, after)), change)


def _share(before: int, after: int) -> str:
    return f" ({(after - before) / before:+.1%})" if before else ""


def _changed(a: dict[str, str], b: dict[str, str]) -> Iterator[tuple[str, ...]]:
    for name in dict.fromkeys([*a, *b]):
        if a.get(name) != b.get(name):
            yield name, a.get(name, _ABSENT), b.get(name, _ABSENT)


def _histograms(a: CardFacts, b: CardFacts) -> Iterator[tuple[str, ...]]:
    """Of each measure what came through, where that is known apart."""
    for name in dict.fromkeys(one.name for facts in (a, b) for one in facts.histograms):
        pair = a.histogram(name), b.histogram(name)
        either = pair[0] or pair[1]
        if either is None or (pair[0] and pair[1] and pair[0].edges != pair[1].edges):
            continue
        counts = [_stayed(one) if one else (0,) * len(either.edges) for one in pair]
        if counts[0] != counts[1]:
            middles = (_middle(either, one) for one in counts)
            yield either.title, *(f"{sum(one):,}" for one in counts), f"{distance(*counts):.1%}", *middles


def _stayed(histogram: Histogram) -> tuple[int, ...]:
    return histogram.counts if histogram.kept is None else histogram.kept


def _middle(histogram: Histogram, counts: Sequence[int]) -> str:
    """The bin in which the median lies."""
    passed = 0
    for at, n in enumerate(counts):
        passed += n
        if passed * 2 >= sum(counts) > 0:
            upper = f"–{histogram.edges[at + 1]:g}" if at + 1 < len(counts) else " and more"
            return f"{histogram.edges[at]:g}{upper} {histogram.unit}".strip()
    return _ABSENT


def _tallies(a: CardFacts, b: CardFacts) -> Iterator[tuple[str, ...]]:
    for name in dict.fromkeys(one.name for facts in (a, b) for one in facts.tallies):
        pair = a.tally(name), b.tally(name)
        counts = [_by_key(one) for one in pair]
        if counts[0] == counts[1]:
            continue
        keys = list(dict.fromkeys([*counts[0], *counts[1]]))
        totals = [max(1, sum(one.values())) for one in counts]
        shares = {key: tuple(one.get(key, 0) / n for one, n in zip(counts, totals, strict=True)) for key in keys}
        key, (before, after) = max(shares.items(), key=lambda item: abs(item[1][0] - item[1][1]))
        title = next(one.title for one in pair if one)
        moved = distance(*([one.get(key, 0) for key in keys] for one in counts))
        totals_told = (f"{sum(one.values()):,}" for one in counts)
        yield title, *totals_told, f"{moved:.1%}", f"{key}: {before:.1%} to {after:.1%}"


def _by_key(tally: Tally | None) -> dict[str, int]:
    if tally is None:
        return {}
    counts = {"not known" if count.key is None else count.key or "nothing": count.n for count in tally.counts}
    return counts | ({"others": tally.others} if tally.others else {})


def _table(section: Section) -> str:
    head = "".join(
        f'<th scope="col" class="{letter}">{shown(name, 100)}</th>'
        for name, letter in zip(section.head, section.align, strict=True)
    )
    rows = "\n".join(_line(row, section.align) for row in section.rows)
    title = shown(section.title, 100)
    return (
        f'<section><h2>{title}</h2>\n<div class="wide" role="region" aria-label="{title}" tabindex="0"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div></section>"
    )


def _line(row: Sequence[str], align: Sequence[Letter]) -> str:
    first, *others = row
    cells = (f'<td class="{letter}">{shown(cell, 600)}</td>' for cell, letter in zip(others, align[1:], strict=True))
    return f'<tr><th scope="row">{shown(first, 300)}</th>{"".join(cells)}</tr>'


_STYLE = """
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
td, th { padding: 4px 10px; border-bottom: 1px solid var(--line); text-align: start; vertical-align: top;
  font-weight: normal; }
thead th { font-weight: bold; }
td.r, th.r { text-align: end; font-variant-numeric: tabular-nums; }
"""

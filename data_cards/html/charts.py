"""Charts as inline SVG without scripts: sizes follow the page, colours its scheme, and each has its numbers as a table.

Lengths are percentages, so that bars grow with the page while texts keep their size on a phone.
"""

from collections.abc import Sequence
from itertools import accumulate

from data_cards.facts_measured import Count, HeatMap, Histogram, Tally, Threshold
from data_cards.html.tables import table
from data_cards.page import number_said, shown

_PLOT, _AXIS, _ROW = 130, 20, 14
"""Heights in pixels: of the bars, of the line of ticks below, of a threshold's label above."""
_TICKS = 5


def bars(name: str, head: Sequence[str], rows: Sequence[tuple[Sequence[str], int]], whole: int | None = None) -> str:
    """A table whose last columns are a number and its bar; each row's cells are HTML, its number not negative.

    Bars are shares of `whole`, of the largest number where it is None. `head` names the cells and the number.
    """
    top = whole or max((n for _, n in rows), default=0) or 1
    lines = [(*cells, f"{n:,}", _bar(n / top)) for cells, n in rows]
    return table(name, (*head, ""), lines, " " * (len(head) - 1) + "r")


def funnel(steps: Sequence[tuple[str, int, int]]) -> str:
    """Rows by step as (name, entered, kept): what is left after each, as a share of what entered the first."""
    first = steps[0][1] if steps else 0
    lines = [
        (
            f"<code>{shown(name, 100)}</code>",
            *(f"{n:,}" for n in (entered, entered - kept, kept)),
            _share(kept, first),
            _bar(kept / first if first else 0, entered / first if first else 0),
        )
        for name, entered, kept in steps
    ]
    head = ("step", "rows entered", "left the set", "kept", "of all rows", "")
    return table("What each step kept", head, lines, " rrrr")


def tally(found: Tally) -> str:
    """Counts by key as bars."""
    rows = [((_key(count, found),), count.n) for count in found.counts]
    if found.others:
        rows.append(((f'<span class="soft">{found.other_keys:,} others</span>',), found.others))
    return _figure(found.title, found.of, found.total, bars(found.title, (found.title, found.of), rows))


def histogram(found: Histogram) -> str:
    """Counts over bins, those of kept rows filled in; thresholds are lines across, and named below."""
    n = len(found.counts)
    top = max(found.counts, default=0) or 1
    above = _ROW * len(found.thresholds) + 4
    base = above + _PLOT
    outlines = "".join(_column(at, n, count / top, base, "all") for at, count in enumerate(found.counts) if count)
    fills = "".join(
        _column(at, n, count / top, base, "in") for at, count in enumerate(found.kept or found.counts) if count
    )
    lines = "".join(_threshold(found, bound, row, base) for row, bound in enumerate(found.thresholds))
    svg = (
        f'<svg class="chart" role="img" aria-label="{shown(_spoken(found), 600)}" width="100%" '
        f'height="{base + _AXIS}">{outlines if found.kept else ""}{fills}'
        f'<line class="axis" x1="0" x2="100%" y1="{base}" y2="{base}"/>{_ticks(found, base)}{lines}</svg>'
    )
    named = "".join(
        f"<li><code>{shown(bound.stage, 100)}</code> {shown(bound.setting, 100)} = {number_said(bound.value)}"
        f'{shown(_unit(found), 40)} <span class="soft">({shown(bound.origin, 400)})</span></li>'
        for bound in found.thresholds
    )
    notes = f'<ul class="thresholds">{named}</ul>' if named else ""
    if found.kept:
        notes = f'<p class="soft">Filled: kept to the end. Outlined: all that were measured.</p>{notes}'
    kept = found.kept
    rows = [
        (_bin(found, at), f"{count:,}", *((f"{kept[at]:,}",) if kept else ()))
        for at, count in enumerate(found.counts)
        if count
    ]
    head = (f"{found.title}{_unit(found)}", found.of, *(("kept",) if kept else ()))
    numbers = _details(table(found.title, head, rows, " " + "r" * (len(head) - 1)))
    return _figure(found.title, found.of, found.total, svg + notes + numbers)


def heat_map(found: HeatMap) -> str:
    """Counts over the image: the more, the darker."""
    top = max(found.counts, default=0) or 1
    cells = "".join(
        f'<rect x="{at % found.columns}" y="{at // found.columns}" width="1" height="1" '
        f'fill-opacity="{count / top:.3f}"/>'
        for at, count in enumerate(found.counts)
        if count
    )
    said = f"{found.title}: {found.total:,} {found.of}; most at {_place(found)}"
    svg = (
        f'<svg class="heat" role="img" aria-label="{shown(said, 400)}" viewBox="0 0 {found.columns} {found.rows}" '
        f'width="280" height="{280 * found.rows // found.columns}">{cells}</svg>'
    )
    rows = [
        (f"{row + 1}", *(f"{n:,}" for n in found.counts[row * found.columns : (row + 1) * found.columns]))
        for row in range(found.rows)
    ]
    head = ("row", *(str(column + 1) for column in range(found.columns)))
    numbers = _details(table(found.title, head, rows, " " + "r" * found.columns))
    return _figure(found.title, found.of, found.total, f'{svg}<p class="soft">Most at {_place(found)}.</p>{numbers}')


def _figure(title: str, of: str, total: int, content: str) -> str:
    head = f'{shown(title[:1].upper() + title[1:], 200)} <span class="soft">{total:,} {shown(of, 100)}</span>'
    return f"<figure><figcaption>{head}</figcaption>{content}</figure>"


def _details(content: str) -> str:
    return f"<details><summary>Numbers</summary>{content}</details>"


def _bar(share: float, before: float = 0) -> str:
    """A bar of `share` of its cell, over an outline of what was there `before`."""
    outline = f'<rect class="all" x="0.5" y="0.5" width="{_percent(before)}" height="11"/>' if before else ""
    return (
        f'<svg class="bar" aria-hidden="true" width="100%" height="12">{outline}'
        f'<rect class="in" width="{_percent(share)}" height="12"/></svg>'
    )


def _column(at: int, n: int, share: float, base: int, kind: str) -> str:
    height = max(1.0, share * _PLOT)
    return (
        f'<rect class="{kind}" x="{_percent(at / n)}" width="{_percent(1 / n)}" '
        f'y="{base - height:.1f}" height="{height:.1f}"/>'
    )


def _ticks(found: Histogram, base: int) -> str:
    n = len(found.edges)
    every = max(1, -(-n // _TICKS))
    return "".join(
        f'<text x="{_percent(at / n)}" y="{base + 14}" text-anchor="{_anchor(at / n)}">{_short(found.edges[at])}</text>'
        for at in range(0, n, every)
    )


def _short(value: float) -> str:
    """For a tick, which has little room: millions as 1.05M."""
    return f"{value / 1e6:.3g}M" if value >= 1e6 else number_said(value)


def _anchor(place: float) -> str:
    """Of a text at a place of the chart's width, so that it stays within."""
    return "start" if place == 0 else "end" if place > 0.9 else "middle"


def _threshold(found: Histogram, bound: Threshold, row: int, base: int) -> str:
    place = position(found.edges, bound.value)
    y = _ROW * (row + 1)
    side = 'text-anchor="end" dx="-4"' if place > 0.5 else 'dx="4"'
    x = _percent(place)
    return (
        f'<line class="bound" x1="{x}" x2="{x}" y1="{y - 8}" y2="{base}"/>'
        f'<text class="bound" x="{x}" y="{y}" {side}>{number_said(bound.value)}</text>'
    )


def position(edges: Sequence[float], value: float) -> float:
    """Where a value lies over bins of equal width, 0–1: within its bin by its share; in the open last one in front."""
    n = len(edges)
    at = sum(edge <= value for edge in edges) - 1
    if at < 0:
        return 0.0
    return (at if at == n - 1 else at + (value - edges[at]) / (edges[at + 1] - edges[at])) / n


def _spoken(found: Histogram) -> str:
    """What the chart shows, in words: the middle, the most, and the thresholds."""
    if not found.total:
        return f"Histogram of {found.title}: there are none"
    middle = next(at for at, sum_ in enumerate(accumulate(found.counts)) if 2 * sum_ >= found.total)
    most = found.counts.index(max(found.counts))
    bounds = ", ".join(f"{one.stage} {one.setting} {number_said(one.value)}" for one in found.thresholds)
    said = f"Histogram of {found.title} of {found.total:,} {found.of}: "
    said += f"the median lies in {_bin(found, middle)}{_unit(found)}, most in {_bin(found, most)}{_unit(found)}"
    return f"{said}; thresholds: {bounds}" if bounds else said


def _bin(found: Histogram, at: int) -> str:
    lower = number_said(found.edges[at])
    return f"{lower} up to {number_said(found.edges[at + 1])}" if at + 1 < len(found.edges) else f"{lower} and more"


def _unit(found: Histogram) -> str:
    return f" {found.unit}" if found.unit else ""


def _place(found: HeatMap) -> str:
    """The fullest cell in words."""
    at = found.counts.index(max(found.counts))
    row, column = divmod(at, found.columns)
    return f"row {row + 1} of {found.rows} from the top, column {column + 1} of {found.columns} from the left"


def _key(count: Count, found: Tally) -> str:
    if count.key is None:
        return '<span class="soft">not known</span>'
    meaning = found.meanings.get(count.key)
    said = f'<bdi dir="auto">{shown(count.key, 200)}</bdi>'
    return f'{said} <span class="soft">{shown(meaning, 300)}</span>' if meaning else said


def _share(n: int, of: int) -> str:
    return f"{n / of:.1%}" if of else "–"


def _percent(share: float) -> str:
    return f"{100 * share:.4g}%"


CHARTS = """
figure { margin: 0; break-inside: avoid; min-width: 0; }
figcaption { font-weight: 600; margin: 8px 0 4px; overflow-wrap: anywhere; }
figcaption .soft { font-weight: normal; }
.chart, .heat, .bar { display: block; }
.heat { max-width: 100%; height: auto; border: 1px solid var(--soft); }
.chart text { font: 11px/1 system-ui, sans-serif; fill: var(--ink); }
.in, .heat rect { fill: var(--link); }
.chart .in { stroke: var(--paper); }
.all { fill: none; stroke: var(--soft); }
.axis { stroke: var(--soft); }
line.bound { stroke: var(--rejected); stroke-width: 1.5; stroke-dasharray: 4 3; }
.chart text.bound { fill: var(--rejected); }
.bar { min-width: 90px; margin-top: 4px; }
.thresholds { margin: 4px 0; padding-inline-start: 1.2em; font-size: 0.93em; }
summary { cursor: pointer; }
@media print { .in, .heat rect { print-color-adjust: exact; } }
"""

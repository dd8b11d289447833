"""Contact sheets: a sample of what a rule threw away, or of what was kept, as one offline page each."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from data_cards.html import overlays
from data_cards.marks import BoxMark, LineMark
from data_cards.page import language, number_said, page, shown
from data_cards.thumbnail import Thumbnail
from schemas.layout import row_id
from schemas.reasons import REASONS

_COLUMNS = ("Image", "Row", "Captions", "Verdict", "Value against threshold", "Host and address")


@dataclass(frozen=True, slots=True)
class TileCaption:
    """A caption of a row; `refused` is the reason for which a rule refused it, if one did."""

    text: str
    lang: str | None = None
    role: str | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Tile:
    """One row on a sheet. Every text may be hostile."""

    id: int
    outcome: str
    """kept, rejected or failed"""
    stage: str | None = None
    reason: str | None = None
    value: float | None = None
    detail: str | None = None
    thresholds: tuple[tuple[str, str], ...] = ()
    """Settings of the stage that the value was held against, as in ``("max_ratio", "6.0")``."""
    captions: tuple[TileCaption, ...] = ()
    host: str = ""
    address: str = ""
    """The image's URL, or the file that holds it."""
    thumbnail: Thumbnail | None = None
    """None for rows that have no image, or one that does not decode."""
    size: tuple[int, int] | None = None
    """Width and height of the image itself, in pixels."""
    boxes: tuple[BoxMark, ...] = ()
    lines: tuple[LineMark, ...] = ()


@dataclass(frozen=True, slots=True)
class Samples:
    """Random rows of a run as a card shows them side by side."""

    kept: tuple[Tile, ...]
    dropped: tuple[Tile, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sample of rows, and what it is a sample of."""

    title: str
    run: str
    recipe: str
    tiles: tuple[Tile, ...]
    matching: int
    """Rows that it was drawn from."""
    seed: int
    reasons: tuple[str, ...] = ()
    """Names of the closed list that the rows left for; empty for kept rows."""
    rules: tuple[tuple[str, str, str, str], ...] = ()
    """Stage, setting, value, and where the value comes from."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A sheet in the index: its file lies beside the index's."""

    name: str
    file: str
    rows: int
    shown: int
    stages: tuple[str, ...] = field(default=())


def render(sheet: Sheet) -> str:
    """The page. The same sheet gives the same text."""
    meanings = "".join(
        f'<p><code class="{REASONS[name].outcome}">{shown(name)}</code> {REASONS[name].outcome}: '
        f"{shown(REASONS[name].meaning)}.</p>\n"
        for name in sheet.reasons
    )
    rules = "".join(
        f"<li><code>{shown(stage, 100)}</code> {shown(setting, 100)} = {shown(value, 400)}"
        f"{f' ({shown(origin, 400)})' if origin else ''}</li>\n"
        for stage, setting, value, origin in sheet.rules
    )
    head = "".join(f'<th scope="col" role="columnheader">{name}</th>' for name in _COLUMNS)
    tiles = "\n".join(_tile(tile) for tile in sheet.tiles)
    body = f"""<h1>{shown(sheet.title, 400)}</h1>
<p>{_counted(sheet)} Run {shown(sheet.run, 400)}, recipe {shown(sheet.recipe, 200)}, seed {sheet.seed}.</p>
{meanings}{f"<ul>{rules}</ul>" if rules else ""}
<table role="table" aria-label="Sampled rows">
<thead role="rowgroup"><tr role="row">{head}</tr></thead>
<tbody role="rowgroup">
{tiles}
</tbody>
</table>"""
    return page(sheet.title, body, _STYLE + overlays.STYLE)


def render_index(run: str, recipe: str, entries: Sequence[Entry]) -> str:
    """A page that leads to every sheet, in the order given."""
    rows = "\n".join(
        f'<tr><th scope="row"><a href="{shown(entry.file)}">{shown(entry.name)}</a></th>'
        f"<td>{_outcome(entry.name)}</td><td>{shown(', '.join(entry.stages), 400)}</td>"
        f'<td class="number">{entry.rows:,}</td><td class="number">{entry.shown:,}</td></tr>'
        for entry in entries
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Sheet", "Meaning", "Stages", "Rows", "Shown"))
    body = f"""<h1>Contact sheets</h1>
<p>Run {shown(run, 400)}, recipe {shown(recipe, 200)}: a sample of what each rule threw away, and of what was kept.</p>
<table class="index">
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table>"""
    return page("Contact sheets", body, _INDEX_STYLE)


def _counted(sheet: Sheet) -> str:
    if not sheet.matching:
        return "There are no such rows."
    if len(sheet.tiles) == sheet.matching:
        return f"All {sheet.matching:,} rows."
    return f"{len(sheet.tiles):,} rows, a random sample of {sheet.matching:,}."


def _tile(tile: Tile) -> str:
    number = row_id(tile.id)
    cells = (image_of(tile), captions_of(tile), verdict_of(tile), value_of(tile), _address(tile))
    image, *others = (f'<td role="cell">{cell}</td>' for cell in cells)
    return f'<tr role="row">{image}<th scope="row" role="rowheader">{number}</th>{"".join(others)}</tr>'


def image_of(tile: Tile) -> str:
    """HTML of the row's image with what was found in it, or of a note that there is none."""
    if tile.thumbnail is None:
        return '<span class="none">no image</span>'
    size = f", {tile.size[0]} × {tile.size[1]} pixels" if tile.size else ""
    return overlays.picture(tile.thumbnail, f"Image of row {row_id(tile.id)}{size}", tile.boxes, tile.lines)


def captions_of(tile: Tile, most: int = 3, room: int = 1000) -> str:
    """HTML of the row's first captions, each cut to `room` bytes, and of what was found in its image."""
    paragraphs = [] if tile.captions else ['<p class="soft">no caption</p>']
    for caption in tile.captions[:most]:
        role = f'<span class="soft">{shown(caption.role, 60)}:</span> ' if caption.role not in (None, "web") else ""
        why = f' <span class="rejected">refused: {shown(caption.refused, 60)}</span>' if caption.refused else ""
        text = f'<bdi{language(caption.lang)} dir="auto">{shown(caption.text, room)}</bdi>'
        paragraphs.append(f"<p>{role}{text}{why}</p>")
    more = len(tile.captions) - most
    found = overlays.legend(tile.boxes, tile.lines, most=6, room=80)
    return "".join(paragraphs) + (f'<p class="soft">and {more:,} more</p>' if more > 0 else "") + found


def verdict_of(tile: Tile) -> str:
    """HTML of what became of the row, by which stage, and the error's own words."""
    stage = f' <span class="soft">by {shown(tile.stage, 100)}</span>' if tile.stage else ""
    reason = f": {shown(tile.reason, 100)}" if tile.reason else ""
    detail = f'<p dir="auto">{shown(tile.detail, 600)}</p>' if tile.detail else ""
    return f'<strong class="{shown(tile.outcome, 20)}">{shown(tile.outcome, 20)}{reason}</strong>{stage}{detail}'


def value_of(tile: Tile) -> str:
    """HTML of the measured value against the stage's settings."""
    value = "" if tile.value is None else f"<strong>{number_said(tile.value)}</strong>"
    thresholds = ", ".join(f"{shown(name, 60)} = {shown(bound, 200)}" for name, bound in tile.thresholds)
    against = f'<span class="soft">({thresholds})</span>' if thresholds else ""
    return " ".join(part for part in (value, against) if part) or '<span class="soft">–</span>'


def _address(tile: Tile) -> str:
    host = f"<bdi>{shown(tile.host, 260)}</bdi><br>" if tile.host else ""
    size = f"{tile.size[0]} × {tile.size[1]} px<br>" if tile.size else ""
    return f'{host}<span class="soft">{size}<bdi>{shown(tile.address, 600)}</bdi></span>'


def _outcome(name: str) -> str:
    if name not in REASONS:
        return '<span class="kept">kept</span>'
    reason = REASONS[name]
    return f'<span class="{reason.outcome}">{reason.outcome}</span>: {shown(reason.meaning)}'


_STYLE = """
table, tbody { display: block; }
thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
tbody { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 216px), 1fr)); gap: 12px; }
tbody tr { display: flex; flex-direction: column; gap: 4px; padding: 11px; overflow: hidden; break-inside: avoid;
  background: var(--tile); border: 1px solid var(--line); border-radius: 6px; }
td, th { padding: 0; font-size: 0.9em; text-align: start; font-weight: normal; min-width: 0; }
td:first-child { min-height: 120px; display: grid; place-items: center; }
img { max-width: 100%; height: auto; background: #fff; }
th { font-family: ui-monospace, monospace; color: var(--soft); }
td p { margin: 0 0 4px; }
.none { border: 1px dashed var(--soft); padding: 24px 12px; color: var(--soft); }
"""

_INDEX_STYLE = """
table { border-collapse: collapse; }
td, th { padding: 6px 10px; border-bottom: 1px solid var(--line); text-align: start; vertical-align: top; }
.number { text-align: end; font-variant-numeric: tabular-nums; }
"""

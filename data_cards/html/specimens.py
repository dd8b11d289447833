"""Rows that were kept and rows that were dropped, side by side."""

from collections.abc import Sequence

from data_cards.page import shown
from data_cards.sheet import Samples, Tile, captions_of, image_of, value_of, verdict_of
from schemas.layout import row_id


def specimens(samples: Samples) -> str:
    """HTML of two columns of rows; one below the other where the page is narrow. Empty where there are no rows."""
    if not samples.kept and not samples.dropped:
        return ""
    columns = "".join(
        f'<div><h3 class="{name}">{title}</h3>{_column(tiles, title)}</div>'
        for name, title, tiles in (("kept", "Kept", samples.kept), ("rejected", "Dropped", samples.dropped))
    )
    return f'<p>Random rows, seed {samples.seed}.</p><div class="sides">{columns}</div>'


def _column(tiles: Sequence[Tile], title: str) -> str:
    items = "".join(f"<li>{_specimen(tile)}</li>" for tile in tiles)
    return f'<ul class="specimens" aria-label="{title} rows">{items}</ul>' if items else '<p class="soft">None.</p>'


def _specimen(tile: Tile) -> str:
    value = f"<p>{value_of(tile)}</p>" if tile.value is not None else ""
    verdict = f"<p>{verdict_of(tile)}</p>{value}" if tile.outcome != "kept" else ""
    host = f'<p class="soft"><bdi>{shown(tile.host, 120)}</bdi></p>' if tile.host else ""
    number = row_id(tile.id)
    return f'{image_of(tile)}<p class="soft"><code>{number}</code></p>{captions_of(tile, 2, 300)}{verdict}{host}'


SPECIMENS = """
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); gap: 8px 24px; }
.specimens { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 200px), 1fr)); gap: 12px;
  padding: 0; margin: 0; list-style: none; align-items: start; }
.specimens > li { background: var(--tile); border: 1px solid var(--line); border-radius: 6px; padding: 9px;
  font-size: 0.9em; min-width: 0; break-inside: avoid; }
.specimens p { margin: 3px 0; }
.specimens img { max-width: 100%; height: auto; background: #fff; display: block; }
.none { display: block; border: 1px dashed var(--soft); padding: 24px 12px; color: var(--soft); }
"""

"""Sampled rows as tiles: a row's captions, verdict and image, joined from the layers by part and id."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from data_cards.sheet import Tile, TileCaption
from data_cards.thumbnail import thumbnail
from jobs.reports import explain
from jobs.reports.rows import BLOCKED, box_marks, images, known_rows, layer_rows, line_marks
from jobs.reports.sampling import Drawn
from jobs.running.hops import Hop
from jobs.running.state import RunState
from jobs.store.plan import Part
from pipelines.recipe import Recipe

_BOUND_OF = {
    "timeout": "deadline_s",
    "redirect_loop": "max_redirects",
    "body_too_large": "max_bytes",
    "too_many_pixels": "max_pixels",
    "animated": "animation",
    "no_caption": "tasks",
    "unfit_for_dialect": "dialect",
    "no_task": "tasks",
}
"""The setting of pull or packing, which have many, that decides upon a reason. Of other stages all settings do."""
_KNOWN = ("url", "image_at", "captions", "regions", "lines", "width", "height")
_UNTOLD: Mapping[str, Any] = dict.fromkeys(_KNOWN)
_VERDICT = ["outcome", "stage", "reason", "value", "detail"]


def tiles(state: RunState, drawn: Sequence[Drawn], side: int = 192, room: int = 10_000) -> Iterator[Tile]:
    """A tile for each row, in id order within a part and hop; `side` and `room` as of `thumbnail`.

    Holds a few images at a time.
    """
    groups: dict[tuple[int, int], list[Drawn]] = {}
    for row in drawn:
        groups.setdefault((row.part.number, row.hop.index), []).append(row)
    for rows in groups.values():
        yield from _tiles(state, rows[0].part, rows[0].hop, [row.id for row in rows], side, room)


def thresholds(recipe: Recipe, stage: str | None, reason: str | None) -> tuple[tuple[str, str, str], ...]:
    """What the stage called `stage` holds values against: ``(setting, value, where it comes from)`` each.

    All of its settings, save where it has many: then the one that decides upon `reason`.
    """
    if stage == "pack":
        told = [{"setting": name, "value": getattr(recipe.pack, name), "origin": ""} for name in ("dialect", "tasks")]
    else:
        told = [rule for rule in explain.rules(recipe) if rule["rule"] == stage and rule["setting"]]
    if stage == "pack" or any(spec.stage == "pull" and stage == (spec.name or "pull") for spec in recipe.stages):
        told = [rule for rule in told if rule["setting"] == _BOUND_OF.get(reason or "")]
    return tuple(
        (rule["setting"], explain.said(rule["value"]), ": ".join(filter(None, (rule["origin"], rule.get("source")))))
        for rule in told
        if rule["value"] is not None
    )


def _tiles(state: RunState, part: Part, hop: Hop, ids: list[int], side: int, room: int) -> Iterator[Tile]:
    before = state.hops[: hop.index + 1]
    verdicts = layer_rows(hop.path(state.layout, part.number), ids, _VERDICT)
    found = known_rows(state, part, before, ids, _KNOWN)
    pulls = [other for other in before if "image" in other.schema.names]
    paths = [other.path(state.layout, part.number) for other in pulls]
    small = {row: thumbnail(image, side, room) for row, image in images(paths[-1], ids)} if paths else {}
    for row in ids:
        verdict = verdicts[row]
        known = _UNTOLD if verdict["reason"] == BLOCKED else found[row]
        yield Tile(
            row,
            **verdict,
            thresholds=tuple(told[:2] for told in thresholds(state.recipe, verdict["stage"], verdict["reason"])),
            captions=tuple(_caption(caption) for caption in known["captions"] or ()),
            host=_host(known["url"]),
            address=known["url"] or (known["image_at"] or {}).get("path") or "",
            thumbnail=small.get(row),
            size=(known["width"], known["height"]) if known["width"] else None,
            boxes=box_marks(known),
            lines=line_marks(known),
        )


def _caption(caption: Mapping[str, Any]) -> TileCaption:
    return TileCaption(caption["text"] or "", caption["lang"], caption["role"], caption["refused"])


def _host(url: str | None) -> str:
    try:
        return urlsplit(url or "").hostname or ""
    except ValueError:
        return ""

"""Sampled rows as tiles: a row's captions, verdict and image, joined from the layers by part and id."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_cards.sheet import Tile, TileCaption
from data_cards.thumbnail import thumbnail
from jobs.reports import explain
from jobs.reports.sampling import Drawn
from jobs.running.hops import Hop
from jobs.running.state import RunState
from jobs.store.commit import read_layer
from jobs.store.plan import Part, read_input
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
_BLOCKED = "blocked_hash"
_UNTOLD: Mapping[str, Any] = {"url": None, "image_at": None, "captions": None}
"""Of a blocked image nothing leaves the input but id and reason, not even to be looked at."""
_IMAGES_AT_ONCE = 8
_VERDICT = ["outcome", "stage", "reason", "value", "detail"]

Rows = dict[int, dict[str, Any]]


def tiles(state: RunState, drawn: Sequence[Drawn]) -> Iterator[Tile]:
    """A tile for each row, in id order within a part and hop. Holds a few images at a time."""
    groups: dict[tuple[int, int], list[Drawn]] = {}
    for row in drawn:
        groups.setdefault((row.part.number, row.hop.index), []).append(row)
    for rows in groups.values():
        yield from _tiles(state, rows[0].part, rows[0].hop, [row.id for row in rows])


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


def _tiles(state: RunState, part: Part, hop: Hop, ids: list[int]) -> Iterator[Tile]:
    before = state.hops[: hop.index + 1]
    verdicts = _rows(hop.path(state.layout, part.number), ids, _VERDICT)
    given = read_input(state.layout, part, ["id", "url", "image_at", "captions"])
    inputs = _by_id(given.filter(pc.is_in(given["id"], pa.array(ids, pa.int64()))))
    for other in before:
        if "captions" in other.schema.names:  # edited or added ones; null where the hop did not keep the row
            for row, found in _rows(other.path(state.layout, part.number), ids, ["captions"]).items():
                inputs[row]["captions"] = found["captions"] or inputs[row]["captions"]
    pulls = [other for other in before if "image" in other.schema.names]
    paths = [other.path(state.layout, part.number) for other in pulls]
    pulled = _rows(paths[-1], ids, ["width", "height"]) if paths else {}
    small = {row: thumbnail(image) for row, image in _images(paths[-1], ids)} if paths else {}
    for row in ids:
        verdict = verdicts[row]
        known = _UNTOLD if verdict["reason"] == _BLOCKED else inputs[row]
        size = pulled.get(row, {})
        yield Tile(
            row,
            **verdict,
            thresholds=tuple(told[:2] for told in thresholds(state.recipe, verdict["stage"], verdict["reason"])),
            captions=tuple(_caption(caption) for caption in known["captions"] or ()),
            host=_host(known["url"]),
            address=known["url"] or (known["image_at"] or {}).get("path") or "",
            thumbnail=small.get(row),
            size=(size["width"], size["height"]) if size.get("width") else None,
        )


def _caption(caption: Mapping[str, Any]) -> TileCaption:
    return TileCaption(caption["text"] or "", caption["lang"], caption["role"], caption["refused"])


def _host(url: str | None) -> str:
    try:
        return urlsplit(url or "").hostname or ""
    except ValueError:
        return ""


def _rows(path: Path, ids: Sequence[int], columns: list[str]) -> Rows:
    """Small columns of some rows of a layer file, by id."""
    layer = read_layer(path, ["id", *columns])
    return _by_id(layer.filter(pc.is_in(layer["id"], pa.array(ids, pa.int64()))))


def _by_id(table: pa.Table) -> Rows:
    return {row.pop("id"): row for row in table.to_pylist()}


def _images(path: Path, ids: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Id and image of those rows that have one, from the row groups that hold them and a few at a time."""
    wanted = pa.array(ids, pa.int64())
    with pq.ParquetFile(path, memory_map=True) as file:
        groups = range(file.metadata.num_row_groups)
        held = [g for g in groups if pc.any(pc.is_in(file.read_row_group(g, ["id"])["id"], wanted)).as_py()]
        for batch in file.iter_batches(_IMAGES_AT_ONCE, held, ["id", "image"]):
            found = batch.filter(pc.and_(pc.is_in(batch["id"], wanted), pc.is_valid(batch["image"])))
            yield from zip(found["id"].to_pylist(), found["image"].to_pylist(), strict=True)

"""A row's regions in other people's layouts: GRIT's records (Kosmos-2 §2), COCO's images and annotations."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from pipelines.captions import Caption
from pipelines.chatml.regions import Region, Span

_ITEMS = pa.list_(pa.list_(pa.float64()))
GRIT = pa.schema(
    [
        pa.field("clip_similarity_vitb32", pa.float64()),
        pa.field("clip_similarity_vitl14", pa.float64()),
        pa.field("id", pa.int64()),
        pa.field("url", pa.string()),
        pa.field("caption", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("noun_chunks", _ITEMS),
        pa.field("ref_exps", _ITEMS),
    ]
)
"""Items are ``[start, end, x1, y1, x2, y2, score]``: characters of the caption, end exclusive, and a box in 0–1."""


def grit_records(
    row: dict[str, Any], captions: Sequence[Caption], regions: Sequence[Region]
) -> Iterator[dict[str, Any]]:
    """A record for each caption of a row that has regions, in order.

    `row` holds id, url, width, height and `source`, the other columns that its table had. Both lists hold every box, in
    one order: expressions that lie in longer ones stay, as in GRIT's own files, and step 8 is applied on use. A score
    that is not known is 1, as for boxes that people drew.
    """
    carried = dict(row["source"] or ())
    for caption in captions:
        mine = [region for region in regions if region.caption == caption.place]
        if not mine:
            continue
        yield {
            "clip_similarity_vitb32": _number(carried.get("clip_similarity_vitb32")),
            "clip_similarity_vitl14": _number(carried.get("clip_similarity_vitl14")),
            "id": row["id"],
            "url": row["url"],
            "caption": caption.text,
            "width": row["width"],
            "height": row["height"],
            "noun_chunks": [_item(region.phrase, region) for region in mine],
            "ref_exps": [_item(region.span, region) for region in mine],
        }


def coco_image(row: dict[str, Any]) -> dict[str, Any]:
    """A row as COCO's image; its file is in the shards, and its name here is the row's id."""
    return {
        "id": row["id"],
        "file_name": f"{row['id']:012d}.{row['format']}",
        "width": row["width"],
        "height": row["height"],
        "coco_url": row["url"] or "",
    }


def coco_annotation(
    number: int, row: dict[str, Any], region: Region, text: str, categories: dict[str, int]
) -> dict[str, Any]:
    """A region as COCO's annotation, with `number` as its id; its category is its noun chunk in small letters.

    `categories` numbers them from 1, and is added to.
    """
    x1, y1, x2, y2 = region.box
    width, height = (x2 - x1) * row["width"], (y2 - y1) * row["height"]
    phrase = text[slice(*region.phrase)]
    return {
        "id": number,
        "image_id": row["id"],
        "category_id": categories.setdefault(phrase.lower(), len(categories) + 1),
        "bbox": [x1 * row["width"], y1 * row["height"], width, height],
        "area": width * height,
        "iscrowd": 0,
        "score": region.score,
        "caption": text,
        "phrase": list(region.phrase),
        "expression": list(region.span),
    }


def json_line(record: dict[str, Any]) -> str:
    """One record as a line of JSON."""
    return json.dumps(record, ensure_ascii=False) + "\n"


def _item(span: Span, region: Region) -> list[float]:
    return [*map(float, span), *region.box, 1.0 if region.score is None else region.score]


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None

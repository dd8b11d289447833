"""`export`: a run in other people's layouts, beside the training shards: GRIT's records, COCO's, CogVLM-SFT-311K."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import compute as pc

from jobs.commands import answers, require_passed, saved
from jobs.export_sft import write_sft
from jobs.running.hops import shard_reader
from jobs.running.part import live_rows
from jobs.running.state import RunState
from jobs.store.files import publish, temporary_of
from pipelines.captions import Caption, all_captions, counting
from pipelines.chatml.regions import Region, regions_of
from pipelines.grounding.records import GRIT, coco_annotation, coco_image, grit_records, json_line
from pipelines.recipe_text import RecipeError

_READS = ("url", "width", "height", "format", "source", "captions", "regions")
_ROW_GROUP = 10_000
_SFT = "cogvlm-sft"
_SUFFIXES = {"grit": (".parquet", ".jsonl"), "coco": (".json",)}


class _Row(NamedTuple):
    facts: dict[str, Any]
    captions: list[Caption]
    regions: list[Region]


@dataclass(frozen=True)
class _Done:
    images: int
    boxes: int


@answers
def export(folder: Path, layout: str, output: Path | None) -> int:
    """Write a run in another layout; one JSON object says where, and how much of it."""
    if layout == _SFT:
        return _export_sft(folder, (output or folder / f"report/{_SFT}").absolute())
    if layout not in _SUFFIXES:
        raise RecipeError("--format", [f"{layout!r} is neither grit, coco nor {_SFT}"])
    target = (output or folder / f"report/{layout}{_SUFFIXES[layout][0]}").absolute()
    if target.suffix not in _SUFFIXES[layout]:
        raise RecipeError("--output", [f"{target.name} is to end in {' or '.join(_SUFFIXES[layout])}"])
    state = saved(folder)
    require_passed(state, state.hops[-2])
    write = {".parquet": _grit_parquet, ".jsonl": _grit_lines, ".json": _coco}[target.suffix]
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_of(target, "export")
    done = write(lambda: _rows(state), temporary)
    publish(temporary, target)
    said = {"output": str(target), "format": layout, "images": done.images, "boxes": done.boxes}
    sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")
    return 0


def _export_sft(folder: Path, target: Path) -> int:
    state = saved(folder)
    require_passed(state, state.hops[-2])
    target.parent.mkdir(parents=True, exist_ok=True)
    said = {"output": str(target), "format": _SFT, "images": write_sft(state, target)}
    sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")
    return 0


def _rows(state: RunState) -> Iterator[_Row]:
    """The rows that reach packing and have regions of captions that count, in the order of the plan; with these."""
    reader = shard_reader(state.hops[:-1], state.recipe.pack, _READS)
    for part in state.plan.parts:
        rows = live_rows(state.layout, reader, part)
        rows = rows.filter(pc.invert(pc.is_in(rows["id"], pa.array(state.superseded(part), pa.int64()))))
        texts, boxes = all_captions(rows["captions"]), regions_of(rows["regions"])
        facts = rows.select(["id", *(name for name in _READS if name not in ("captions", "regions"))]).to_pylist()
        for row, captions, regions in zip(facts, texts, boxes, strict=True):
            counted = {caption.place for caption in counting(captions)}
            if kept := [region for region in regions if region.caption in counted]:
                yield _Row(row, captions, kept)


Rows = Callable[[], Iterator[_Row]]


def _grit_parquet(rows: Rows, path: Path) -> _Done:
    images = boxes = 0
    batch: list[dict[str, Any]] = []
    with pq.ParquetWriter(path, GRIT, compression="zstd") as writer:
        for row in rows():
            batch += grit_records(*row)
            images, boxes = images + 1, boxes + len(row.regions)
            if len(batch) >= _ROW_GROUP:
                writer.write_table(pa.Table.from_pylist(batch, GRIT))
                batch.clear()
        writer.write_table(pa.Table.from_pylist(batch, GRIT))
    return _Done(images, boxes)


def _grit_lines(rows: Rows, path: Path) -> _Done:
    images = boxes = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows():
            file.writelines(map(json_line, grit_records(*row)))
            images, boxes = images + 1, boxes + len(row.regions)
    return _Done(images, boxes)


def _coco(rows: Rows, path: Path) -> _Done:
    """One JSON object, written as it is read: images first, then annotations, then their categories."""
    categories: dict[str, int] = {}
    images = boxes = 0
    with path.open("w", encoding="utf-8") as file:
        file.write('{"info": {"description": "made by shardmill"}, "licenses": [], "images": [\n')
        for images, row in enumerate(rows(), 1):
            file.write(("" if images == 1 else ",\n") + json.dumps(coco_image(row.facts), ensure_ascii=False))
        file.write('\n], "annotations": [\n')
        for row in rows():
            for region in row.regions:
                boxes += 1
                text = row.captions[region.caption].text
                said = coco_annotation(boxes, row.facts, region, text, categories)
                file.write(("" if boxes == 1 else ",\n") + json.dumps(said, ensure_ascii=False))
        named = [{"id": number, "name": name, "supercategory": ""} for name, number in categories.items()]
        file.write(f'\n], "categories": {json.dumps(named, ensure_ascii=False)}}}\n')
    return _Done(images, boxes)

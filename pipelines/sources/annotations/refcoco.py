"""Referring expressions as RefCOCO, RefCOCO+ and RefCOCOg have them: a list of refs, and COCO's instances.

A ref is ``{ref_id, ann_id, image_id, split, sentences: [{sent, raw}]}``; its box, in pixels, is that of the annotation
`ann_id` in ``instances.json`` beside the file. Rows are images: each sentence is a caption of role "expression" with a
region that spans it whole, and a ref that is broken is a row of its own. Refs of a split that the recipe does not take
are rows with the reason ``other_split``. Both files are read whole: about five times their size in memory.
"""

import json
import posixpath
from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa

from pipelines.captions import EXPRESSION
from pipelines.sources.annotations.coco import Coco, key_of
from pipelines.sources.annotations.json_array import size_of
from pipelines.sources.annotations.record import Record, RecordError, annotation_files, batches, broken, caption
from pipelines.sources.boxes import Box, pixel_box
from pipelines.sources.expand import expand as expand_files
from pipelines.sources.files import InputError, InputFile, Unit, filesystem_of, open_bytes
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.columns import Contents

SOURCE = "refcoco"
_INSTANCES = "instances.json"
_PICKLES = (".p", ".pkl", ".pickle")
_CONVERT = (
    "is a pickle, which could run any code. Where you trust it, turn it into JSON once:\n"
    "python -c \"import json, pickle, sys; json.dump(pickle.load(open(sys.argv[1], 'rb')), open(sys.argv[2], 'w'))\" "
    "'refs(unc).p' 'refs(unc).json'"
)


class _Ref(NamedTuple):
    image_id: int | str
    split: str | None
    texts: list[str]
    boxes: list[Box]


def expand(text: str) -> list[str]:
    """Files of refs: those named, or all ``refs*.json`` below a folder. Pickles are refused."""
    filesystem, path = filesystem_of(text)
    if not filesystem.isdir(path):
        files = annotation_files(text)
        if any(one.endswith(_PICKLES) for one in files):
            raise InputError(_CONVERT)
        return files
    pattern = posixpath.join(text, "**", "refs*")
    found = expand_files(pattern, "jsonl") if filesystem.glob(posixpath.join(path, "**", "refs*")) else []
    if files := [one for one in found if one.endswith(".json")]:
        return files
    if found:
        raise InputError(_CONVERT)
    raise InputError("there is no refs*.json")


def inspect(file: InputFile, spec: SourceSpec) -> Contents:  # noqa: ARG001 – as every format's
    """Whether it is a list, and whether the boxes are beside it."""
    with open_bytes(file.path) as stored:
        if not stored.read(1 << 12).lstrip().startswith(b"["):
            raise InputError("is no list of refs")
    instances = _instances(file.path)
    filesystem, path = filesystem_of(instances)
    if not filesystem.isfile(path):
        raise InputError(f"there is no {_INSTANCES} beside it, which has the boxes")
    return Contents(None, (Unit(0),), size_of(file.path))


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """A row for every image and split that refs speak of, and one for every ref that is broken."""
    yield from batches(_records(file.path, spec), spec, file, unit.first_row)


def _instances(path: str) -> str:
    return posixpath.join(posixpath.dirname(path), _INSTANCES)


def _records(path: str, spec: SourceSpec) -> Iterator[Record]:
    coco = Coco(_instances(path))
    annotated = {key_of(one.get("id")): one for one in coco.annotations if isinstance(one, dict)}
    with open_bytes(path) as stored:
        try:
            values = json.loads(stored.read())
        except (ValueError, RecursionError) as error:
            raise InputError(f"is not JSON: {error}") from error
    together: dict[tuple[int | str, str | None], list[_Ref]] = {}
    for value in values:
        try:
            ref = _ref(value, coco, annotated)
        except RecordError as error:
            yield broken(error, {"ref_id": value.get("ref_id")} if isinstance(value, dict) else None)
        else:
            together.setdefault((ref.image_id, ref.split), []).append(ref)
    for (image_id, split), refs in together.items():
        yield _row(coco, image_id, split, refs, path, spec)


def _ref(value: Any, coco: Coco, annotated: dict[int | str | None, dict[str, Any]]) -> _Ref:
    if not isinstance(value, dict):
        raise RecordError("not a JSON object")
    image_id = key_of(value.get("image_id"))
    image = coco.images.get(image_id) if image_id is not None else None
    if image_id is None or image is None:
        raise RecordError(f"no image has the id {value.get('image_id')}")
    ids = value.get("ann_id")
    found = [annotated.get(key_of(one)) for one in (ids if isinstance(ids, list) else [ids])]
    boxes = [_box(one, image, value) for one in found]
    sentences = value.get("sentences")
    if not isinstance(sentences, list) or not sentences:
        raise RecordError("no sentence")
    split = value.get("split")
    return _Ref(image_id, split if isinstance(split, str) else None, [_text(one) for one in sentences], boxes)


def _box(annotation: dict[str, Any] | None, image: dict[str, Any], value: dict[str, Any]) -> Box:
    if annotation is None:
        raise RecordError(f"no annotation has the id {value.get('ann_id')}")
    if annotation.get("image_id") != value.get("image_id"):
        raise RecordError(f"the annotation {value.get('ann_id')} is of another image")
    try:
        x, y, width, height = (float(number) for number in annotation["bbox"])
        return pixel_box((x, y, x + width, y + height), float(image["width"]), float(image["height"]))
    except KeyError as error:
        raise RecordError(f"no {error.args[0]} of annotation {value.get('ann_id')} or its image") from None
    except (ValueError, TypeError, OverflowError) as error:
        raise RecordError(f"annotation {value.get('ann_id')}: {error}") from None


def _text(sentence: Any) -> str:
    found = (sentence.get("sent") or sentence.get("raw")) if isinstance(sentence, dict) else None
    if not isinstance(found, str) or not found.strip():
        raise RecordError("a sentence says nothing")
    return found.strip()


def _row(coco: Coco, image_id: int | str, split: str | None, refs: list[_Ref], path: str, spec: SourceSpec) -> Record:
    others = {"image_id": image_id, "split": split}
    if split is not None and split not in spec.splits:
        return broken(RecordError(f"of the split {split}", "other_split"), others)
    try:
        record = coco.record_of(image_id, path, spec)
    except RecordError as error:
        return broken(error, others)
    record.others |= others
    record.regions = []
    for ref in refs:
        for text in ref.texts:
            place = len(record.captions)
            record.captions.append(caption(text, spec.caption_lang or "en", EXPRESSION))
            record.regions += [_region(place, text, box) for box in ref.boxes]
    return record


def _region(place: int, text: str, box: Box) -> dict[str, Any]:
    span = [0, len(text)]
    # drawn by people: a detector would call it certain
    return {"caption_index": place, "phrase": span, "expression": span, "box": box, "score": 1.0, "source": SOURCE}

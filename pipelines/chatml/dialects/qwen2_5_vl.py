"""Qwen2.5-VL: boxes in pixels of the resized image, as JSON."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pipelines.chatml.dialects.coordinates import by_axis, kind_of, on_scale
from pipelines.chatml.dialects.protocol import Budget, Floats, Found, Grounded, Ints, Shape
from pipelines.chatml.dialects.qwen_vl import SPECIAL_TOKENS, QwenVL

_KEYS: dict[Shape, tuple[str, int]] = {"box": ("bbox_2d", 4), "quad": ("quad_2d", 8)}
"""Key and length of the list of numbers."""
_OBJECT = re.compile(r'\{\s*"')
_BETWEEN = re.compile(r"\s*,?\s*")
_LARGEST = 10**6


class _Box(NamedTuple):
    label: str | None
    kind: Shape
    coordinates: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Qwen25VL(QwenVL):
    """Qwen2.5-VL and its fine-tunes: images and turns as in Qwen2-VL, boxes as plain JSON without marks.

    Boxes are a JSON list, one object a box, also where there is one alone: ``[{"bbox_2d": [x1, y1, x2, y2], "label":
    "…"}]``, on one line. The family's cookbooks and its ODinW evaluation show lists throughout; its fine-tuning guide
    shows a lone object, which `read` takes too. In a grounded text, the list of all phrases stands on a line of its
    own behind the text: nobody published how to mark a phrase in place, so this is ours. So are quads, eight numbers
    under ``quad_2d``.

    The grid is the image as the processor resizes it under the budget, fraction · side rounded (half to even) and
    clamped to 0 … side - 1. It is right only where training resizes alike: hence the budget is pinned in the shard.
    """

    name: ClassVar[str] = "qwen2_5_vl"
    special_tokens: ClassVar[tuple[str, ...]] = (
        *SPECIAL_TOKENS,
        "<tool_call>",
        "</tool_call>",
        "<|fim_prefix|>",
        "<|fim_middle|>",
        "<|fim_suffix|>",
        "<|fim_pad|>",
        "<|repo_name|>",
        "<|file_sep|>",
    )

    def to_grid(self, coordinates: Floats, width: Ints, height: Ints, budget: Budget) -> Ints:
        sides = by_axis(*self.resized(width, height, budget), np.shape(coordinates)[-1])
        return np.minimum(np.rint(on_scale(coordinates, sides)).astype(np.int64), sides - 1)

    def from_grid(self, coordinates: Ints, width: Ints, height: Ints, budget: Budget) -> Floats:
        sides = by_axis(*self.resized(width, height, budget), np.shape(coordinates)[-1])
        return np.asarray(coordinates, np.float64) / sides

    def write(self, label: str | None, coordinates: Sequence[Sequence[int]]) -> str:
        return _json(_objects(label, coordinates))

    def write_grounded(self, pieces: Sequence[str | Grounded]) -> str:
        text = "".join(piece if isinstance(piece, str) else piece.text for piece in pieces)
        objects = [one for piece in pieces if not isinstance(piece, str) for one in _objects(*piece)]
        return f"{text}\n{_json(objects)}" if objects else text

    def write_list(self, items: Sequence[Grounded]) -> str:
        return _json([one for item in items for one in _objects(*item)])

    def read(self, text: str) -> list[Found]:
        """See `Dialect.read`. Objects of one list, one after the other, with one label are one find."""
        found = []
        for boxes in _lists(text):
            for (label, kind), group in groupby(boxes, lambda box: (box.label, box.kind)):
                found.append(Found(label, kind, tuple(box.coordinates for box in group)))
        return found


def _objects(label: str | None, coordinates: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    key, _ = _KEYS[kind_of(coordinates)]
    named = {} if label is None else {"label": label}
    return [{key: [int(number) for number in one], **named} for one in coordinates]


def _json(objects: list[dict[str, Any]]) -> str:
    return json.dumps(objects, ensure_ascii=False)


def _lists(text: str) -> Iterator[list[_Box]]:
    """The boxes in a text, those in one list that at most a comma parts. What is no JSON is passed over."""
    decoder = json.JSONDecoder()
    boxes: list[_Box] = []
    at = end = 0
    while match := _OBJECT.search(text, at):
        start = match.start()
        at = start + 1
        try:
            value, after = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if (box := _parsed(value)) is None:
            continue  # there may be boxes in it
        if boxes and not _BETWEEN.fullmatch(text, end, start):
            yield boxes
            boxes = []
        boxes.append(box)
        at = end = after
    if boxes:
        yield boxes


def _parsed(value: dict[str, Any]) -> _Box | None:
    """What a JSON object says; None when it holds no box, or not as it should be."""
    label = value.get("label")
    if not (label is None or isinstance(label, str)):
        return None
    for kind, (key, length) in _KEYS.items():
        numbers = value.get(key)
        if isinstance(numbers, list) and len(numbers) == length and all(map(_is_coordinate, numbers)):
            return _Box(label, kind, tuple(numbers))
    return None


def _is_coordinate(value: Any) -> bool:
    return type(value) is int and 0 <= value < _LARGEST

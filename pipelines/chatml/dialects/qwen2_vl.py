"""Qwen2-VL: boxes in thousandths of the image, between marks of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipelines.chatml.dialects.coordinates import on_scale
from pipelines.chatml.dialects.marked_boxes import NUMBER, MarkedBoxes
from pipelines.chatml.dialects.protocol import Budget, Floats, Found, Grounded, Ints
from pipelines.chatml.dialects.qwen_vl import SPECIAL_TOKENS, QwenVL

_STEPS = 1000
_POINT = rf"\(\s*{NUMBER}\s*,\s*{NUMBER}\s*\)"


def _points(one: Sequence[int]) -> str:
    return ",".join(f"({x},{y})" for x, y in zip(one[::2], one[1::2], strict=True))


_BOXES = MarkedBoxes(
    ref=("<|object_ref_start|>", "<|object_ref_end|>"),
    box=("<|box_start|>", "<|box_end|>"),
    quad=("<|quad_start|>", "<|quad_end|>"),
    bodies=lambda coordinates: [_points(one) for one in coordinates],
    box_body=rf"{_POINT}\s*,\s*{_POINT}",
    quad_body=rf"{_POINT}(?:\s*,\s*{_POINT}){{3}}",
)


@dataclass(frozen=True, slots=True)
class Qwen2VL(QwenVL):
    """Qwen2-VL and its fine-tunes: the image directly before the text, as `<|vision_start|>…<|vision_end|>`.

    Boxes are ``<|box_start|>(x1,y1),(x2,y2)<|box_end|>``, each between marks of its own, behind the phrase between
    ``<|object_ref_start|>`` and ``<|object_ref_end|>``. The grid is round(fraction · 1000), half to even, clamped to
    0–999: the paper's range [0, 1000), where its converter could emit 1000 (Qwen2-VL, §2.2.1).
    """

    name: ClassVar[str] = "qwen2_vl"
    special_tokens: ClassVar[tuple[str, ...]] = SPECIAL_TOKENS

    def to_grid(self, coordinates: Floats, width: Ints, height: Ints, budget: Budget) -> Ints:  # noqa: ARG002
        grid: Ints = np.minimum(np.rint(on_scale(coordinates, _STEPS)), _STEPS - 1).astype(np.int64)
        return grid

    def from_grid(self, coordinates: Ints, width: Ints, height: Ints, budget: Budget) -> Floats:  # noqa: ARG002
        return np.asarray(coordinates, np.float64) / _STEPS

    def write(self, label: str | None, coordinates: Sequence[Sequence[int]]) -> str:
        return _BOXES.write(label, coordinates)

    def write_grounded(self, pieces: Sequence[str | Grounded]) -> str:
        return _BOXES.write_grounded(pieces)

    def write_list(self, items: Sequence[Grounded]) -> str:
        return _BOXES.write_grounded(items)

    def read(self, text: str) -> list[Found]:
        return _BOXES.read(text)

"""Qwen-VL, the first: boxes in thousandths of the image, between marks of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pipelines.chatml.conversation import Conversation, TrainingText
from pipelines.chatml.dialects.marked_boxes import NUMBER, MarkedBoxes
from pipelines.chatml.dialects.protocol import Found, Grounded, Shape
from pipelines.chatml.dialects.untemplated import OneSize

_POINT = rf"\(\s*{NUMBER}\s*,\s*{NUMBER}\s*\)"


def _points(one: Sequence[int]) -> str:
    return ",".join(f"({x},{y})" for x, y in zip(one[::2], one[1::2], strict=True))


_BOXES = MarkedBoxes(
    ref=("<ref>", "</ref>"),
    box=("<box>", "</box>"),
    quad=("<quad>", "</quad>"),
    bodies=lambda coordinates: [_points(one) for one in coordinates],
    box_body=rf"{_POINT}\s*,\s*{_POINT}",
    quad_body=rf"{_POINT}(?:\s*,\s*{_POINT}){{3}}",
)


@dataclass(frozen=True, slots=True)
class FirstQwenVL(OneSize):
    """Qwen-VL and Qwen-VL-Chat (Bai et al. 2023): ``<ref>phrase</ref><box>(x1,y1),(x2,y2)</box>``, boxes repeated.

    The grid is fraction · 1000, truncated, 0–999. Images are 448 pixels a side and 256 tokens.
    """

    name: ClassVar[str] = "qwen_vl"
    side: ClassVar[int] = 448
    tokens: ClassVar[int] = 256
    special_tokens: ClassVar[tuple[str, ...]] = (
        "<|endoftext|>",
        "<|im_start|>",
        "<|im_end|>",
        "<img>",
        "</img>",
        "<imgpad>",
        "<ref>",
        "</ref>",
        "<box>",
        "</box>",
        "<quad>",
        "</quad>",
    )
    after_image: ClassVar[str] = "\n"
    text_shapes: ClassVar[tuple[Shape, ...]] = ("quad", "box")

    def write(self, label: str | None, coordinates: Sequence[Sequence[int]]) -> str:
        return _BOXES.write(label, coordinates)

    def write_grounded(self, pieces: Sequence[str | Grounded]) -> str:
        return _BOXES.write_grounded(pieces)

    def write_list(self, items: Sequence[Grounded]) -> str:
        return _BOXES.write_grounded(items)

    def read(self, text: str) -> list[Found]:
        return _BOXES.read(text)

    def training_text(self, conversation: Conversation, image_tokens: Sequence[int]) -> TrainingText:  # noqa: ARG002
        raise ValueError("no template is kept for qwen_vl: pack for a later model of the family")

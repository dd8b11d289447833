"""InternVL 1.5: images in tiles, boxes in thousandths of the image, turns without line feeds between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipelines.chatml.conversation import Conversation, TrainingText, Turn
from pipelines.chatml.dialects.chatml_turns import ImageMarks, chatml_text
from pipelines.chatml.dialects.coordinates import on_scale
from pipelines.chatml.dialects.marked_boxes import NUMBER, MarkedBoxes
from pipelines.chatml.dialects.protocol import Budget, Floats, Found, Grounded, Ints, Shape
from pipelines.chatml.dialects.tiled import Tiled
from pipelines.chatml.dialects.tiles import MAX_TILES, MOST_TILES

DEFAULT_SYSTEM = "You are an AI assistant whose name is InternLM (书生·浦语)."
"""The system turn where a conversation has none: template ``internlm2-chat`` in ``internvl/conversation.py`` of
OpenGVLab/InternVL as released with version 1.5 (April 2024); the release of 2.0 changed it."""

_STEPS = 1000
_MARKS = ImageMarks("<img>", "<IMG_CONTEXT>", "</img>")


def _list_pattern(length: int) -> str:
    one = rf"\[\s*{NUMBER}(?:\s*,\s*{NUMBER}){{{length - 1}}}\s*\]"
    return rf"\[\s*{one}(?:\s*,\s*{one})*\s*\]"


_BOXES = MarkedBoxes(
    ref=("<ref>", "</ref>"),
    box=("<box>", "</box>"),
    quad=("<quad>", "</quad>"),
    bodies=lambda coordinates: [str([[int(number) for number in one] for one in coordinates])],
    box_body=_list_pattern(4),
    quad_body=_list_pattern(8),
)


@dataclass(frozen=True, slots=True)
class InternVL(Tiled):
    """InternVL 1.5 and models trained like it: the image on a line of its own before the text.

    Boxes are ``<ref>phrase</ref><box>[[x1, y1, x2, y2], …]</box>``; quads, which the family has a mark for but no
    published form, are ``<quad>[[…], …]</quad>`` in the same way. The grid is int(fraction · 1000), 0–1000.
    """

    name: ClassVar[str] = "internvl"
    family: ClassVar[str] = "InternVL"
    default_tiles: ClassVar[int] = MAX_TILES
    most_tiles: ClassVar[int] = MOST_TILES
    special_tokens: ClassVar[tuple[str, ...]] = (
        "<s>",
        "</s>",
        "<unk>",
        "<|im_start|>",
        "<|im_end|>",
        "<|action_start|>",
        "<|action_end|>",
        "<|interpreter|>",
        "<|plugin|>",
        "<image>",
        "<img>",
        "</img>",
        "<IMG_CONTEXT>",
        "<quad>",
        "</quad>",
        "<ref>",
        "</ref>",
        "<box>",
        "</box>",
    )
    after_image: ClassVar[str] = "\n"
    text_shapes: ClassVar[tuple[Shape, ...]] = ("box", "quad")

    def to_grid(self, coordinates: Floats, width: Ints, height: Ints, budget: Budget) -> Ints:  # noqa: ARG002
        return np.floor(on_scale(coordinates, _STEPS)).astype(np.int64)

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

    def training_text(self, conversation: Conversation, image_tokens: Sequence[int]) -> TrainingText:
        """See `Dialect.training_text`. The template has one system turn, which comes first."""
        if any(turn.role == "system" for turn in conversation[1:]):
            raise ValueError("InternVL's template has one system turn, before all others")
        if not conversation or conversation[0].role != "system":
            conversation = (Turn("system", (DEFAULT_SYSTEM,)), *conversation)
        return chatml_text(conversation, image_tokens, _MARKS, opening="<s>")

"""NVLM 1.0: images in tiles, boxes in thousandths of the image, between marks of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipelines.chatml.conversation import Conversation, TrainingText
from pipelines.chatml.dialects.coordinates import kind_of, thousandths
from pipelines.chatml.dialects.marked_boxes import NOTHING, NUMBER, MarkedBoxes
from pipelines.chatml.dialects.protocol import Budget, Floats, Found, Grounded, Ints, Shape
from pipelines.chatml.dialects.tiled import Tiled

_MOST_TILES = 6
_POINT = rf"\(\s*{NUMBER}\s*,\s*{NUMBER}\s*\)"

_BOXES = MarkedBoxes(
    ref=("<ref>", "</ref>"),
    box=("<box>", "</box>"),
    quad=("<quad>", "</quad>"),
    bodies=lambda coordinates: [f"({x1},{y1}), ({x2},{y2})" for x1, y1, x2, y2 in coordinates],
    box_body=rf"{_POINT}\s*,\s*{_POINT}",
    quad_body=NOTHING,
)


@dataclass(frozen=True, slots=True)
class NVLM(Tiled):
    """NVLM (Dai et al. 2024): ``<ref>phrase</ref><box>(x1,y1), (x2,y2)</box>``, boxes repeated, no quads.

    Text in images is read as the paper's pre-training has it: OCR as a list of lines and boxes, grounded OCR from a box
    to its text, referring from a text to its box. Up to 6 tiles and a thumbnail, 256 tokens each; the tags before them
    (``<tile_1>`` …) are the processor's and not counted. The paper prints whole numbers below 1000 and no rounding:
    fraction · 1000, floored, 0–999, is ours.
    """

    name: ClassVar[str] = "nvlm"
    family: ClassVar[str] = "NVLM"
    default_tiles: ClassVar[int] = _MOST_TILES
    most_tiles: ClassVar[int] = _MOST_TILES
    special_tokens: ClassVar[tuple[str, ...]] = (
        "<|endoftext|>",
        "<|im_start|>",
        "<|im_end|>",
        "<Image>",
        "</Image>",
        "<image>",
        "<ref>",
        "</ref>",
        "<box>",
        "</box>",
        *(f"<tile_{number}>" for number in range(1, _MOST_TILES + 1)),
        "<tile_global>",
        "<tile_global_thumbnail>",
    )
    after_image: ClassVar[str] = ""
    text_shapes: ClassVar[tuple[Shape, ...]] = ("box",)

    def to_grid(self, coordinates: Floats, width: Ints, height: Ints, budget: Budget) -> Ints:  # noqa: ARG002
        return thousandths(coordinates)

    def from_grid(self, coordinates: Ints, width: Ints, height: Ints, budget: Budget) -> Floats:  # noqa: ARG002
        return np.asarray(coordinates, np.float64) / 1000

    def write(self, label: str | None, coordinates: Sequence[Sequence[int]]) -> str:
        """See `Dialect.write`. Raises ValueError for quads too."""
        if kind_of(coordinates) == "quad":
            raise ValueError("nvlm writes no quads")
        return _BOXES.write(label, coordinates)

    def write_grounded(self, pieces: Sequence[str | Grounded]) -> str:
        return "".join(piece if isinstance(piece, str) else self.write(*piece) for piece in pieces)

    def write_list(self, items: Sequence[Grounded]) -> str:
        return self.write_grounded(items)

    def read(self, text: str) -> list[Found]:
        return _BOXES.read(text)

    def training_text(self, conversation: Conversation, image_tokens: Sequence[int]) -> TrainingText:  # noqa: ARG002
        raise ValueError("no template is kept for nvlm: pack for another model family")

"""CogVLM: boxes as plain text behind the phrase, in thousandths of the image."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pipelines.chatml.conversation import Conversation, TrainingText
from pipelines.chatml.dialects.coordinates import kind_of
from pipelines.chatml.dialects.marked_boxes import NUMBER
from pipelines.chatml.dialects.protocol import Found, Grounded, Shape
from pipelines.chatml.dialects.untemplated import OneSize

_ONE = rf"\s*{NUMBER}(?:\s*,\s*{NUMBER}){{3}}\s*"
_BOXES = re.compile(rf"\[\[({_ONE}(?:;{_ONE})*)\]\]")


@dataclass(frozen=True, slots=True)
class CogVLM(OneSize):
    """CogVLM (Wang et al. 2023): ``phrase [[x0,y0,x1,y1]]``, several boxes ``[[a,b,c,d;e,f,g,h]]``, no quads.

    The grid is fraction · 1000, floored, 000–999 with three digits. As nothing marks where a phrase begins, boxes are
    read back without theirs. Images are 490 pixels a side, in patches of 14: 1,225 tokens.
    """

    name: ClassVar[str] = "cogvlm"
    side: ClassVar[int] = 490
    tokens: ClassVar[int] = 1225
    special_tokens: ClassVar[tuple[str, ...]] = ("<s>", "</s>", "<unk>", "[[", "]]")
    after_image: ClassVar[str] = "\n"
    text_shapes: ClassVar[tuple[Shape, ...]] = ("box",)

    def write(self, label: str | None, coordinates: Sequence[Sequence[int]]) -> str:
        """See `Dialect.write`. Raises ValueError for quads too, and for a label that holds ``[[`` or ``]]``."""
        if kind_of(coordinates) == "quad":
            raise ValueError("cogvlm writes no quads")
        boxes = ";".join(",".join(f"{number:03d}" for number in one) for one in coordinates)
        if label is None:
            return f"[[{boxes}]]"
        if "[[" in label or "]]" in label:
            raise ValueError(f"the phrase {label!r} holds [[ or ]]: text is neutralised before boxes are written")
        return f"{label} [[{boxes}]]"

    def write_grounded(self, pieces: Sequence[str | Grounded]) -> str:
        return "".join(piece if isinstance(piece, str) else self.write(*piece) for piece in pieces)

    def write_list(self, items: Sequence[Grounded]) -> str:
        """See `Dialect.write_list`: a line each, for nothing marks where a text begins."""
        return "\n".join(self.write(*item) for item in items)

    def read(self, text: str) -> list[Found]:
        return [
            Found(None, "box", tuple(tuple(map(int, one.split(","))) for one in match[1].split(";")))
            for match in _BOXES.finditer(text)
        ]

    def training_text(self, conversation: Conversation, image_tokens: Sequence[int]) -> TrainingText:  # noqa: ARG002
        raise ValueError("no template is kept for cogvlm: pack for another model family")

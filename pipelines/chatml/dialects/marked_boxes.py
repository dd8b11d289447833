"""Phrases and boxes between marks that the tokenizer knows, as Qwen2-VL and InternVL write them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pipelines.chatml.dialects.coordinates import kind_of
from pipelines.chatml.dialects.protocol import Found, Grounded

Marks = tuple[str, str]
"""Start and end."""
NUMBER = "[0-9]{1,6}"
NOTHING = "(?!)"
"""A regular expression that matches nothing."""


@dataclass(frozen=True)
class MarkedBoxes:
    """How a family marks phrases, boxes and quads, and what it writes between the marks of the latter."""

    ref: Marks
    box: Marks
    quad: Marks
    bodies: Callable[[Sequence[Sequence[int]]], list[str]]
    """What stands between each pair of marks for boxes (or quads) of one phrase."""
    box_body: str
    """Regular expression of such a body, without groups that capture."""
    quad_body: str

    def write(self, label: str | None, coordinates: Sequence[Sequence[int]]) -> str:
        """See `Dialect.write`. Raises ValueError for a label that holds one of the marks."""
        start, end = self.box if kind_of(coordinates) == "box" else self.quad
        boxes = "".join(f"{start}{body}{end}" for body in self.bodies(coordinates))
        if label is None:
            return boxes
        for mark in (*self.ref, *self.box, *self.quad):
            if mark in label:
                raise ValueError(f"the phrase {label!r} holds {mark}: text is neutralised before boxes are written")
        return f"{self.ref[0]}{label}{self.ref[1]}{boxes}"

    def write_grounded(self, pieces: Sequence[str | Grounded]) -> str:
        """See `Dialect.write_grounded`: each phrase is marked where it stands and its boxes follow it."""
        return "".join(piece if isinstance(piece, str) else self.write(*piece) for piece in pieces)

    def read(self, text: str) -> list[Found]:
        """See `Dialect.read`. Boxes that follow each other directly belong to one phrase."""
        found = []
        for match in self._pattern.finditer(text):
            kind: Literal["box", "quad"] = "box" if match["box"] else "quad"
            numbers = [int(number) for number in re.findall(NUMBER, match[kind])]
            step = 4 if kind == "box" else 8
            coordinates = tuple(tuple(numbers[at : at + step]) for at in range(0, len(numbers), step))
            found.append(Found(match["label"], kind, coordinates))
        return found

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        ref_start, ref_end = map(re.escape, self.ref)
        label = f"(?:{ref_start}(?P<label>(?:(?!{ref_start}|{ref_end}).)*){ref_end})?"
        boxes, quads = (
            rf"(?P<{kind}>(?:{re.escape(start)}\s*{body}\s*{re.escape(end)})+)"
            for kind, (start, end), body in (("box", self.box, self.box_body), ("quad", self.quad, self.quad_body))
        )
        return re.compile(f"{label}(?:{boxes}|{quads})", re.DOTALL)

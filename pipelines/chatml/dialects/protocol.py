"""What a dialect is: how one model family writes boxes, images and turns, and what an image costs it."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from pipelines.chatml.conversation import Conversation, TrainingText

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Shape = Literal["box", "quad"]


class Budget(NamedTuple):
    """What a processor may spend on an image. A dialect reads what its family has and refuses the other."""

    max_pixels: int | None = None
    """Area, in pixels, that images are shrunk to (Qwen2-VL and later)."""
    max_tiles: int | None = None
    """Tiles of 448 × 448 pixels an image is cut into at most, the thumbnail not counted (InternVL)."""


class Grounded(NamedTuple):
    """A piece of a text with what it shows: a phrase and its boxes or quads, on the dialect's grid."""

    text: str
    coordinates: tuple[tuple[int, ...], ...]
    """One box ``x1 y1 x2 y2``, or quad ``x1 y1 … x4 y4``, each."""


class Found(NamedTuple):
    """Boxes or quads read back from a text, with the phrase they were written for; None where they stood alone."""

    label: str | None
    kind: Shape
    coordinates: tuple[tuple[int, ...], ...]


class Dialect(Protocol):
    """One model family.

    Sizes are arrays of shape (n,) in pixels, each ≥ 1; width and height come in this order. Coordinates are arrays of
    shape (n, 2k), x and y by turns: boxes ``x1 y1 x2 y2`` (k = 2) or quads (k = 4). In a row they are fractions of
    the canonical image (0–1); on the dialect's *grid* they are the whole numbers that the family's texts hold.
    """

    @property
    def name(self) -> str:
        """As recipes spell it."""
        ...

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """Strings that the family's tokenizer or processor reads as something other than text; none holds a space."""
        ...

    @property
    def after_image(self) -> str:
        """What stands between an image and the text behind it."""
        ...

    @property
    def writes_boxes(self) -> bool:
        """Whether the family has a way to write boxes; where not, the methods of grid and boxes raise ValueError."""
        ...

    @property
    def text_shapes(self) -> tuple[Shape, ...]:
        """How lines of text can be marked in an image, the family's own way first; none where it writes no boxes."""
        ...

    def budget(self, asked: Budget) -> Budget:
        """The budget in force: what is asked, or the family's default; all None where the family has none.

        Raises ValueError for a limit that the family does not know, or one too small for it.
        """
        ...

    def budget_each(self, budget: Budget, n_images: int) -> Budget:
        """The budget of each of `n_images` (≥ 1) in one conversation, of a `budget` in force for one alone."""
        ...

    def unfit(self, width: Ints, height: Ints) -> Bools:
        """Which images the family's processor refuses."""
        ...

    def resized(self, width: Ints, height: Ints, budget: Budget) -> tuple[Ints, Ints] | None:
        """Sizes (width, height) that fit images are resized to, without a tiled one's thumbnail; None as below."""
        ...

    def image_tokens(self, width: Ints, height: Ints, budget: Budget) -> Ints | None:
        """Image tokens of fit images, start and end marks not counted; None where the dialect states none."""
        ...

    def to_grid(self, coordinates: Floats, width: Ints, height: Ints, budget: Budget) -> Ints:
        """Fractions to grid, both (n, 2k); never out of the dialect's range.

        Fractions outside 0–1 are clamped, and NaN counts as 0. They may have been stored as float32: where that blurs
        a tie or a whole number, the grid is what the exact fraction gives.
        """
        ...

    def from_grid(self, coordinates: Ints, width: Ints, height: Ints, budget: Budget) -> Floats:
        """Grid to fractions, both (n, 2k): within one step of the grid of what `to_grid` was given."""
        ...

    def write(self, label: str | None, coordinates: Sequence[Sequence[int]]) -> str:
        """Boxes (4 numbers each) or quads (8) on the grid, with the phrase they belong to or without.

        `read` gives them back. ValueError where there are none, or both kinds.
        """
        ...

    def write_grounded(self, pieces: Sequence[str | Grounded]) -> str:
        """A text whose phrases are marked, each followed by, or listed with, its boxes."""
        ...

    def write_list(self, items: Sequence[Grounded]) -> str:
        """Things and where they are, with no text around them: what text stands where in an image."""
        ...

    def read(self, text: str) -> list[Found]:
        """All boxes and quads written in a text, in its order. What is malformed is skipped."""
        ...

    def training_text(self, conversation: Conversation, image_tokens: Sequence[int]) -> TrainingText:
        """The whole text that the model is trained on, and which of it bears loss.

        `image_tokens` holds the tokens of each image in order of appearance (`image_tokens` above). ValueError when
        there are more or fewer images in the conversation, an answer holds one, or the family's template cannot write
        the conversation.
        """
        ...

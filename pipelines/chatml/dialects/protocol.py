"""What a dialect is: how one model family writes images, and what an image costs it."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Dialect(Protocol):
    """One model family. Sizes are arrays of shape (n,) in pixels, each ≥ 1; width and height come in this order."""

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

    def pixel_budget(self, max_pixels: int | None) -> int | None:
        """The budget in force, in pixels: `max_pixels` or the family's default; None where the family has none.

        Raises ValueError when the family has no budget, or none so small.
        """
        ...

    def unfit(self, width: Ints, height: Ints) -> Bools:
        """Which images the family's processor refuses."""
        ...

    def image_tokens(self, width: Ints, height: Ints, max_pixels: int | None) -> Ints | None:
        """Image tokens of fit images, start and end marks not counted; None where the dialect states none."""
        ...

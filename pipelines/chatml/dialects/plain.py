"""The plain dialect: for models that nothing is known of."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipelines.chatml.dialects.protocol import Bools, Ints


@dataclass(frozen=True, slots=True)
class Plain:
    """The image on a line of its own before the text, as LLaVA wrote it and most converters expect it.

    No pixel budget, no image tokens, no shape refused: which processor will read the shard is not known.
    """

    name: ClassVar[str] = "plain"
    special_tokens: ClassVar[tuple[str, ...]] = ("<image>", "<video>", "<audio>", "<s>", "</s>", "<unk>", "<pad>")
    after_image: ClassVar[str] = "\n"

    def pixel_budget(self, max_pixels: int | None) -> int | None:
        if max_pixels is not None:
            raise ValueError("the plain dialect has no pixel budget: leave max_pixels out, or choose a model family")
        return None

    def unfit(self, width: Ints, height: Ints) -> Bools:
        return np.zeros(np.broadcast(width, height).shape, np.bool_)

    def image_tokens(self, width: Ints, height: Ints, max_pixels: int | None) -> Ints | None:  # noqa: ARG002
        return None

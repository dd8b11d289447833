"""What CogVLM and the first Qwen-VL share: images of one size, boxes on a grid of a thousand steps, no template here.

They predate the trainers that shards are made for, so that texts and boxes are theirs, and nothing else is stated.
"""

from typing import ClassVar

import numpy as np

from pipelines.chatml.dialects.coordinates import thousandths
from pipelines.chatml.dialects.protocol import Bools, Budget, Floats, Ints


class OneSize:
    """Every image is stretched to a square of `side` pixels, and costs `tokens`."""

    __slots__ = ()

    name: ClassVar[str]
    side: ClassVar[int]
    tokens: ClassVar[int]
    writes_boxes: ClassVar[bool] = True

    def budget(self, asked: Budget) -> Budget:
        if asked != Budget():
            raise ValueError(f"{self.name} stretches every image to {self.side} pixels: leave out its budget")
        return Budget()

    def budget_each(self, budget: Budget, n_images: int) -> Budget:  # noqa: ARG002
        return self.budget(budget)

    def unfit(self, width: Ints, height: Ints) -> Bools:
        return np.zeros(np.broadcast(width, height).shape, np.bool_)

    def resized(self, width: Ints, height: Ints, budget: Budget) -> tuple[Ints, Ints]:  # noqa: ARG002
        side = np.full(np.broadcast(width, height).shape, self.side)
        return side, side

    def image_tokens(self, width: Ints, height: Ints, budget: Budget) -> Ints:  # noqa: ARG002
        return np.full(np.broadcast(width, height).shape, self.tokens)

    def to_grid(self, coordinates: Floats, width: Ints, height: Ints, budget: Budget) -> Ints:  # noqa: ARG002
        return thousandths(coordinates)

    def from_grid(self, coordinates: Ints, width: Ints, height: Ints, budget: Budget) -> Floats:  # noqa: ARG002
        return np.asarray(coordinates, np.float64) / 1000

"""What InternVL and NVLM share: images in square tiles, and a thumbnail of those that have more than one."""

from typing import ClassVar

import numpy as np

from pipelines.chatml.dialects.protocol import Bools, Budget, Ints
from pipelines.chatml.dialects.tiles import TILE, tile_grid

TOKENS_PER_TILE = 256
"""32 × 32 patches of 14 pixels, pixel shuffle by 0.5."""


class Tiled:
    """Images cut as `tile_grid` says, each tile and the thumbnail 256 tokens."""

    __slots__ = ()

    family: ClassVar[str]
    """Its name in messages."""
    default_tiles: ClassVar[int]
    most_tiles: ClassVar[int]
    writes_boxes: ClassVar[bool] = True

    def budget(self, asked: Budget) -> Budget:
        if asked.max_pixels is not None:
            raise ValueError(f"{self.family} cuts images into tiles: leave max_pixels out, or set max_tiles")
        if asked.max_tiles is None:
            return Budget(max_tiles=self.default_tiles)
        if not 1 <= asked.max_tiles <= self.most_tiles:
            raise ValueError(f"max_tiles is {asked.max_tiles}, but {self.family} cuts 1 to {self.most_tiles} tiles")
        return Budget(max_tiles=asked.max_tiles)

    def budget_each(self, budget: Budget, n_images: int) -> Budget:
        return Budget(max_tiles=max(1, self._most(budget) // n_images))

    def unfit(self, width: Ints, height: Ints) -> Bools:
        return np.zeros(np.broadcast(width, height).shape, np.bool_)

    def resized(self, width: Ints, height: Ints, budget: Budget) -> tuple[Ints, Ints]:
        columns, rows = tile_grid(width, height, self._most(budget))
        return columns * TILE, rows * TILE

    def image_tokens(self, width: Ints, height: Ints, budget: Budget) -> Ints:
        columns, rows = tile_grid(width, height, self._most(budget))
        tiles = columns * rows
        thumbnail = tiles > 1
        return TOKENS_PER_TILE * (tiles + thumbnail)

    def _most(self, budget: Budget) -> int:
        return budget.max_tiles or self.default_tiles

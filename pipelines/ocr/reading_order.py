"""The order in which the lines of an image are read."""

import numpy as np

from pipelines.ocr.quads import Floats


def reading_order(quads: Floats) -> tuple[list[int], list[int]]:
    """Where the lines with these quads (n, 4, 2; pixels) come in reading order, and each line's block, by place."""
    middles = quads.mean(1)
    order = np.lexsort((middles[:, 0], middles[:, 1])).tolist()
    return order, [0] * len(order)

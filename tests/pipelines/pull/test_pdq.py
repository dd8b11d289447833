"""PDQ hashes are bit for bit those of the reference implementation, so that lists made with it match."""

import numpy as np
import pytest

from pipelines.pull.pdq import pdq, pdq_of_file
from tests.pipelines.pull.pictures import Pixels, file, textured


def hills(height: int, width: int) -> Pixels:
    """A picture in whole numbers, the same wherever it is drawn."""
    y, x = np.mgrid[:height, :width]
    slope = (x * x // 7 + y * y // 11 + 3 * y * y // 17) // (width // 8 + 1)
    return np.asarray(np.abs(slope % 511 - 255), np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "expected", "quality"),
    [
        (512, 512, "8b6412cb35962b394a7656e9d596a9a98956aaac555b52d4aaa954ab555b5553", 100),
        (300, 200, "a957aaac5a9b56b655a5556a5551aa52aa95aaaa5554aaab354a555555555555", 100),
        (77, 65, "997d6e20665566951455fe6a9e6a11dd967766556615659d601566e56e151855", 27),
        (40, 300, "feeedab5b52a0115350a4a95352acad5cfea4a95852a4a95956a4a95b56a6ad5", 69),
    ],
)
def test_it_agrees_with_the_reference(height: int, width: int, expected: str, quality: int) -> None:
    """Expected values: pdqhash 0.2.8, which binds the reference implementation."""
    hashed, found = pdq(hills(height, width))
    assert (hashed.hex(), found) == (expected, quality)


def test_a_flat_picture_has_no_quality() -> None:
    assert pdq(np.full((90, 90), 120, np.uint8))[1] == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (3, 5)])
def test_any_picture_has_a_hash(shape: tuple[int, int]) -> None:
    assert len(pdq(np.zeros(shape, np.uint8))[0]) == 32


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_picture_has_nearly_one_hash_in_every_size_and_format(kind: str) -> None:
    (one, _), (other, _) = (
        pdq_of_file(file(textured(2000, 1333), "JPEG"), "jpeg"),
        pdq_of_file(file(textured(600, 400), kind), kind.lower()),
    )
    assert (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count() <= 20

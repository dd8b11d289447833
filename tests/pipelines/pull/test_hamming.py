"""The indexes find what comparing everything with everything would find."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.pull.hamming import DigestSet, HammingIndex

Widths = st.sampled_from([8, 16, 32])


def array_of(hashes: list[bytes]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(hashes), np.uint8).reshape(len(hashes), -1)


def flipped(hashed: bytes, bits: list[int]) -> bytes:
    number = int.from_bytes(hashed, "big")
    for bit in bits:
        number ^= 1 << bit
    return number.to_bytes(len(hashed), "big")


@settings(max_examples=200, deadline=None)
@given(st.data(), Widths, st.integers(0, 40))
def test_a_hash_is_found_up_to_its_distance_and_no_further(data: st.DataObject, width: int, distance: int) -> None:
    hashes = data.draw(st.lists(st.binary(min_size=width, max_size=width), min_size=1, max_size=20))
    index = HammingIndex(array_of(hashes), distance)
    bits = data.draw(st.lists(st.integers(0, 8 * width - 1), unique=True, max_size=min(distance + 3, 8 * width)))
    wanted = flipped(data.draw(st.sampled_from(hashes)), bits)
    apart = min((int.from_bytes(wanted, "big") ^ int.from_bytes(known, "big")).bit_count() for known in hashes)
    assert index.has_near(wanted) == (apart <= distance)
    bits_apart = [int.from_bytes(hashed, "big") ^ int.from_bytes(wanted, "big") for hashed in hashes]
    nearest = min((bits.bit_count(), row) for row, bits in enumerate(bits_apart))
    assert index.nearest(wanted) == (nearest[::-1] if nearest[0] <= distance else None)


@pytest.mark.parametrize(("width", "distance"), [(8, 4), (8, 8), (32, 31), (32, 40)])
def test_nothing_is_missed_among_many(width: int, distance: int) -> None:
    random = np.random.default_rng(width + distance)
    hashes = random.integers(0, 256, (20_000, width), np.uint8)
    index = HammingIndex(hashes, distance)
    for row in random.integers(0, len(hashes), 60):
        bits = random.choice(8 * width, distance, replace=False).tolist()
        assert index.has_near(flipped(hashes[row].tobytes(), bits))
    assert not any(index.has_near(random.bytes(width)) for _ in range(20))


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1), st.binary(min_size=32, max_size=32))
def test_a_digest_is_in_its_set_or_not(digests: list[bytes], other: bytes) -> None:
    known = DigestSet(array_of(digests))
    assert all(digest in known for digest in digests)
    assert (other in known) == (other in digests)


def test_digests_that_begin_alike_are_told_apart() -> None:
    one, other = bytes(32), bytes(8) + b"\1" * 24
    assert other not in DigestSet(array_of([one] * 3))

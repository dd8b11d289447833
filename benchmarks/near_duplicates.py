"""Near duplicates among millions of random hashes, in which pairs are planted: time, memory, and whether all are found.

    python -m benchmarks.near_duplicates [--hashes 5000000] [--distance 4]

A tenth of the hashes are planted copies that differ from another hash in 0 to `distance` bits, and another tenth in one
bit more, which must stay. What is refused beyond the planted copies must be within the distance by chance, and every
such row is checked. Prints one line of JSON; goals for 5 million: 120 s and 2 GB.
"""

import argparse
import json
import os
import resource
import time

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.sets.near_duplicates import NearDuplicates

Hashes = NDArray[np.uint64]


def flipped(hashes: Hashes, bits: int, random: np.random.Generator) -> Hashes:
    """Each hash with so many different bits changed."""
    left = np.tile(np.arange(64, dtype=np.uint8), (len(hashes), 1))
    places = random.permuted(left, axis=1)[:, :bits].astype(np.uint64)
    return hashes ^ np.bitwise_or.reduce(np.uint64(1) << places, axis=1, initial=np.uint64(0))


def planted(n: int, distance: int, seed: int = 0) -> tuple[Hashes, NDArray[np.int64]]:
    """`n` hashes, those of the copies last, and for each the row it was copied from within the distance, or -1."""
    random = np.random.default_rng(seed)
    copies = n // 10 // (distance + 1) * (distance + 1)
    base = random.integers(0, 2**64 - 1, n - 2 * copies, np.uint64, endpoint=True)
    of = random.permutation(len(base))[: 2 * copies]
    near = np.concatenate(
        [flipped(some, bits, random) for bits, some in enumerate(np.split(base[of[:copies]], distance + 1))]
    )
    far = flipped(base[of[copies:]], distance + 1, random)
    source = np.concatenate([np.full(len(base), -1), of[:copies], np.full(copies, -1)])
    return np.concatenate([base, near, far]), source


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hashes", type=int, default=5_000_000)
    parser.add_argument("--distance", type=int, default=4)
    given = parser.parse_args()
    hashes, source = planted(given.hashes, given.distance)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    rule = NearDuplicates(distance=given.distance)
    rows = pa.table({"id": np.arange(len(hashes)), "phash": hashes})
    wall, cpu = time.perf_counter(), time.process_time()
    refused = rule.decide(rule.keys(rows))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    found, survivor = refused["id"].to_numpy(), refused["duplicate_of"].to_numpy()
    expected = np.flatnonzero(source >= 0)
    missed = np.setdiff1d(expected, found)
    beyond = source[found] < 0
    apart = np.bitwise_count(hashes[found[beyond]] ^ hashes[survivor[beyond]])
    print(
        json.dumps(
            {
                "hashes": len(hashes),
                "distance": given.distance,
                "planted": len(expected),
                "missed": len(missed),
                "of_another_survivor": int((survivor != source[found])[~beyond].sum()),
                "beyond_planted_within_distance": int((apart <= given.distance).sum()),
                "false": int((apart > given.distance).sum()),
                "wall_s": round(wall, 1),
                "cpu_s": round(cpu, 1),
                "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6),
                "peak_rss_before_mb": round(before / 1e6),
                "load": round(os.getloadavg()[0], 1),
            }
        )
    )


if __name__ == "__main__":
    main()

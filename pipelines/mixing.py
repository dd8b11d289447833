"""A hash of whole numbers, for choices that must be the same everywhere and always."""

import numpy as np
import numpy.typing as npt
import xxhash

Hashes = npt.NDArray[np.uint64]


def mixed(values: npt.NDArray[np.uint64], salt: str) -> Hashes:
    """One 64-bit hash for each of `values`, shape as they; different values have different hashes.

    The finaliser of SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014),
    which is a bijection, of the value and a hash of `salt`.
    """
    hashes = values ^ np.uint64(xxhash.xxh64_intdigest(salt.encode()))
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(hashes ^ (hashes >> np.uint64(31)), np.uint64)

"""Disjoint sets: whatever the pairs and the order they come in, each set goes by its smallest member."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.sets.forest import Forest

N = 40
PAIRS = st.lists(st.lists(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)), max_size=30), max_size=4)


def one_by_one(batches: list[list[tuple[int, int]]]) -> list[int]:
    names = list(range(N))
    for one, other in (pair for batch in batches for pair in batch):
        low, high = sorted((names[one], names[other]))
        names = [low if name == high else name for name in names]
    return names


@given(PAIRS)
@settings(deadline=None)
def test_many_pairs_at_a_time_join_what_single_ones_join(batches: list[list[tuple[int, int]]]) -> None:
    forest = Forest(np.arange(N, dtype=np.int32))
    for batch in batches:
        pairs = np.array(batch, np.int64).reshape(-1, 2)
        forest.join(pairs[:, 0], pairs[:, 1])
        forest.settle()
    assert forest.roots.tolist() == one_by_one(batches)


def test_a_long_chain_is_one_set() -> None:
    n = 2_000_000  # more pairs than are noted before they are joined
    order = np.random.default_rng(0).permutation(n)
    forest = Forest(np.arange(n, dtype=np.int32))
    forest.join(order[1:], order[:-1])
    assert not forest.roots.any()

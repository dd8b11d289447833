"""Holding out a share of the rows, whole groups at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sets.holdout import held_out

GROUPS = st.lists(st.integers(0, 30), min_size=1, max_size=200).map(lambda names: np.array(names, np.uint64))
SHARES = st.floats(0.01, 0.5)


@given(GROUPS, SHARES, st.integers(0, 3))
def test_a_group_is_on_one_side(groups: np.ndarray, share: float, seed: int) -> None:
    chosen = held_out(groups, share, seed)
    assert not set(groups[chosen].tolist()) & set(groups[~chosen].tolist())


@given(GROUPS, SHARES, st.randoms(use_true_random=False))
def test_the_order_of_rows_plays_no_part(groups: np.ndarray, share: float, random: "np.random.Generator") -> None:
    order = list(range(len(groups)))
    random.shuffle(order)  # type: ignore[arg-type]
    np.testing.assert_array_equal(held_out(groups, share, 0)[order], held_out(groups[order], share, 0))


@given(GROUPS, SHARES)
def test_never_more_than_twice_the_share_is_held_out_and_never_everything(groups: np.ndarray, share: float) -> None:
    chosen = held_out(groups, share, 0)
    assert chosen.sum() <= max(2 * round(share * len(groups)), 1)
    assert not chosen.all()


def test_where_no_group_is_small_enough_one_that_is_nearly_so_is_taken() -> None:
    groups = np.repeat(np.arange(10), 3).astype(np.uint64)
    assert {int(held_out(groups, 0.06, seed).sum()) for seed in range(20)} == {3}
    assert len({tuple(held_out(groups, 0.06, seed).tolist()) for seed in range(20)}) > 1


def test_where_all_groups_are_far_too_large_nothing_is_held_out() -> None:
    groups = np.repeat([0, 1], [5000, 5001]).astype(np.uint64)
    assert not held_out(groups, 0.01, 0).any()


@pytest.mark.parametrize("share", [0.001, 0.01, 0.2, 0.5])
def test_the_share_is_met_where_groups_are_small(share: float) -> None:
    groups = np.random.default_rng(5).integers(0, 60_000, 100_000).astype(np.uint64)
    assert held_out(groups, share, 0).sum() == pytest.approx(share * 100_000, abs=1)


def test_one_crowd_of_alike_pictures_does_not_become_the_whole_split() -> None:
    groups = np.concatenate([np.zeros(80), np.arange(1, 921)]).astype(np.uint64)
    for seed in range(20):
        chosen = held_out(groups, 0.1, seed)
        assert chosen.sum() == 100
        assert not chosen[:80].any()


def test_a_seed_chooses_other_groups() -> None:
    groups = np.arange(1000, dtype=np.uint64)
    assert (held_out(groups, 0.1, 0) != held_out(groups, 0.1, 1)).any()


def test_no_share_holds_out_nothing() -> None:
    assert not held_out(np.arange(10, dtype=np.uint64), 0.0, 0).any()

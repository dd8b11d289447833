"""Near duplicates: the lowest id of each group survives, and nothing that differs is merged."""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.near_duplicate_quality import COPIES, FAITHFUL, PHOTOGRAPHIC, measure, merged, recall
from pipelines.sets.near_duplicates import NearDuplicates
from pipelines.sets.near_groups import near_groups

A, B = 0x0123456789ABCDEF, 0xFEDCBA9876543210
"""All of their bits differ."""


def table(rows: dict[int, int | None]) -> pa.Table:
    """Ids and perceptual hashes, in two chunks."""
    whole = pa.table({"id": pa.array(list(rows), pa.int64()), "phash": pa.array(list(rows.values()), pa.uint64())})
    return pa.concat_tables([whole.slice(0, len(rows) // 2), whole.slice(len(rows) // 2)])


def refused(rows: dict[int, int | None], distance: int = 4) -> dict[int, int]:
    """Survivor by refused id."""
    rule = NearDuplicates(distance=distance)
    found = rule.decide(rule.keys(table(rows))).to_pylist()
    assert {row["reason"] for row in found} <= {"near_duplicate"}
    assert all(row["value"] == row["duplicate_of"] for row in found)
    return {row["id"]: row["duplicate_of"] for row in found}


def test_a_picture_within_the_distance_of_one_of_lower_id_is_refused() -> None:
    assert refused({3: A, 1: A ^ 0b1111, 2: A ^ 0b11111 << 20}) == {3: 1}


def test_a_chain_of_copies_is_one_group_which_goes_by_its_lowest_id() -> None:
    assert refused({7: A, 8: A ^ 0xF, 9: A ^ 0xFF, 5: B}) == {8: 7, 9: 7}
    assert refused({7: A, 9: A ^ 0xFF, 5: B}) == {}


def test_a_row_without_a_hash_is_kept_and_bears_on_nothing() -> None:
    assert refused({1: None, 2: None, 3: 0}) == {}


def test_at_distance_0_only_equal_hashes_are_duplicates() -> None:
    assert refused({1: A, 2: A ^ 1, 3: A}, distance=0) == {3: 1}


@given(
    st.lists(st.tuples(st.sampled_from([A, B]), st.integers(0, 2**10 - 1)), max_size=30),
    st.integers(0, 8),
    st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_who_survives_follows_from_ids_and_hashes_alone(
    made: list[tuple[int, int]], distance: int, shuffler: random.Random
) -> None:
    rows = {7 * number: base ^ flips for number, (base, flips) in enumerate(made)}
    names = near_groups(np.array(list(rows.values()), np.uint64), distance).tolist()
    survivors: dict[int, int] = {}
    expected = {
        row: survivors[name] for row, name in zip(rows, names, strict=True) if survivors.setdefault(name, row) != row
    }
    shuffled = list(rows.items())
    shuffler.shuffle(shuffled)
    assert refused(dict(shuffled), distance) == expected


def check_quality(distinct: int) -> None:
    hashes, distance = measure(PHOTOGRAPHIC, distinct), NearDuplicates().distance
    assert merged(hashes, distance) == 0
    found = recall(hashes, tuple(COPIES), distance)
    assert min(found[name] for name in FAITHFUL) >= 0.97
    assert found["grey-scaled"] >= 0.97
    assert found["watermarked"] >= 0.9


def test_copies_are_found_and_distinct_pictures_kept_apart() -> None:
    check_quality(24)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_copies_are_found_among_two_thousand_distinct_pictures() -> None:
    check_quality(2000)

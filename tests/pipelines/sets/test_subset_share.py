"""A share of the set has several boxes, and no more rows are given up for it than need be."""

import random
from fractions import Fraction

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sets.subset_share import SubsetShare
from schemas.tables import REGION

Box = tuple[float, float, float, float]


def box(number: int) -> Box:
    return (0.0, 0.0, (number + 1) / 10, 0.5)


def table(rows: dict[int, list[Box | None] | None]) -> pa.Table:
    regions = [None if boxes is None else [{"box": one} for one in boxes] for boxes in rows.values()]
    columns = [pa.array(list(rows), pa.int64()), pa.array(regions, pa.list_(REGION))]
    return pa.table([pa.chunked_array([column]) for column in columns], ["id", "regions"])


def counted(counts: dict[int, int]) -> pa.Table:
    return table({row: [box(number) for number in range(n)] for row, n in counts.items()})


def refused(rule: SubsetShare, rows: pa.Table) -> dict[int, float]:
    found = rule.decide(rule.keys(rows)).to_pylist()
    assert {row["reason"] for row in found} <= {"subset_share"}
    return {row["id"]: row["value"] for row in found}


def test_over_three_quarters_is_more_than_three_of_four() -> None:
    counts = {0: 2, 1: 3, 2: 2, 3: 1}
    assert refused(SubsetShare(), counted(counts)) == {3: 0.75}
    assert refused(SubsetShare(), counted({**counts, 4: 2})) == {}


def test_only_rows_with_too_few_boxes_are_given_up() -> None:
    counts = {row: 2 if row < 30 else row % 2 for row in range(100)}
    left = set(counts) - set(refused(SubsetShare(), counted(counts)))
    assert left > set(range(30))
    assert len(left) == 39  # 30 / 39 is over 0.75, 30 / 40 is not


def test_boxes_are_counted_once_and_missing_ones_not_at_all() -> None:
    rows: dict[int, list[Box | None] | None] = {
        0: [box(1), box(1)],
        1: [box(1), box(2)],
        2: [box(1), None],
        3: None,
        4: [],
        5: [box(0), box(1), box(2)],
    }
    assert set(refused(SubsetShare(over=0.99), table(rows))) == {0, 2, 3, 4}


def test_where_no_row_has_enough_none_is_left() -> None:
    assert set(refused(SubsetShare(), counted({0: 1, 1: 0}))) == {0, 1}
    assert refused(SubsetShare(), counted({})) == {}


def test_the_seed_chooses() -> None:
    counts = {row: 2 * (row % 2) for row in range(200)}
    assert set(refused(SubsetShare(), counted(counts))) != set(refused(SubsetShare(seed=1), counted(counts)))


@given(
    st.dictionaries(st.integers(0, 10_000), st.integers(0, 3), max_size=60),
    st.floats(0, 0.99).map(lambda share: round(share, 3)),
    st.randoms(use_true_random=False),
)
def test_the_property_holds_and_one_row_more_would_break_it(
    counts: dict[int, int], over: float, shuffler: random.Random
) -> None:
    rule = SubsetShare(over=over)
    gone = refused(rule, counted(counts))
    enough = sum(n >= 2 for n in counts.values())
    left = len(counts) - len(gone)
    assert all(counts[row] < 2 for row in gone)
    exact = Fraction(str(over))
    assert not left or Fraction(enough, left) > exact
    assert not gone or Fraction(enough, left + 1) <= exact
    shuffled = list(counts.items())
    shuffler.shuffle(shuffled)
    assert refused(rule, counted(dict(shuffled))) == gone

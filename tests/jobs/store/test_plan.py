"""Part boundaries: pinned once, only ever extended."""

from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from jobs.store.plan import Generations, Part, Plan, Window
from schemas.layout import RunLayout


def plan_of(*rows: int, part_rows: int = 8) -> Plan:
    """A plan over windows of so many rows, no parts yet."""
    plan = Plan("key", 0, part_rows, "source", ())
    first = 0
    for n in rows:
        name = f"window-{len(plan.windows):06d}.parquet"
        plan = plan.with_windows([Window(name, n, 0, "", first)], [])
        first += n
    return plan


def ids(parts: tuple[Part, ...]) -> list[int]:
    return [row for part in parts for row in range(part.first_id or 0, (part.first_id or 0) + part.rows)]


windows = st.lists(st.integers(1, 40), min_size=1, max_size=4)


@given(windows, st.lists(st.integers(1, 200), max_size=5))
def test_parts_cover_what_was_asked_for_whatever_was_asked_before(rows: list[int], limits: list[int]) -> None:
    plan = plan_of(*rows)
    for limit in limits:
        before = plan.parts
        plan = plan.extend(limit)
        assert plan.parts[: len(before)] == before
    plan = plan.extend(None)
    assert ids(plan.parts) == list(range(sum(rows)))
    assert [part.number for part in plan.parts] == list(range(len(plan.parts)))


@given(windows, st.integers(1, 200))
def test_a_part_lies_within_one_row_group(rows: list[int], limit: int) -> None:
    plan = plan_of(*rows).extend(limit).extend(None)
    assert all(0 < part.rows <= 8 - part.offset for part in plan.parts)
    assert all(
        a.window != b.window or (a.row_group, a.offset) < (b.row_group, b.offset) for a, b in pairwise(plan.parts)
    )


def test_a_limit_cuts_a_part_and_the_rest_of_it_becomes_the_next() -> None:
    limited = plan_of(20).extend(10)
    assert [part.rows for part in limited.parts] == [8, 2]
    assert [part.rows for part in limited.extend(None).parts] == [8, 2, 6, 4]


def test_a_smaller_limit_takes_nothing_back() -> None:
    plan = plan_of(20).extend(None)
    assert plan.extend(3) == plan


@given(windows)
def test_the_part_of_a_row_holds_it(rows: list[int]) -> None:
    plan = plan_of(*rows).extend(5).extend(None)
    for row in range(sum(rows)):
        part = plan.part_of(row)
        assert part.first_id is not None
        assert part.first_id <= row < part.first_id + part.rows


def test_it_is_saved_whole(tmp_path: Path) -> None:
    plan = plan_of(20, 5).extend(13)
    plan.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == plan


def retried(plan: Plan, layout: RunLayout, rows: list[int], generation: int = 1) -> Plan:
    name = f"retry-{len(plan.windows):06d}.parquet"
    layout.input.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": rows}), layout.window(name), row_group_size=plan.part_rows)
    return plan.with_retry(Window(name, len(rows), generation, "", None))


def test_the_latest_generation_of_a_row_wins(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path)
    plan = retried(plan_of(20).extend(None), layout, [1, 9, 10])
    plan = retried(plan, layout, [9, 19], generation=2)
    generations = Generations(plan, layout)
    gone = {part.number: generations.superseded(part).tolist() for part in plan.parts}
    assert gone == {0: [1], 1: [9, 10], 2: [19], 3: [9], 4: []}


def test_a_range_of_ids_names_the_parts_of_every_generation(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path)
    plan = retried(plan_of(24).extend(None), layout, list(range(0, 24, 2)))
    generations = Generations(plan, layout)
    assert [part.number for part in generations.parts_with(9, 15)] == [1, 3]
    assert [part.number for part in generations.parts_with(15, 17)] == [1, 2, 4]
    assert generations.parts_with(5, 5) == []

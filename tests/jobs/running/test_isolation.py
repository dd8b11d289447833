"""The search for rows that kill their worker, played with workers that die on known rows."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.running.isolation import Isolation


@dataclass(frozen=True)
class Job:
    """The fields of a part's job that the search sets."""

    poison: tuple[int, ...] = ()
    only: tuple[int, ...] | None = None


def search(rows: range, dies: object, limit: int = 10_000) -> tuple[set[int] | None, int]:
    """The rows given up, and how many workers it took; `dies` says whether a worker dies on a set of rows."""
    isolation = Isolation(Job(), tuple(rows))
    for tried in range(1, limit):
        job = isolation.next_job()
        run = set(rows if job.only is None else job.only) - set(job.poison)
        if dies(run):
            isolation.died()
            if isolation.is_hopeless:
                return None, tried
        elif isolation.survived():
            return set(job.poison), tried
    raise AssertionError("the search did not end")


@given(st.integers(1, 64).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), max_size=4))))
def test_exactly_the_rows_that_kill_are_given_up(case: tuple[int, set[int]]) -> None:
    n, poison = case
    given_up, _ = search(range(n), lambda run: bool(run & poison))
    assert given_up == poison


def test_a_worker_killed_once_by_somebody_else_costs_one_more_try() -> None:
    deaths = iter([True])
    assert search(range(512), lambda _: next(deaths, False)) == (set(), 1 + 1 + 2 + 1)


def test_one_row_of_512_is_found_in_a_bounded_number_of_workers() -> None:
    _, tried = search(range(512), lambda run: 300 in run)
    assert tried <= 3 + 2 * 9


def test_rows_that_kill_only_together_are_all_given_up() -> None:
    given_up, _ = search(range(8), lambda run: len(run) > 4)
    assert given_up == set(range(8))


@pytest.mark.parametrize("rows", [0, 1, 512])
def test_a_worker_that_dies_whatever_the_rows_blames_none_of_them(rows: int) -> None:
    assert search(range(rows), lambda _: True) == (None, 2)

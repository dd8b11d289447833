"""What shows that a collapse has passed: rows that were asked, and not those whose host was left alone."""

import pytest

from jobs.running.collapse import Collapse
from jobs.store.commit import Commit
from pipelines.recipe import RunSpec


@pytest.mark.parametrize(
    ("counts", "has_passed"),
    [
        ({"kept": 512}, True),
        ({"pull/connect": 512}, False),
        ({"pull/host_paused": 512}, False),
        ({"pull/host_paused": 500, "pull/connect": 12}, False),
        ({"pull/host_paused": 500, "pull/connect": 6, "kept": 6}, True),
        ({"pull/http_gone": 512}, True),
    ],
)
def test_a_probe_is_judged_by_the_rows_that_were_asked(counts: dict[str, int], has_passed: bool) -> None:
    assert Collapse(RunSpec()).has_passed(Commit(0, 1, "", "", {}, counts), "pull/connect") == has_passed

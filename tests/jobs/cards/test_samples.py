"""The rows that a card shows: kept ones, dropped ones by turns from each reason, the same every time."""

from collections.abc import Iterator

import pytest

from jobs.cards.samples import samples
from jobs.commands import saved
from jobs.retry import RetryOptions, retry
from tests.support.runs import Case, urls
from tests.support.web import Web


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """A finished run with more of everything than a card shows."""
    with Web() as web:
        case = Case(web, tmp_path_factory.mktemp("samples"), urls(web, image=60, wide=60, gone=5, small=2))
        assert case.run() == 0
        yield case


def test_kept_and_dropped_rows_are_shown_with_what_became_of_them(case: Case) -> None:
    found = samples(saved(case.run_folder))
    assert len(found.kept) == len(found.dropped) == 24
    assert {tile.outcome for tile in found.kept} == {"kept"}
    assert all(tile.thumbnail is not None for tile in found.kept)
    assert [tile.id for tile in found.kept] == sorted({tile.id for tile in found.kept})
    reasons = [tile.reason for tile in found.dropped]
    assert {reason: reasons.count(reason) for reason in reasons} == {"aspect_ratio": 17, "http_gone": 5, "min_side": 2}


def test_the_same_run_shows_the_same_rows(case: Case) -> None:
    assert samples(saved(case.run_folder)) == samples(saved(case.run_folder))


def test_a_row_that_was_tried_again_is_shown_once(web: Web, tmp_path_factory: pytest.TempPathFactory) -> None:
    case = Case(web, tmp_path_factory.mktemp("again"), urls(web, image=3, gone=2))
    case.run()
    assert retry(RetryOptions(case.run_folder, ("http_gone",), run=True, engine="inline")) == 0
    found = samples(saved(case.run_folder))
    assert len(found.kept) == 3
    assert len({tile.id for tile in found.dropped}) == len(found.dropped) == 2

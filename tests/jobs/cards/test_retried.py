"""A card counts rows that were tried again in their latest generation alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from data_cards.card_json import parse
from data_cards.facts import CardFacts
from jobs.retry import RetryOptions
from jobs.retry import retry as retry_rows
from tests.support.runs import Case, urls
from tests.support.web import Web

LAME = "127.0.1.1"


@pytest.fixture
def web() -> Iterator[Web]:
    with Web(hosts=1) as served:
        yield served


def card(case: Case) -> CardFacts:
    return parse((case.run_folder / "dataset/card.json").read_text("utf-8"))


def test_rows_that_came_through_at_last_are_counted_once(web: Web, tmp_path: Path) -> None:
    web.down = {LAME}
    case = Case(web, tmp_path, [*urls(web, image=20, gone=3), *(web.url("q60", n, LAME) for n in range(12))])
    assert case.run("run.second_pass=false") == 0
    before = card(case)
    web.down = set()
    assert retry_rows(RetryOptions(case.run_folder, run=True, engine="inline")) == 0
    after = card(case)
    for facts, came in ((before, 20), (after, 32)):
        sides, captions = facts.histogram("shorter_side"), facts.histogram("input_caption_characters")
        assert sides is not None
        assert captions is not None
        assert (sides.total, sum(sides.kept or ())) == (came, came)
        assert (captions.total, sum(captions.kept or ())) == (35, came)
        assert sum(source.rows for source in facts.sources) == came
        assert {host.name: host.rows - host.kept for host in facts.hosts} == (
            {"127.0.0.1": 3, LAME: 12} if came == 20 else {"127.0.0.1": 3}
        )

"""The rows that a card shows: kept ones, dropped ones by turns from each reason, the same every time."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.cards.samples import samples
from jobs.commands import saved
from jobs.retry import RetryOptions, retry
from tests.support.runs import RECIPE, Case, urls
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


def test_what_is_unfit_is_not_shown(web: Web, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("unfit")
    addresses = urls(web, image=4, wide=3, small=3)
    rows = {"url": addresses, "caption": ["a caption"] * 10, "punsafe": [0.9, None, *[0.1] * 8]}
    pq.write_table(pa.table(rows), folder / "pairs.parquet")
    recipe = RECIPE.replace(
        "  - stage: min_side", "  - stage: score\n    column: punsafe\n    below: 0.5\n  - stage: min_side"
    )
    case = Case(web, folder, addresses, recipe=recipe)
    assert case.run() == 0
    shown = {tile.reason: tile for tile in samples(saved(case.run_folder)).dropped}
    assert shown.keys() == {"score", "missing_value", "aspect_ratio", "min_side"}
    for unjudged in ("score", "missing_value", "aspect_ratio"):
        assert (shown[unjudged].thumbnail, shown[unjudged].captions, shown[unjudged].address) == (None, (), "")
    assert shown["min_side"].thumbnail is not None


def test_what_stages_say_of_ports_and_files_is_left_to_show(web: Web, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("told")
    addresses = [*urls(web, image=2), "http://127.0.0.1:1/refused.png"]
    captions = ["a plain caption", "a word too many, and one more", "a caption"]
    pq.write_table(pa.table({"url": addresses, "caption": captions}), folder / "pairs.parquet")
    words = folder / "words.txt"
    words.write_text("many\n")
    recipe = RECIPE.replace("  - stage: min_side", f"  - {{stage: lexicon, lists: [{words}]}}\n  - stage: min_side")
    case = Case(web, folder, addresses, recipe=recipe)
    assert case.run() == 0
    found = samples(saved(case.run_folder)).dropped
    assert {tile.reason for tile in found} == {"connect", "lexicon"}
    assert all(tile.detail is None for tile in found)
    assert str(folder) not in repr(found)
    assert any("words.txt (SHA-256 " in bound for tile in found for _, bound in tile.thresholds)

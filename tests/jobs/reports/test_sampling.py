"""Samples are uniform, seeded, and do not depend on how a run was cut into parts."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from jobs.commands import saved
from jobs.reports.sampling import Question, Sample, ranks, sample
from tests.support.runs import Case, urls
from tests.support.web import Web


def test_ranks_are_those_of_the_published_generator() -> None:
    # SplitMix64 started with 1234567 gives these first outputs; ids and seeds are mixed by it once more
    first = int(ranks(np.array([0]), 1234567)[0])
    start = 6457827717110365317
    mask = (1 << 64) - 1
    z = (start + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    assert first == z ^ (z >> 31)


def test_every_row_is_drawn_about_equally_often() -> None:
    ids = np.arange(1000)
    counts = np.zeros(1000)
    for seed in range(400):
        counts[np.argsort(ranks(ids, seed))[:100]] += 1
    # 40 of 400 expected, standard deviation 6
    assert abs(counts.mean() - 40) < 1e-9
    assert counts.min() > 12
    assert counts.max() < 72
    assert 5 < counts.std() < 7
    low, high = counts[:500].sum(), counts[500:].sum()
    assert abs(low - high) < 1000


@pytest.mark.parametrize("cuts", [[1000], [1, 999], [500, 500], [100] * 10, [7] * 142 + [6]])
def test_a_reservoir_does_not_depend_on_the_parts(cuts: list[int]) -> None:
    ids = np.arange(1000)
    found, at = Sample(50), 0
    part: Any = None
    for rows in cuts:
        piece = ids[at : at + rows]
        found.offer(piece, ranks(piece, 3), part, part)
        at += rows
    assert found.matching == 1000
    assert [row.id for row in found.drawn()] == sorted(ids[np.argsort(ranks(ids, 3))[:50]].tolist())


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    with Web() as web:
        kinds = urls(web, image=40, wide=30, gone=10, flaky=6, small=8, copy=3, broken=4)
        case = Case(web, tmp_path_factory.mktemp("sampling"), kinds)
        assert case.run() == 0
        yield case


def truth(case: Case, reason: str | None) -> set[int]:
    """Ids by reason, None for kept ones, of the last generation, straight from the layers."""
    last: dict[int, str | None] = {}
    for layer in ("layers/pull", "layers/filter", "sets/exact_duplicates", "layers/pack"):
        for file in sorted((case.run_folder / layer).glob("*.parquet")):
            for row in pq.read_table(file, columns=["id", "reason"]).to_pylist():
                last[row["id"]] = row["reason"]
    return {row for row, why in last.items() if why == reason}


def drawn(case: Case, ask: Question, n: int = 1000, seed: int = 0) -> tuple[set[int], int]:
    (found,) = sample(saved(case.run_folder), [ask], n, seed)
    return {row.id for row in found.drawn()}, found.matching


@pytest.mark.parametrize("reason", ["aspect_ratio", "http_gone", "min_side", "http_error", "duplicate_image"])
def test_it_finds_just_the_rows_of_a_reason_each_once(case: Case, reason: str) -> None:
    expected = truth(case, reason)
    assert expected
    assert drawn(case, Question(frozenset([reason]))) == (expected, len(expected))


def test_it_finds_just_the_kept_rows_those_of_a_second_pass_among_them(case: Case) -> None:
    expected = truth(case, None)
    assert len(expected) == 40 + 6 + 1
    assert drawn(case, Question()) == (expected, len(expected))


def test_a_stage_keeps_what_later_stages_refuse(case: Case) -> None:
    by_pull, _ = drawn(case, Question(stage="pull"))
    by_ratio, _ = drawn(case, Question(stage="aspect_ratio"))
    by_side, _ = drawn(case, Question(stage="min_side"))
    assert by_pull - by_ratio == truth(case, "aspect_ratio")
    assert by_ratio - by_side == truth(case, "min_side")
    assert by_side - truth(case, None) == truth(case, "duplicate_image")
    assert drawn(case, Question(frozenset(["aspect_ratio"]), "min_side")) == (set(), 0)


def test_same_seed_same_rows_and_a_larger_sample_holds_the_smaller(case: Case) -> None:
    ask = Question(frozenset(["aspect_ratio"]))
    ten, matching = drawn(case, ask, 10)
    assert (len(ten), matching) == (10, 30)
    assert drawn(case, ask, 10)[0] == ten
    assert drawn(case, ask, 20)[0] > ten
    assert drawn(case, ask, 10, seed=1)[0] != ten
    ids = np.array(sorted(truth(case, "aspect_ratio")))
    assert ten == set(ids[np.argsort(ranks(ids, 0))[:10]].tolist())


def test_a_run_that_ends_early_shows_what_its_last_hop_kept(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, urls(web, image=12, wide=5))
    case.run(until="pull")
    assert len(drawn(case, Question())[0]) == 17


def test_parts_that_are_no_longer_valid_are_left_out(case: Case, tmp_path: Path) -> None:
    shutil.copytree(case.run_folder, tmp_path / "run")
    file = min((tmp_path / "run/layers/pull").glob("part-*"))
    file.write_bytes(file.read_bytes() + b"x")
    state = saved(tmp_path / "run")
    left = {row.id for row in sample(state, [Question(stage="pull")], 1000, 0)[0].drawn()}
    first = state.plan.parts[0]
    assert left & set(range(first.rows)) <= set(state.superseded(first).tolist())
    assert left > set(range(first.rows, 40)) & truth(case, None)

"""A set rule gives the same verdicts however its keys are bucketed and the set is cut, and after every kill."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.launch import saved_recipe
from jobs.running.executor import Call
from jobs.running.sets import SetRun, collect_keys, decide_bucket, write_verdicts
from jobs.running.state import RunState
from jobs.store.plan import Plan
from jobs.verify import verify
from pipelines.sets.repeated_lines import RepeatedLines
from schemas.layout import RunLayout
from tests.support.by_hand import run_here
from tests.support.runs import Case, files, truth, urls
from tests.support.web import Web

MIX = {"image": 230, "copy": 60, "gone": 10}
HEAD = """\
name: small
source: {caption_lang: en}
stages:
"""
PULL = '  - {stage: pull, allow: ["127.0.0.0/8"], deadline_s: 30}\n'
TAIL = "run: {part_rows: 16, parts_in_flight: 3, min_free_gb: 0, collapse_pause_s: 0.05, second_pass: false}\n"
RULES = ("exact_duplicates", "near_duplicates")


def recipe(*stages: str, before: str = "", tail: str = TAIL) -> str:
    """A recipe that pulls, with stages after it and one `before` it."""
    return HEAD + before + PULL + "".join(f"  - {{stage: {stage}}}\n" for stage in stages) + tail


def run_calls(calls: Sequence[Call]) -> list[Any]:
    return [call.function(*call.arguments) for call in calls]


def state_of(case: Case) -> RunState:
    layout = RunLayout(case.run_folder)
    state = RunState(layout, saved_recipe(layout), Plan.load(layout.plan_json))
    state.claim()
    return state


def set_run(state: RunState, keys_a_bucket: int) -> SetRun:
    hop = next(hop for hop in state.hops if hop.kind == "set")
    return SetRun(state.layout, tuple(state.job(hop, part) for part in state.plan.parts), 290, keys_a_bucket)


def addresses(web: Web) -> list[str]:
    """URLs of which every rule refuses some: pictures, equal files, re-encoded and small copies, what is not there."""
    names = [f"image/{number}.jpg" for number in range(40)]
    names += [f"image/{number}.again.jpg" for number in range(0, 40, 4)]
    names += [f"{kind}/{number}.jpg" for kind in ("q60", "half") for number in range(0, 40, 3)]
    names += ["image/1.jpg", "image/2.jpg", "gone/1.jpg", "gone/1.jpg"]
    return [f"http://127.0.0.1:{web.port}/{name}" for name in names]


def verdicts(case: Case, rule: str) -> dict[int, tuple[Any, ...]]:
    """What the rule says of each row, by id."""
    found = {}
    for file in sorted((case.run_folder / "sets" / rule).glob("part-*.parquet")):
        for row in pq.read_table(file).to_pylist():
            found[row["id"]] = (row["outcome"], row["value"], row["duplicate_of"])
    return found


@pytest.mark.parametrize("keys_a_bucket", [1, 7, 100])
@pytest.mark.parametrize("rule", RULES)
def test_buckets_change_nothing(web: Web, tmp_path: Path, rule: str, keys_a_bucket: int) -> None:
    case = Case(web, tmp_path, addresses(web), recipe=recipe(rule))
    assert case.run() == 0
    folder = case.run_folder / "sets" / rule
    before = files(folder)
    set_run(state_of(case), keys_a_bucket).run(run_calls)
    assert files(folder) == before


@pytest.mark.parametrize("rule", RULES)
def test_parts_change_nothing(web: Web, tmp_path: Path, rule: str) -> None:
    found = []
    for part_rows in (5, 1000):
        case = Case(web, tmp_path, addresses(web), recipe=recipe(rule), output=f"run-{part_rows}")
        assert case.run(f"run.part_rows={part_rows}") == 0
        found.append(Counter(outcome for outcome, *_ in verdicts(case, rule).values()))
    assert found[0] == found[1]
    assert found[0]["rejected"] > 10


class KilledError(Exception):
    """Stands for kill -9 between two calls."""


@pytest.mark.parametrize("calls_left", range(6))
@pytest.mark.parametrize("rule", RULES)
def test_killed_anywhere_it_gives_the_same(web: Web, tmp_path: Path, rule: str, calls_left: int) -> None:
    case = Case(web, tmp_path, addresses(web), recipe=recipe(rule))
    assert case.run() == 0
    calm = files(case.run_folder / "sets"), files(case.run_folder / "dataset")

    def run_until_killed() -> Callable[[Sequence[Call]], list[Any]]:
        left = calls_left

        def run_some(calls: Sequence[Call]) -> list[Any]:
            nonlocal left
            found = []
            for call in calls:
                if not left:
                    raise KilledError
                left -= 1
                found += run_calls([call])
            return found

        return run_some

    try:
        set_run(state_of(case), 30).run(run_until_killed())
    except KilledError:
        assert not (case.run_folder / "sets" / rule / "complete.json").exists()
    assert case.run() == 0
    assert (files(case.run_folder / "sets"), files(case.run_folder / "dataset")) == calm


@pytest.mark.slow
def test_more_parts_than_one_call_takes(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, urls(web, **MIX), settings=("run.part_rows=1",))
    assert case.run() == 0
    assert len(list((case.run_folder / "sets/exact_duplicates").glob("part-*"))) == sum(MIX.values())
    assert case.reasons() == truth(**MIX)


def test_urls_that_repeat_are_asked_for_once_where_the_rule_stands_first(web: Web, tmp_path: Path) -> None:
    wanted = urls(web, image=30, gone=3) + urls(web, image=10, gone=3)
    case = Case(web, tmp_path, wanted, recipe=recipe(before="  - {stage: url_duplicates}\n"))
    assert case.run() == 0
    assert set(web.counts.values()) == {1}
    assert sum(outcome == "rejected" for outcome, *_ in verdicts(case, "url_duplicates").values()) == 13


def test_rows_that_are_added_later_meet_those_before(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, addresses(web), recipe=recipe("near_duplicates"))
    assert case.run() == 0
    first = verdicts(case, "near_duplicates")
    more = tmp_path / "more.parquet"
    pq.write_table(pq.read_table(case.table).slice(1), more)
    assert case.run(inputs=(str(case.table), str(more))) == 0
    second = verdicts(case, "near_duplicates")
    assert {row: second[row] for row in first} == first, "what was there first has the lower ids"
    assert {outcome for row, (outcome, *_) in second.items() if row not in first} == {"rejected"}


def test_a_row_that_is_fetched_at_the_second_try_takes_its_place(web: Web, tmp_path: Path) -> None:
    wanted = [web.url("flaky", number) for number in range(5)]
    wanted += [f"http://127.0.0.1:{web.port}/image/{100_000 + number}.jpg" for number in range(5)]
    tail = TAIL.replace(", second_pass: false", "")
    rules = recipe("exact_duplicates", "near_duplicates", before="  - {stage: url_duplicates}\n", tail=tail)
    case = Case(web, tmp_path, wanted + wanted[:2], recipe=rules)
    assert case.run() == 0
    layout = RunLayout(case.run_folder)
    state = RunState(layout, saved_recipe(layout), Plan.load(layout.plan_json))
    state.count_valid()
    assert state.tally["url_duplicates"].kept == 10
    assert state.tally["exact_duplicates"].kept == 5
    latest = verdicts(case, "exact_duplicates")
    assert all(row[-1] < row_id for row_id, row in latest.items() if row[-1] is not None)
    assert verify(state).problems == []


def test_what_is_behind_the_barrier_is_spent_on_survivors_alone(web: Web, tmp_path: Path) -> None:
    distinct = [f"image/{number}.jpg" for number in range(780)]
    same_url = [f"image/{number}.jpg" for number in range(70)]
    same_bytes = [f"image/{number}.again.jpg" for number in range(100, 170)]
    copies = [f"{kind}/{number}.jpg" for kind in ("q60", "half") for number in range(300, 340)]
    names = distinct + same_url + same_bytes + copies
    assert len(names) == 1000
    case = Case(web, tmp_path, [f"http://127.0.0.1:{web.port}/{name}" for name in names])
    spent = tmp_path / "spent"
    rules = recipe(
        "exact_duplicates, phash_and_caption: false",
        "near_duplicates",
        f"count, path: {spent}",
        before="  - {stage: url_duplicates}\n",
    )
    state = run_here(case, rules)
    assert sum(map(int, spent.read_text().split())) == 780
    rejected = {hop.name: state.tally[hop.name].entered - state.tally[hop.name].kept for hop in state.hops[:4]}
    assert rejected == {"url_duplicates": 70, "pull": 0, "exact_duplicates": 70, "near_duplicates": 80}


def test_the_split_is_the_same_whether_groups_are_known_or_looked_for(web: Web, tmp_path: Path) -> None:
    found = []
    for distance in (3, 4, 5):  # the rule's is 4: beyond, the split looks for groups itself
        case = Case(web, tmp_path, addresses(web), recipe=recipe("near_duplicates"), output=f"run-{distance}")
        assert case.run("pack.split.validation=0.2", f"pack.split.distance={distance}") == 0
        found.append(np.load(case.run_folder / "sets/split/validation.npy").tolist())
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 8


def test_rules_on_captions_and_regions_run_in_a_recipe(web: Web, tmp_path: Path) -> None:
    names = [f"image/{number}.jpg" for number in range(20)] + ["image/19.again.jpg"]
    captions = [
        *["click here"] * 4,
        *(f"picture number {number}" for number in range(4, 20)),
        "picture number 19 again",
    ]
    pairs = pa.table({"url": [f"http://127.0.0.1:{web.port}/{name}" for name in names], "caption": captions})
    pq.write_table(pairs, tmp_path / "pairs.parquet")
    case = Case(web, tmp_path, names)
    regions = '[{"caption_index": 0, "phrase": [0, 7], "box": [0.1, 0.1, 0.5, 0.5], "score": 0.9, "source": "by hand"}]'
    rules = recipe(
        *("caption_frequency, at_most: 3", "longest_of_image", f"by_hand, regions: {regions}"),
        *("subset_share, boxes: 1", "subset_share, name: in-pairs"),
    )
    state = run_here(case, rules)
    assert {name: sum(tally.counts.values()) - tally.kept for name, tally in state.tally.items()} == {
        "pull": 0,
        "caption_frequency": 4,
        "longest_of_image": 1,
        "filter": 0,
        "subset_share": 0,
        "in-pairs": 16,
        "pack": 0,
    }
    assert verify(state).problems == []


@pytest.mark.parametrize("keys_a_bucket", [1, 3, 1000])
def test_repeated_lines_are_marked_in_the_rows_that_stay(web: Web, tmp_path: Path, keys_a_bucket: int) -> None:
    captions = [f"shutterstock preview number{row}" for row in range(6)] + ["shutterstock preview", "mountain lake"]
    pairs = pa.table({"url": urls(web, image=len(captions)), "caption": captions})
    case = Case(web, tmp_path, [])
    pq.write_table(pairs, case.table)
    tail = f"pack: {{tasks: [read_text], min_line_px: 1}}\n{TAIL}"
    rules = recipe("lines_of_caption", "repeated_lines, at_most: 5", tail=tail)
    state = run_here(case, rules)
    set_run(state, keys_a_bucket).run(run_calls)
    folder = case.run_folder / "sets" / "repeated_lines"
    rows = [row for file in sorted(folder.glob("part-*")) for row in pq.read_table(file).to_pylist()]
    kept = {row["text"]: [line["dropped"] for line in row["lines"]] for row in rows if row["outcome"] == "kept"}
    assert kept == {
        **{f"number{row}": ["repeated", "repeated", None] for row in range(6)},
        "mountain lake": [None, None],
    }
    refused = [row for row in rows if row["outcome"] == "rejected"]
    assert [(row["reason"], row["value"], row["lines"], row["text"]) for row in refused] == [
        ("repeated_lines", 2, None, None)
    ]
    packed = [pq.read_table(file) for file in (case.run_folder / "layers" / "pack").glob("part-*")]
    used = [sample["lines"] for part in packed for row in part["samples"].to_pylist() for sample in row]
    assert sorted(used) == [[0, 1], *[[2]] * 6]
    assert verify(state).problems == []


def test_rows_that_a_later_generation_took_over_are_not_marked(web: Web, tmp_path: Path) -> None:
    captions = ["logo mountain", "logo lake", "logo harbour"]
    case = Case(web, tmp_path, [])
    pq.write_table(pa.table({"url": urls(web, image=len(captions)), "caption": captions}), case.table)
    tail = f"pack: {{tasks: [read_text], min_line_px: 1}}\n{TAIL}"
    state = run_here(case, recipe("lines_of_caption", "repeated_lines, at_most: 2", tail=tail))
    (job,) = set_run(state, 100).jobs
    keys, found = tmp_path / "keys.arrow", tmp_path / "found.arrow"
    collect_keys([job], 1, keys)
    decide_bucket(RepeatedLines(at_most=2), [keys], 0, 1, found)
    # what was found is about the same ids as they are now
    write_verdicts([replace(job, superseded=np.array([0, 2]))], [found], 0)
    rows = pq.read_table(job.path)
    kept = {row: "logo" in text for row, text in zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True)}
    assert kept == {0: True, 1: False, 2: True}

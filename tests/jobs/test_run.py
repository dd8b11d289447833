"""Whole runs, inline: every row accounted for, nothing done twice, nothing out of date."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from schemas.layout import RunLayout
from tests.support.runs import Case, files, is_sound, shardmill, truth, urls
from tests.support.web import Web

MIX = {"image": 40, "copy": 5, "gone": 6, "wide": 4, "small": 4, "page": 3}


@pytest.fixture
def case(web: Web, tmp_path: Path) -> Case:
    return Case(web, tmp_path, urls(web, **MIX))


def parts(case: Case, layer: str) -> dict[str, bytes]:
    return files(case.run_folder / layer)


def test_each_row_ends_with_its_own_reason_and_the_run_is_sound(case: Case) -> None:
    assert case.run() == 0
    assert case.reasons() == truth(**MIX)
    status = case.status()
    assert status["complete"]
    assert status["kept"] + status["rejected"] + status["failed"] == status["rows"] == sum(MIX.values())
    assert is_sound(case.run_folder)


def test_each_hop_receives_what_the_one_before_kept(case: Case) -> None:
    case.run()
    arriving = sum(MIX.values())
    for hop in case.status()["hops"].values():
        assert hop["entered"] == arriving
        assert hop["kept"] + sum(hop["reasons"].values()) == hop["entered"]
        arriving = hop["kept"]


def test_a_second_run_does_no_work(case: Case) -> None:
    case.run()
    before, asked = files(case.run_folder / "layers"), case.web.counts.copy()
    dataset = case.dataset()
    assert case.run() == 0
    assert (files(case.run_folder / "layers"), case.web.counts, case.dataset()) == (before, asked, dataset)


def test_changing_a_threshold_fetches_nothing(case: Case) -> None:
    case.run()
    asked, pulled = case.web.counts.copy(), parts(case, "layers/pull")
    case.run("stages.aspect_ratio.max_ratio=20")
    assert case.web.counts == asked
    assert parts(case, "layers/pull") == pulled
    assert case.reasons()["aspect_ratio"] == 0
    assert is_sound(case.run_folder)


def test_changing_an_operational_field_does_nothing_again(case: Case) -> None:
    case.run()
    before, asked = files(case.run_folder / "layers"), case.web.counts.copy()
    case.run("stages.pull.concurrency=3", "run.parts_in_flight=1", "stages.pull.contact=a@example.org")
    assert (files(case.run_folder / "layers"), case.web.counts) == (before, asked)


def test_a_part_that_is_fetched_again_invalidates_what_was_computed_from_it(case: Case) -> None:
    case.run()
    layer = case.run_folder / "layers"
    (layer / "pull" / "part-000001.parquet").unlink()
    filtered = {path.name: path.stat().st_mtime_ns for path in (layer / "filter").iterdir()}
    case.run()
    again = {path.name for path in (layer / "filter").iterdir() if path.stat().st_mtime_ns != filtered[path.name]}
    assert again == {"part-000001.parquet"}
    assert is_sound(case.run_folder)


def test_a_limit_is_a_sample_that_a_later_run_extends(case: Case) -> None:
    assert case.run(limit=21) == 0
    assert case.status()["rows"] == 21
    asked = case.web.counts.total()
    assert asked == 21
    pulled = parts(case, "layers/pull")
    assert case.run() == 0
    assert case.web.counts.total() == sum(MIX.values())
    assert pulled.items() <= parts(case, "layers/pull").items()
    assert case.reasons() == truth(**MIX)


def test_the_extended_run_gives_the_data_set_of_the_full_one(case: Case) -> None:
    case.run(limit=21)
    case.run()
    full = Case(case.web, case.folder, case.urls, output="full")
    full.run()
    assert case.dataset() == full.dataset()


def test_input_can_be_added(case: Case) -> None:
    case.run()
    asked = case.web.counts.copy()
    more = case.folder / "more.csv"
    more.write_text("url,caption\n" + "".join(f"{case.web.url('image', n)},more {n}\n" for n in range(900, 910)))
    assert case.run(inputs=(str(case.table), str(more))) == 0
    assert case.status()["rows"] == sum(MIX.values()) + 10
    assert (case.web.counts - asked).total() == 10


def test_a_folder_of_another_input_is_refused_and_left_alone(case: Case) -> None:
    case.run()
    before = files(case.run_folder)
    other = case.folder / "other.csv"
    other.write_text("url,caption\nhttp://example.org/a.jpg,a\n")
    assert case.run(inputs=(str(other),)) == 2
    assert files(case.run_folder) == before


def test_restart_moves_the_old_run_aside(case: Case) -> None:
    case.run(limit=16)
    before = files(case.run_folder / "layers")
    assert case.run(limit=16, restart=True) == 0
    assert files(case.folder / "run.old-1" / "layers") == before
    assert case.web.counts.total() == 32


def test_until_and_from_split_a_run(case: Case) -> None:
    assert case.run(until="pull") == 0
    assert not (case.run_folder / "layers/filter").exists()
    asked = case.web.counts.copy()
    assert case.run(start="filter") == 0
    assert case.web.counts == asked
    assert case.reasons() == truth(**MIX)


def test_from_does_not_do_the_hops_before(case: Case) -> None:
    assert case.run(start="filter") == 1
    assert case.web.counts.total() == 0


def test_packing_again_in_another_shape_fetches_and_judges_nothing(case: Case) -> None:
    case.run()
    before, asked = parts(case, "layers/filter"), case.web.counts.copy()
    done = shardmill("pack", str(case.run_folder), "--engine", "inline", "--set", "pack.dialect=plain")
    assert done.returncode == 0, done.stderr
    assert (parts(case, "layers/filter"), case.web.counts) == (before, asked)
    assert b"plain" in case.dataset()["README.md"]
    assert is_sound(case.run_folder)


def test_shards_are_cut_at_the_target_size_and_follow_the_plan(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, [web.url("wide", number) for number in range(60)])
    case.run("stages.aspect_ratio.max_ratio=20")
    shards = sorted(RunLayout(case.run_folder).shards.iterdir())
    assert [shard.name for shard in shards] == [
        f"train-{i:05d}-of-{len(shards):05d}.parquet" for i in range(len(shards))
    ]
    assert len(shards) > 1
    assert all(shard.stat().st_size < 1_100_000 for shard in shards)
    ids = [sample for shard in shards for sample in pq.read_table(shard, columns=["id"])["id"].to_pylist()]
    assert ids == sorted(ids)
    assert len(set(ids)) == 60

"""What img2dataset pulled is as good as what we pull: every row of its lists, the same images, and its failures."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.pull.img2dataset import library
from tests.support.img2dataset import download, started
from tests.support.runs import Case, is_sound, truth, urls
from tests.support.web import Web

FORMATS = ("files", "webdataset", "parquet")
MIX = {"image": 9, "copy": 2, "gone": 3, "broken": 2, "wide": 1, "small": 1, "page": 2}
ROWS = sum(MIX.values())
CHILD = "pipelines.pull.img2dataset.child"


@pytest.fixture(scope="module")
def served() -> Iterator[Web]:
    """A web that stays for all tests of this module."""
    with Web() as web:
        yield web


@pytest.fixture(scope="module")
def pulled(served: Web, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What img2dataset made of the list, by its output format, in shards of eight rows."""
    listed = urls(served, **MIX)
    captions = [f"picture number {number}" for number in range(ROWS)]
    pairs = pa.table({"url": listed, "caption": captions, "score": [number / 8 for number in range(ROWS)]})
    folder = tmp_path_factory.mktemp("i2d")
    options = {"number_sample_per_shard": 8, "disable_all_reencoding": True}
    with ThreadPoolExecutor() as together:
        works = {one: together.submit(download, pairs, folder / one, output_format=one, **options) for one in FORMATS}
    return {one: work.result() for one, work in works.items()}


def pull_layer(case: Case) -> list[dict[str, Any]]:
    """The rows of the pull layer, as they were last decided, with what was asked for."""
    asked, told = {}, {}
    for path in (case.run_folder / "input").glob("*.parquet"):
        asked |= {row["id"]: row for row in pq.read_table(path).to_pylist()}
    for path in sorted((case.run_folder / "layers/pull").glob("*.parquet")):
        rows = pq.read_table(path, columns=["id", "outcome", "reason", "sha256"]).to_pylist()
        told |= {row["id"]: row for row in rows}
    assert asked.keys() == told.keys()
    return [asked[row] | told[row] for row in asked]


@pytest.mark.parametrize("output_format", FORMATS)
def test_it_is_read_back_row_for_row_with_the_images_that_we_would_pull(
    served: Web, pulled: dict[str, Path], tmp_path: Path, output_format: str
) -> None:
    own = Case(served, tmp_path, urls(served, **MIX), output="own")
    theirs = Case(served, tmp_path, own.urls, output="theirs")
    assert own.run() == 0
    asked = served.counts.total()
    assert theirs.run(inputs=(str(pulled[output_format]),)) == 0
    assert served.counts.total() == asked
    assert theirs.reasons() == own.reasons() == truth(**MIX)

    rows = pull_layer(theirs)
    assert sorted(row["url"] for row in rows) == sorted(own.urls)
    said = {row["url"]: (row["outcome"], row["reason"], row["sha256"]) for row in rows}
    assert said == {row["url"]: (row["outcome"], row["reason"], row["sha256"]) for row in pull_layer(own)}
    for row in rows:
        carried = dict(row["source"])
        number = own.urls.index(row["url"])
        assert (row["captions"][0]["text"], float(carried["score"])) == (f"picture number {number}", number / 8)
        assert carried["key"].isdecimal()
    assert is_sound(theirs.run_folder)


def test_rows_that_failed_there_are_fetched_where_the_recipe_says_so(
    served: Web, pulled: dict[str, Path], tmp_path: Path
) -> None:
    case = Case(served, tmp_path, urls(served, **MIX))
    before = served.counts.copy()
    assert case.run("source.refetch=true", inputs=(str(pulled["webdataset"]),)) == 0
    asked_again = {path.split("/")[1] for path in served.counts - before}
    assert asked_again == {"gone", "broken"}
    assert case.reasons() == truth(**MIX)


def test_what_failed_long_ago_is_no_collapse_of_today(served: Web, tmp_path: Path) -> None:
    """As where the network went away under img2dataset: nothing is asked, so no cause can be mended."""
    listed = [f"http://host{number}.example.org/a.jpg" for number in range(100)]
    failed = {"status": "failed_to_download", "error_message": "<urlopen error timed out>"}
    rows = [{"url": url, "caption": "c", "key": f"{at:09d}", **failed} for at, url in enumerate(listed)]
    (tmp_path / "i2d").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "i2d/00000.parquet")
    case = Case(served, tmp_path, listed)
    few = ("run.collapse_rows=32", "run.collapse_hosts=5")
    assert case.run(*few, inputs=(str(tmp_path / "i2d"),), until="pull") == 0
    assert Counter(row["reason"] for row in pull_layer(case)) == {"timeout": 100}
    assert case.run(*few, inputs=(str(tmp_path / "i2d"),)) == 0
    assert case.status()["rows"] == 100
    assert not list((case.run_folder / "input").glob("retry-*")), "asking again would say the same"


def engine_recipe(case: Case) -> Case:
    case.recipe = case.recipe.replace("- stage: pull\n", "- stage: pull\n    engine: img2dataset\n")
    assert "engine" in case.recipe
    return case


def test_a_run_that_pulls_with_it_keeps_the_same(served: Web, tmp_path: Path) -> None:
    calm = Case(served, tmp_path, urls(served, **MIX), output="own")
    assert calm.run() == 0
    case = engine_recipe(Case(served, tmp_path, calm.urls, output="theirs"))
    assert case.run() == 0
    assert case.reasons() == truth(**MIX)
    assert {row["sha256"] for row in pull_layer(case)} == {row["sha256"] for row in pull_layer(calm)}
    assert Counter(row["url"] for row in pull_layer(case)) == Counter(calm.urls)


def test_where_it_does_not_start_the_run_says_why(
    served: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(library, "_COMMAND", (sys.executable, "-c", "raise SystemExit('half installed')"))
    case = engine_recipe(Case(served, tmp_path, urls(served, image=3)))
    assert case.run() == 1
    assert "img2dataset cannot be started:\nhalf installed" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("whom", ["its process", "worker", "group"])
def test_on_ray_whoever_is_killed_leaves_nothing_behind_and_nothing_out(
    served: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whom: str
) -> None:
    (scratch := tmp_path / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    case = engine_recipe(Case(served, tmp_path, urls(served, **{kind: 20 * n for kind, n in MIX.items()})))
    command = case.command("--engine", "ray")
    asked = served.counts.total()
    driver = psutil.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while driver.poll() is None and served.counts.total() - asked < 100:
        time.sleep(0.01)
    pulling = [one for one in driver.children(recursive=True) if CHILD in one.cmdline()]
    assert pulling
    if whom == "group":
        os.killpg(driver.pid, signal.SIGKILL)
    else:
        victim = pulling[0] if whom == "its process" else pulling[0].parent()
        assert victim
        victim.kill()
    driver.wait(timeout=250)
    if whom == "group":
        psutil.wait_procs(pulling, timeout=30)
        assert subprocess.run(command, stdout=subprocess.DEVNULL, timeout=250, check=False).returncode == 0
    assert driver.returncode == (-signal.SIGKILL if whom == "group" else 0)
    assert case.reasons() == truth(**{kind: 20 * n for kind, n in MIX.items()})
    assert not [one for one in pulling if one.is_running()]
    assert not list(scratch.glob("shardmill-img2dataset-*"))


@pytest.mark.slow
@pytest.mark.parametrize("output_format", FORMATS)
def test_what_a_killed_img2dataset_leaves_is_read_to_the_last_row(
    served: Web, tmp_path: Path, output_format: str
) -> None:
    listed = urls(served, image=250, gone=40)
    listed[60:60] = [served.url("silent", number) for number in range(10)]
    pairs = pa.table({"url": listed, "caption": [f"picture number {number}" for number in range(300)]})
    options = {"number_sample_per_shard": 150, "output_format": output_format, "disable_all_reencoding": True}
    before = served.counts.total()
    with started(pairs, tmp_path / "work", timeout=300, **options) as (process, output):
        while served.counts.total() - before < 150:  # the silent ones keep it from the second shard
            assert process.poll() is None
            time.sleep(0.01)
    case = Case(served, tmp_path, listed)
    assert case.run(inputs=(str(output),)) == 0
    rows = pull_layer(case)
    assert sorted(row["url"] for row in rows) == sorted(listed)
    reasons = Counter(row["reason"] for row in rows)
    assert reasons.keys() <= {None, "engine_error", "file_missing", "truncated_image", "empty_body", "file_unreadable"}
    assert reasons["engine_error"] >= 160
    assert (reasons[None] > 50) is (output_format != "parquet")
    for row in rows:
        if row["reason"] is None:
            assert row["sha256"] == hashlib.sha256(served.answer(urlsplit(row["url"]).path)[1]).digest()
    refetched = Case(served, tmp_path, listed, output="refetched")
    assert refetched.run("source.refetch=true", "stages.pull.deadline_s=1", inputs=(str(output),)) == 0
    again = Counter(row["reason"] for row in pull_layer(refetched))
    assert (sum(again.values()), again[None]) == (300, 250)
    assert again.keys() <= {None, "http_gone", "timeout", "host_paused"}  # after silence, a host is left alone

"""`shardmill show` tells of a row what the layers hold of it, and reads no other part."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page

from jobs import commands
from jobs.retry import RetryOptions, retry
from jobs.show import show
from tests.support.chromium import Chromium
from tests.support.drawn import Drawn, drawn
from tests.support.grounding import RECIPE as DRAWN
from tests.support.grounding import write_table
from tests.support.html import check_offline
from tests.support.runs import Case, shardmill, urls
from tests.support.web import Web


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """A finished run."""
    with Web() as web:
        case = Case(web, tmp_path_factory.mktemp("show"), urls(web, image=20, wide=5, gone=3, small=5, copy=3))
        assert case.run() == 0
        yield case


@pytest.fixture(scope="module")
def grounded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run over drawn scenes."""
    folder = tmp_path_factory.mktemp("grounded")
    write_table([drawn(seed) for seed in range(8)], folder / "scenes.parquet")
    (folder / "drawn.yaml").write_text(DRAWN)
    options = commands.RunOptions(
        str(folder / "drawn.yaml"), folder / "run", (str(folder / "scenes.parquet"),), engine="inline"
    )
    assert commands.run(options) == 0
    return folder / "run"


def told(run: Path, row: int | str) -> dict[str, Any]:
    done = shardmill("show", str(run), str(row), "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def inputs(run: Path) -> dict[int, dict[str, Any]]:
    rows = (row for window in (run / "input").glob("*.parquet") for row in pq.read_table(window).to_pylist())
    return {row["id"]: row for row in rows}


def row_of(run: Path, kind: str) -> int:
    return min(row for row, found in inputs(run).items() if f"/{kind}/" in found["url"])


def test_a_refused_row_says_where_it_left_and_by_what_measure(case: Case) -> None:
    row = row_of(case.run_folder, "wide")
    tale = told(case.run_folder, row)
    assert tale["outcome"] == "rejected"
    assert [(step["stage"], step["outcome"]) for step in tale["steps"]] == [
        *(("pull", "kept"), ("aspect_ratio", "rejected"), ("min_side", "not reached")),
        *(("exact_duplicates", "not reached"), ("pack", "not reached")),
    ]
    refused = tale["steps"][1]
    assert (refused["reason"], refused["value"]) == ("aspect_ratio", 20)
    assert refused["thresholds"] == [["max_ratio", "6.0", "default"]]
    assert tale["steps"][0]["added"]["width"] == 2000
    assert tale["facts"]["url"] == inputs(case.run_folder)[row]["url"]
    assert tale["captions"][0]["text"] == inputs(case.run_folder)[row]["captions"][0]["text"]
    assert tale["samples"] == []


def test_a_row_that_was_never_had(case: Case) -> None:
    tale = told(case.run_folder, row_of(case.run_folder, "gone"))
    assert (tale["steps"][0]["reason"], tale["steps"][0]["value"]) == ("http_gone", 404)
    assert {step["outcome"] for step in tale["steps"][1:]} == {"not reached"}
    assert "image" not in tale["facts"]


def test_every_row_ends_as_the_accounting_says(case: Case) -> None:
    from jobs.commands import saved
    from jobs.reports.story import story

    state = saved(case.run_folder, counted=False)
    tales = [story(state, row)[0] for row in inputs(case.run_folder)]
    refusals = [step.reason for tale in tales for step in tale.steps if step.reason]
    found = {reason: refusals.count(reason) for reason in refusals} | {"kept": sum(t.outcome == "kept" for t in tales)}
    assert found == dict(case.reasons())
    assert sum(len(tale.samples) for tale in tales) == sum(
        pq.read_metadata(shard).num_rows for shard in (case.run_folder / "dataset/data").glob("*.parquet")
    )


def test_the_training_texts_are_those_of_the_shards(grounded: Path) -> None:
    stored: dict[int, list[dict[str, Any]]] = {}
    for shard in sorted((grounded / "dataset/data").glob("*.parquet")):
        for sample in pq.read_table(shard).to_pylist():
            stored.setdefault(json.loads(sample["provenance"])["row"], []).append(sample)
    for row, samples in stored.items():
        tale = told(grounded, row)
        assert [(sample["id"], sample["task"]) for sample in tale["samples"]] == [
            (sample["id"], sample["task"]) for sample in samples
        ]
        for mine, sample in zip(tale["samples"], samples, strict=True):
            assert mine["turns"] == [[turn["role"], turn["content"]] for turn in sample["messages_tagged"]]
        assert told(grounded, samples[0]["id"])["id"] == row
        break


def test_boxes_are_those_of_the_layer(grounded: Path) -> None:
    for file in (grounded / "layers/ground").glob("*.parquet"):
        for layer in pq.read_table(file).to_pylist()[:3]:
            tale = told(grounded, layer["id"])
            assert [box["corners"] for box in tale["boxes"]] == [region["box"] for region in layer["regions"]]
            caption = tale["captions"][0]["text"]
            spans = [region["expression"] or region["phrase"] for region in layer["regions"]]
            assert [box["label"] for box in tale["boxes"]] == [caption[slice(*span)] for span in spans]
            assert [why.partition(":")[0] for _, why in tale["ungrounded"]] == [
                one["reason"] for one in layer["ungrounded"]
            ]


def test_only_the_rows_own_part_is_read(case: Case, tmp_path: Path) -> None:
    from shutil import copytree

    run = tmp_path / "run"
    copytree(case.run_folder, run)
    row = row_of(run, "image")
    part = next(
        number
        for number, file in enumerate(sorted((run / "layers/pull").glob("*.parquet")))
        if row in pq.read_table(file, columns=["id"])["id"].to_pylist()
    )
    for file in (*run.glob("layers/*/*.parquet"), *run.glob("sets/*/*.parquet")):
        if file.name != f"part-{part:06d}.parquet":
            file.write_bytes(b"no layer")
    assert told(run, row)["outcome"] == "kept"


def test_a_row_that_was_tried_again(web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = Case(web, tmp_path, urls(web, image=3, gone=2))
    case.run()
    row = row_of(case.run_folder, "gone")
    assert retry(RetryOptions(case.run_folder, ("http_gone",))) == 0
    tale = told(case.run_folder, row)
    assert tale["outcome"] == "not run"
    ((generation, step),) = tale["earlier"]
    assert (generation, step["reason"]) == (0, "http_gone")


def test_for_people(case: Case) -> None:
    done = shardmill("show", str(case.run_folder), str(row_of(case.run_folder, "wide")))
    assert "filter, aspect_ratio: rejected: aspect_ratio" in done.stdout
    assert "value 20" in done.stdout
    assert "settings: max_ratio = 6.0" in done.stdout


def test_nothing_in_a_caption_reaches_the_terminal(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, urls(web, image=1))
    pq.write_table(pa.table({"url": case.urls, "caption": ["[red]a\x1b[2J\u202edog[/]"]}), tmp_path / "pairs.parquet")
    case.run()
    said = shardmill("show", str(case.run_folder), "0").stdout
    assert "[red]a⟨U+001B⟩[2J⟨U+202E⟩dog[/]" in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("row", "said"), [("99", "the run has no row 99"), ("-1", "No such option"), ("dog", "neither a row's id")]
)
def test_mistakes_are_named(case: Case, row: str, said: str) -> None:
    done = shardmill("show", str(case.run_folder), row)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("how", [{}, {"dark": True}, {"width": 390}], ids=str)
def test_the_page_has_no_fault_and_shows_the_boxes(
    grounded: Path, tmp_path: Path, chromium: Chromium, how: dict[str, Any]
) -> None:
    row = min(inputs(grounded))
    tale = told(grounded, row)
    assert show(grounded, str(row), tmp_path / "row.html") == 0
    check_offline((tmp_path / "row.html").read_text("utf-8"))

    def marks(page: Page) -> list[str]:
        assert page.locator("h1").inner_text() == f"Row {row:012d}: kept"
        return [mark.get_attribute("points") or "" for mark in page.locator("polygon.mark").all()]

    scene: Drawn = drawn(int(tale["facts"]["url"].rpartition("/")[2]))
    height, width = scene.pixels.shape[:2]
    drawn_at = [
        tuple(float(number) for number in points.split()[0].split(",") + points.split()[2].split(","))
        for points in chromium.visit(tmp_path / "row.html", marks, **how)
    ]
    for box, (x1, y1, x2, y2) in zip(tale["boxes"], drawn_at, strict=True):
        assert (x1 / width, y1 / height, x2 / width, y2 / height) == pytest.approx(box["corners"], abs=1e-4)
    assert drawn_at

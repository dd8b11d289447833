"""From a benchmark's folder to the rows of a run that it is found in."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv
from typer.testing import CliRunner

from jobs.cli import app
from tests.support.runs import Case
from tests.support.web import Web, picture

RECIPE = """\
name: small
stages:
  - {stage: pull, allow: ["127.0.0.0/8"]}
  - stage: decontaminate
    lists: [LISTS]
run: {part_rows: 8, min_free_gb: 0, second_pass: false}
"""
PROMPT = "how many red boats are there"


def answered(*arguments: str) -> str:
    found = CliRunner().invoke(app, list(arguments))
    assert found.exit_code == 0, found.output
    return found.stdout


def images(folder: Path, numbers: range) -> Path:
    """A benchmark of pictures, and a file that is none."""
    folder.mkdir()
    for number in numbers:
        (folder / f"{number}.jpg").write_bytes(picture(number, quality=70))
    (folder / "broken.jpg").write_bytes(b"<html>")
    return folder


def questions(path: Path) -> Path:
    path.write_text("".join(json.dumps({"url": None, "q": q}) + "\n" for q in (f"{PROMPT}?", "yes")))
    return path


def test_what_a_benchmark_holds_is_found_in_a_run(web: Web, tmp_path: Path) -> None:
    listed = json.loads(
        answered("hashes", str(images(tmp_path / "pics", range(5))), "-o", str(tmp_path / "pics.parquet"))
    )
    assert (listed["name"], listed["images"], listed["texts"]) == ("pics", 5, 0)
    assert listed["left_out"] == {"not_an_image": 1}
    asked = str(questions(tmp_path / "q.jsonl"))
    arguments = ("--name", "asked", "--set", "source.columns.caption=q")
    listed = json.loads(answered("hashes", asked, "-o", str(tmp_path / "lists" / "q.parquet"), *arguments))
    assert (listed["images"], listed["texts"], listed["left_out"]) == (0, 2, {})

    names = [f"image/{number}.jpg" for number in range(3, 20)] + ["half/1.jpg"]
    captions = [PROMPT.title() if number == 9 else f"picture number {number}" for number in range(len(names))]
    pairs = pa.table({"url": [f"http://127.0.0.1:{web.port}/{name}" for name in names], "caption": captions})
    pq.write_table(pairs, tmp_path / "pairs.parquet")
    lists = f"{tmp_path}/pics.parquet, {tmp_path}/lists/q.parquet"
    case = Case(web, tmp_path, names, recipe=RECIPE.replace("LISTS", lists))
    assert case.run() == 0
    found = [json.loads(line) for line in answered("contaminated", str(case.run_folder)).splitlines()]
    assert sorted((one["benchmark"], one["item"], one["reason"]) for one in found) == [
        ("asked", "q.jsonl, row 0", "contaminated_text"),
        ("pics", "pics/1.jpg", "contaminated_image"),
        ("pics", "pics/3.jpg", "contaminated_image"),
        ("pics", "pics/4.jpg", "contaminated_image"),
    ]
    assert all(one["value"] <= 4 for one in found)
    assert len({one["id"] for one in found}) == 4


def test_another_list_judges_anew_and_fetches_nothing(web: Web, tmp_path: Path) -> None:
    answered("hashes", str(images(tmp_path / "pics", range(2))), "-o", str(tmp_path / "pics.parquet"))
    case = Case(web, tmp_path, [web.url("image", number) for number in range(6)])
    case.recipe = RECIPE.replace("LISTS", f"{tmp_path}/pics.parquet")
    assert case.run() == 0
    asked = web.counts.copy()
    answered("hashes", str(images(tmp_path / "more", range(4))), "-o", str(tmp_path / "pics.parquet"))
    assert case.run() == 0
    assert len(answered("contaminated", str(case.run_folder)).splitlines()) == 4
    assert web.counts == asked


@pytest.mark.parametrize("name", ["vqa.jsonl", "vqa.csv", "vqa.parquet"])
def test_a_benchmark_of_texts_alone_needs_no_urls(tmp_path: Path, name: str) -> None:
    table, path = pa.table({"question": ["how many red boats lie in the harbour"]}), tmp_path / name
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".csv":
        csv.write_csv(table, path)
    else:
        path.write_text(json.dumps(table.to_pylist()[0]))
    setting = "source.columns.caption=question"
    made = CliRunner().invoke(app, ["hashes", str(path), "-o", str(tmp_path / "list"), "--set", setting])
    assert made.exit_code == 0, made.output
    assert (json.loads(made.stdout)["texts"], json.loads(made.stdout)["left_out"]) == (1, {})


def test_a_benchmark_of_which_nothing_can_be_hashed_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "urls.csv").write_text("url,caption\nhttp://example.org/1.jpg,\n")
    found = CliRunner().invoke(app, ["hashes", str(tmp_path / "urls.csv"), "-o", str(tmp_path / "list.parquet")])
    assert found.exit_code == 2
    assert "nothing to hash" in found.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["urls.csv"]


def test_a_name_that_would_not_be_told_from_its_item_is_refused(tmp_path: Path) -> None:
    asked = str(questions(tmp_path / "q.jsonl"))
    found = CliRunner().invoke(app, ["hashes", asked, "-o", str(tmp_path / "l.parquet"), "--name", "a: b"])
    assert found.exit_code == 2
    assert "cannot name a benchmark" in found.stderr

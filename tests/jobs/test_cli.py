"""The command line: mistakes are named before anything is touched, help answers at once, JSON is JSON."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.store.files import digest
from jobs.store.manifest import Manifest
from pipelines.recipe_text import shipped
from schemas.layout import RunLayout
from tests.support.runs import RECIPE, SHARDMILL, Case, files, shardmill, urls
from tests.support.web import Web


@pytest.fixture
def case(web: Web, tmp_path: Path) -> Case:
    return Case(web, tmp_path, urls(web, image=20, gone=3))


def refused(case: Case, *arguments: str, said: list[str]) -> None:
    """The command ends with 2, says all of `said` on stderr, and touches nothing."""
    before = sorted(case.folder.rglob("*"))
    done = shardmill("run", "--engine", "inline", "--output", str(case.run_folder), *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert [text for text in said if text not in done.stderr] == []
    assert "Traceback" not in done.stderr
    assert sorted(case.folder.rglob("*")) == before
    assert case.web.counts.total() == 0


def test_a_recipe_with_three_mistakes_names_all_three(case: Case) -> None:
    recipe = case.folder / "wrong.yaml"
    recipe.write_text(RECIPE.replace("deadline_s", "dedline_s").replace("min_side", "min_sid") + "packk: 1\n")
    refused(
        case, str(recipe), "--input", str(case.table), said=["3 problems", "deadline_s", "min_side", "`pack`", "line 6"]
    )


def test_a_missing_column_is_named_with_those_there_are(case: Case) -> None:
    table = case.folder / "pairs.csv"
    table.write_text("URL,TEXT\nhttp://example.org/a.jpg,a\n")
    refused(case, "web-captions", "--input", str(table), said=["`url`", "URL", "source.columns"])


def test_an_input_without_rows(case: Case) -> None:
    table = case.folder / "empty.csv"
    table.write_text("url,caption\n")
    refused(case, "web-captions", "--input", str(table), said=["empty.csv"])


def test_an_input_that_is_not_what_its_name_says(case: Case) -> None:
    table = case.folder / "pairs.parquet"
    table.write_text("not parquet at all")
    refused(case, "web-captions", "--input", str(table), said=["pairs.parquet"])


def test_an_input_that_is_not_there(case: Case) -> None:
    refused(case, "web-captions", "--input", str(case.folder / "none.csv"), said=["none.csv"])


def test_no_input_at_all_for_a_new_run(case: Case) -> None:
    refused(case, "web-captions", said=["--input"])


def test_a_folder_that_is_no_run(case: Case) -> None:
    case.run_folder.mkdir()
    (case.run_folder / "thesis.tex").write_text("years of work")
    refused(case, "web-captions", "--input", str(case.table), said=["not empty"])


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--until", "sleep"], "pull, filter"), (["--engine", "spark"], "ray nor inline"), (["--set", "x"], "path.to")],
)
def test_options_that_fit_nowhere(case: Case, options: list[str], said: str) -> None:
    refused(case, str(case.recipe_path), "--input", str(case.table), *options, said=[said])


def test_an_output_that_is_a_file_or_lies_in_one(case: Case) -> None:
    case.run_folder.write_text("notes")
    refused(case, str(case.recipe_path), "--input", str(case.table), said=["is a file"])
    case.run_folder.unlink()
    (case.folder / "notes").touch()
    inside = case.folder / "notes" / "run"
    done = shardmill("run", str(case.recipe_path), "-i", str(case.table), "-o", str(inside), "--engine", "inline")
    assert (done.returncode, "is a file" in done.stderr) == (2, True), done.stderr


def test_an_output_that_cannot_be_made(case: Case) -> None:
    done = shardmill("run", str(case.recipe_path), "-i", str(case.table), "-o", "/proc/run", "--engine", "inline")
    assert (done.returncode, "cannot be written to" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    "command", [["run", "web-captions", "-o"], ["plan", "web-captions", "-o"], ["status"], ["verify"], ["pack"]]
)
def test_a_runs_folder_is_no_url(tmp_path: Path, command: list[str]) -> None:
    done = shardmill(*command, "s3://bucket/run", cwd=tmp_path)
    assert done.returncode == 2
    assert "must be a local or mounted path" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("inputs", [True, False])
def test_another_source_is_another_run_with_and_without_the_input(case: Case, inputs: bool) -> None:
    case.run()
    given = ("--input", str(case.table)) if inputs else ()
    before = files(case.run_folder)
    done = shardmill(
        *("run", str(case.recipe_path), "-o", str(case.run_folder), "--engine", "inline", *given),
        *("--set", "source.caption_lang=de"),
    )
    assert (done.returncode, "`source:`" in done.stderr) == (2, True), done.stderr
    assert files(case.run_folder) == before


def test_what_the_plan_pinned_stays_and_is_said(case: Case) -> None:
    case.run()
    done = shardmill(
        *("run", str(case.recipe_path), "-o", str(case.run_folder), "--engine", "inline"),
        *("--set", "run.seed=7", "--set", "run.part_rows=5"),
    )
    assert done.returncode == 0, done.stderr
    assert "run.seed is 0, as planned at first, and not 7" in done.stdout
    assert "run.part_rows is 16, as planned at first, and not 5" in done.stdout


def test_pack_takes_no_settings_but_its_own_and_the_runs(case: Case) -> None:
    case.run()
    before = files(case.run_folder)
    done = shardmill("pack", str(case.run_folder), "--engine", "inline", "--set", "stages.min_side.pixels=90")
    assert done.returncode == 2
    assert "--set stages.min_side.pixels=90: packing again changes `pack.` and `run.` only" in done.stderr
    assert files(case.run_folder) == before


def test_pack_of_a_run_that_is_not_ready_leaves_its_recipe_alone(case: Case) -> None:
    case.run(until="pull")
    saved = (case.run_folder / "run.json").read_bytes()
    done = shardmill("pack", str(case.run_folder), "--engine", "inline", "--set", "pack.dialect=plain")
    assert done.returncode == 2, done.stderr
    assert (case.run_folder / "run.json").read_bytes() == saved


def test_pack_writes_down_what_it_packed_with(case: Case) -> None:
    case.recipe = RECIPE.replace("name: small", "name: small\ndescription: wide 🖼")
    case.run()
    done = shardmill("pack", str(case.run_folder), "--engine", "inline", "--set", "pack.dialect=plain")
    assert done.returncode == 0, done.stderr
    saved = json.loads((case.run_folder / "run.json").read_text("utf-8"))["recipe"]
    assert (saved["pack"]["dialect"], saved["description"]) == ("plain", "wide 🖼")
    assert shardmill("verify", str(case.run_folder)).returncode == 0


@pytest.mark.parametrize("command", ["status", "verify", "pack"])
def test_commands_on_a_folder_that_holds_no_run(tmp_path: Path, command: str) -> None:
    done = shardmill(command, str(tmp_path))
    assert done.returncode == 2
    assert "holds no run" in done.stderr


def test_relative_paths_are_those_of_the_users_folder(case: Case) -> None:
    recipe, table = case.recipe_path.name, case.table.name
    done = shardmill("run", recipe, "-i", table, "-o", "there", "--engine", "inline", cwd=case.folder)
    assert done.returncode == 0, done.stderr
    assert (case.folder / "there" / "dataset" / "README.md").exists()


def test_plan_pins_the_input_and_fetches_nothing(case: Case) -> None:
    options = (str(case.recipe_path), "-i", str(case.table), "-o", str(case.run_folder))
    planned = json.loads(shardmill("plan", *options, "--json").stdout)
    assert (planned["rows"], planned["parts"], planned["skipped"]["pull"]) == (23, 2, 0)
    assert planned["disk_bytes"] > 0
    assert planned["inodes"] > 0
    assert case.web.counts.total() == 0
    assert (case.status()["rows"], case.status()["undecided"]) == (23, 23)
    case.run()
    planned = json.loads(shardmill("plan", *options, "--json").stdout)
    assert planned["skipped"] == {"pull": 2, "filter": 2, "exact_duplicates": 2, "pack": 2}


def test_run_and_verify_print_json_and_nothing_else(case: Case) -> None:
    done = subprocess.run([*case.command("--engine", "inline", "--json")], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["kept"] == 20
    verified = json.loads(shardmill("verify", str(case.run_folder), "--json").stdout)
    assert verified["sound"]
    assert verified["samples"] == 20


def test_verify_finds_a_changed_byte_anywhere(case: Case) -> None:
    case.run()
    for pattern in ("layers/pull/*", "sets/*/part*", "dataset/data/*", "input/*"):
        (file, *_) = sorted(case.run_folder.glob(pattern))
        content = file.read_bytes()
        file.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
        done = shardmill("verify", str(case.run_folder))
        assert done.returncode == 1
        assert file.name in done.stdout
        file.write_bytes(content)
    assert shardmill("verify", str(case.run_folder)).returncode == 0


def test_verify_finds_a_sample_too_many(case: Case) -> None:
    case.run()
    other = Case(case.web, case.folder, case.urls, output="other")
    other.run(limit=10)
    (ours,) = sorted((case.run_folder / "dataset/data").iterdir())
    (theirs,) = sorted((other.run_folder / "dataset/data").iterdir())
    ours.write_bytes(theirs.read_bytes())
    assert shardmill("verify", str(case.run_folder)).returncode == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.slice(0, 19), "not those of the rows kept"),
        (lambda rows: rows.slice(1), "not those of the rows kept"),
        (lambda rows: pa.concat_tables([rows.slice(0, 5), rows.slice(6)]), "not those of the rows kept"),
        (lambda rows: pa.concat_tables([rows, rows.slice(19)]), "stands twice"),
        (lambda rows: rows.take([1, 0, *range(2, 20)]), "not those of the rows kept"),
        (lambda rows: rows.set_column(0, "id", pa.array(["x-1-caption"] * 20)), "not those of the rows kept"),
    ],
)
def test_verify_holds_a_shard_that_was_committed_wrong_against_the_rows_kept(
    case: Case, change: Callable[[pa.Table], pa.Table], said: str
) -> None:
    case.run()
    (shard,) = (case.run_folder / "dataset/data").iterdir()
    pq.write_table(change(pq.read_table(shard)), shard)
    shards = Manifest(RunLayout(case.run_folder), "shards")
    shards.record(replace(shards[0], bytes=shard.stat().st_size, digest=digest(shard)))
    done = shardmill("verify", str(case.run_folder))
    assert (done.returncode, said in done.stdout) == (1, True), done.stdout + done.stderr


def test_verify_follows_samples_through_several_shards_and_a_second_pass(case: Case) -> None:
    case.urls = urls(case.web, image=560, flaky=40, broken=5, gone=10)
    case.run("run.part_rows=64")
    assert len(list((case.run_folder / "dataset/data").iterdir())) > 1
    verified = json.loads(shardmill("verify", str(case.run_folder), "--json").stdout)
    assert (verified["problems"], verified["samples"]) == ([], 600)


def test_schemas_and_recipes_are_printed() -> None:
    assert json.loads(shardmill("schema", "recipe").stdout)["title"] == "Recipe"
    layers = shardmill("schema", "layers").stdout
    assert all(name in layers for name in ("phash", "translated_turns", "number_mismatch"))
    assert "messages_tagged" in shardmill("schema", "shard").stdout
    assert shardmill("schema", "nothing").returncode == 2
    listed = shardmill("recipes").stdout
    assert "web-captions" in listed
    assert "coyo-700m" in listed


def test_examples_in_the_help_name_recipes_that_take_any_input() -> None:
    for command in ("run", "plan"):
        examples = re.findall(r"Example: shardmill \w+ (\S+)", shardmill(command, "--help").stdout)
        assert examples
        assert set(examples) <= set(shipped()) - {"demo"}


def test_try_fetch_prints_one_object_a_line(web: Web) -> None:
    done = shardmill("try", "fetch", web.url("image", 1), web.url("gone", 1), "--allow", "127.0.0.0/8")
    found = {row["url"]: row for row in map(json.loads, done.stdout.splitlines())}
    kept, gone = found[web.url("image", 1)], found[web.url("gone", 1)]
    assert list(kept) == [
        *("url", "outcome", "reason", "value", "final_url", "status"),
        *("bytes", "format", "width", "height", "sha256", "phash", "ms", "attempts", "detail"),
    ]
    assert (kept["outcome"], kept["reason"], kept["format"], kept["width"]) == ("kept", None, "jpeg", 120)
    assert (gone["outcome"], gone["reason"], gone["value"]) == ("rejected", "http_gone", 404)
    refused = json.loads(shardmill("try", "fetch", web.url("image", 2)).stdout)
    assert refused["reason"] == "blocked_address"


def test_try_fetch_allows_networks_only() -> None:
    done = shardmill("try", "fetch", "http://127.0.0.1/a.jpg", "--allow", "notanet")
    assert done.returncode == 2
    assert "--allow" in done.stderr
    assert "notanet" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_imports_nothing_heavy() -> None:
    heavy = {"ray", "pyarrow", "aiohttp", "numpy", "cv2", "pandas", "datasets", "pydantic"}
    code = f"import sys, jobs.cli; print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_commands_load_no_model_client_or_cluster_before_they_need_one() -> None:
    heavy = {"openai", "torch", "spacy", "onnxruntime", "rapidocr", "ray", "matplotlib"}
    code = f"import sys, jobs.commands; print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "command",
    [[], ["run"], ["plan"], ["retry"], ["status"], ["sheet"], ["try"], ["try", "fetch"], ["try", "phrases"], ["demo"]],
)
def test_every_command_has_help(command: list[str]) -> None:
    done = subprocess.run([SHARDMILL, *command, "--help"], capture_output=True, text=True, check=True)
    assert "Usage" in done.stdout

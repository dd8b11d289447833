"""Images that stand for others: status names them, and a list refuses their rows without asking anew."""

import hashlib
import io
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console

from jobs.reports import suspects
from jobs.store.commit import read_layer
from tests.support.runs import RECIPE, Case, is_sound, shardmill, urls
from tests.support.web import Web

COPIES = 15


@pytest.fixture
def case(web: Web, tmp_path: Path) -> Case:
    return Case(web, tmp_path, urls(web, image=20, copy=COPIES, gone=3))


def pulled(case: Case) -> list[dict[str, object]]:
    files = sorted((case.run_folder / "layers/pull").glob("*.parquet"))
    rows: list[dict[str, object]] = pa.concat_tables([read_layer(file) for file in files]).to_pylist()
    return rows


def refuse(case: Case, listed: str) -> None:
    """Run again with a list of placeholders."""
    case.recipe = RECIPE.replace(
        "  - stage: aspect_ratio\n", f"  - {{stage: placeholders, lists: [{listed}]}}\n  - stage: aspect_ratio\n"
    )
    assert case.run() == 0


def test_status_names_what_one_host_sent_again_and_again_and_a_list_refuses_it(case: Case, web: Web) -> None:
    case.run("run.second_pass=false")
    copy = web.answer("/copy/0.jpg")[1]
    (suspect,) = case.status()["suspects"]
    assert (suspect["host"], suspect["rows"]) == ("127.0.0.1", COPIES)
    assert suspect["sha256"] == hashlib.sha256(copy).hexdigest()
    (example,) = [row for row in pulled(case) if row["id"] == int(suspect["id"])]
    assert example["sha256"] == bytes.fromhex(suspect["sha256"])
    assert suspect["sha256"] in shardmill("status", str(case.run_folder)).stdout

    listed = case.folder / "removed.txt"
    listed.write_text(suspect["sha256"] + "\n")
    refuse(case, f"{{kind: sha256, path: {listed}}}")
    asked = web.counts.total()
    assert case.reasons() == {"kept": 20, "placeholder": COPIES, "http_gone": 3}
    assert case.status()["suspects"] == []
    assert web.counts.total() == asked
    assert is_sound(case.run_folder)


def test_a_hash_can_be_copied_however_narrow_the_terminal_is() -> None:
    printed = io.StringIO()
    found = {"host": "images.example.org", "rows": 12, "id": "000000000007", "sha256": "ab" * 32}
    suspects.show([found], Console(file=printed, width=40))
    assert "ab" * 32 in [line.strip() for line in printed.getvalue().splitlines()]


def test_a_list_of_perceptual_hashes_refuses_what_looks_alike(case: Case) -> None:
    case.run()
    (phash,) = {row["phash"] for row in pulled(case) if str(row["final_url"]).find("/copy/") > 0}
    listed = case.folder / "removed.txt"
    listed.write_text(f"{phash:016x}\n")
    refuse(case, f"{{kind: phash, path: {listed}, distance: 0}}")
    assert case.reasons() == {"kept": 20, "placeholder": COPIES, "http_gone": 3}

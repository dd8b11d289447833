"""Images that stand for others: status names them, and a recipe that lists them keeps their rows without the image."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.store.commit import read_layer
from tests.support.runs import Case, shardmill, urls
from tests.support.web import Web

COPIES = 15
KNOWN = (
    "n_bytes",
    "sha256",
    "image_sha256",
    "phash",
    "width",
    "height",
    "format",
    "final_url",
    "status",
    "ms",
    "attempts",
)


@pytest.fixture
def case(web: Web, tmp_path: Path) -> Case:
    return Case(web, tmp_path, urls(web, image=20, copy=COPIES, gone=3))


def pulled(case: Case) -> list[dict[str, object]]:
    files = sorted((case.run_folder / "layers/pull").glob("*.parquet"))
    rows: list[dict[str, object]] = pa.concat_tables([read_layer(file) for file in files]).to_pylist()
    return rows


def test_status_names_what_one_host_sent_again_and_again_and_a_list_refuses_it(case: Case, web: Web) -> None:
    case.run()
    copy = web.answer("/copy/0.jpg")[1]
    (suspect,) = case.status()["suspects"]
    assert (suspect["host"], suspect["rows"]) == ("127.0.0.1", COPIES)
    assert suspect["sha256"] == hashlib.sha256(copy).hexdigest()
    (example,) = [row for row in pulled(case) if row["id"] == int(suspect["id"])]
    assert example["sha256"] == bytes.fromhex(suspect["sha256"])
    assert suspect["sha256"] in shardmill("status", str(case.run_folder)).stdout

    listed = case.folder / "removed.txt"
    listed.write_text(suspect["sha256"] + "\n")
    case.run(f"stages.pull.placeholders=[{{kind: sha256, path: {listed}}}]")
    assert case.reasons() == {"kept": 20, "placeholder": COPIES, "http_gone": 3}
    refused = [row for row in pulled(case) if row["reason"] == "placeholder"]
    assert all(row[name] is not None for row in refused for name in KNOWN)
    assert {row["image"] for row in refused} == {None}
    assert case.status()["suspects"] == []
    assert shardmill("verify", str(case.run_folder)).returncode == 0


def test_a_list_of_perceptual_hashes_refuses_what_looks_alike(case: Case) -> None:
    case.run()
    (phash,) = {row["phash"] for row in pulled(case) if str(row["final_url"]).find("/copy/") > 0}
    listed = case.folder / "removed.txt"
    listed.write_text(f"{phash:016x}\n")
    case.run(f"stages.pull.placeholders=[{{kind: phash, path: {listed}, distance: 0}}]")
    assert case.reasons() == {"kept": 20, "placeholder": COPIES, "http_gone": 3}

"""A run with a block-list: what is blocked stands nowhere but in the input, and the list is part of what was asked."""

import hashlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data_cards.card_json import parse
from jobs import commands
from jobs.reports.sheet import SheetOptions, sheet
from schemas.tables import PULLED
from tests.support.runs import Case, files, is_sound, urls
from tests.support.web import Web, picture

BLOCKED = 7
DIGEST = hashlib.sha256(picture(BLOCKED)).hexdigest()


@pytest.fixture
def case(web: Web, tmp_path: Path) -> Case:
    return Case(web, tmp_path, urls(web, image=20, gone=3))


def with_list(case: Case, name: str, *digests: str) -> str:
    path = case.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{digest}\n" for digest in digests))
    return f"stages.pull.blocklists=[{{kind: sha256, path: {path}}}]"


def test_what_is_blocked_stands_nowhere_but_in_the_input(case: Case) -> None:
    assert case.run(with_list(case, "list.txt", DIGEST)) == 0
    assert case.reasons() == {"kept": 19, "http_gone": 3, "blocked_hash": 1}
    rows = [
        row for part in (case.run_folder / "layers/pull").glob("*.parquet") for row in pq.read_table(part).to_pylist()
    ]
    (blocked,) = [row for row in rows if row["reason"] == "blocked_hash"]
    assert {blocked[name] for name in ("value", "detail", *PULLED.names)} == {None}

    assert sheet(SheetOptions(case.run_folder, every=True)) == 0
    url = case.web.url("image", BLOCKED)
    secrets = [url.encode(), DIGEST.encode(), bytes.fromhex(DIGEST), picture(BLOCKED)]
    seen = {"input": 0, "elsewhere": 0}
    for path, content in files(case.run_folder).items():
        texts = [content]
        if path.endswith(".parquet"):
            columns = pq.read_table(case.run_folder / path).to_pylist()
            texts += [part for row in columns for part in _leaves(row)]
        found = sum(secret in text for text in texts for secret in secrets)
        seen["input" if path.startswith("input/") else "elsewhere"] += found
    assert seen["input"]
    assert not seen["elsewhere"]
    assert is_sound(case.run_folder)

    (host,) = parse((case.run_folder / "dataset/card.json").read_text("utf-8")).hosts
    assert (host.rows, host.kept, host.left) == (22, 19, (("pull", "http_gone", 3),))


def _leaves(value: object) -> list[bytes]:
    if isinstance(value, dict):
        return [leaf for member in value.values() for leaf in _leaves(member)]
    if isinstance(value, list | tuple):
        return [leaf for member in value for leaf in _leaves(member)]
    return [value if isinstance(value, bytes) else str(value).encode()]


def test_a_list_that_grew_is_asked_again_and_one_that_moved_is_not(case: Case) -> None:
    first = "0" * 64
    case.run(with_list(case, "list.txt", first))
    asked = case.web.counts.total()
    case.run(with_list(case, "elsewhere/same.txt", first))
    assert case.web.counts.total() == asked
    case.run(with_list(case, "list.txt", first, DIGEST))
    assert case.web.counts.total() == 2 * asked
    assert case.reasons()["blocked_hash"] == 1


def test_the_run_is_told_of_when_its_list_is_gone(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    setting = with_list(case, "list.txt", DIGEST)
    case.run(setting)
    before = case.status()
    (case.folder / "list.txt").unlink()
    assert case.status() == before
    assert before["complete"]
    assert commands.verify(case.run_folder) == 0
    assert commands.pack(case.run_folder, ["pack.dialect=plain"], "inline", None) == 0
    assert case.status()["complete"]
    assert commands.verify(case.run_folder) == 0
    asked = case.web.counts.total()
    capsys.readouterr()
    assert case.run(setting) == 2
    assert "does not exist" in capsys.readouterr().err
    assert case.web.counts.total() == asked
    with_list(case, "list.txt", DIGEST)
    assert case.run(setting) == 0
    assert case.web.counts.total() == asked


def test_a_list_that_is_none_stops_before_anything_is_asked(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    assert case.run(with_list(case, "list.txt", "not a hash")) == 2
    assert "stages.0.blocklists.0.path" in capsys.readouterr().err
    assert not case.web.counts

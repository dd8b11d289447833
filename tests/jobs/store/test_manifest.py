"""The manifest survives a driver killed at any byte of it."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.store.commit import Commit
from jobs.store.manifest import Manifest
from schemas.layout import RunLayout


def commit(part: int, digest: str = "d") -> Commit:
    return Commit(part, 100 + part, digest, "print", {"pull": "abc"}, {"kept": 3, "pull/timeout": 1})


def parts(layout: RunLayout) -> dict[int, Commit]:
    return {found.part: found for found in Manifest(layout, "filter")}


def test_commits_are_there_again_before_and_after_compaction(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path)
    manifest = Manifest(layout, "filter")
    for part in range(5):
        manifest.record(commit(part))
    manifest.record(commit(2, "newer"))
    manifest.forget(4)
    expected = {0: commit(0), 1: commit(1), 2: commit(2, "newer"), 3: commit(3)}
    assert parts(layout) == expected
    manifest.compact()
    assert parts(layout) == expected
    assert [file.name for file in layout.manifest.iterdir()] == ["filter.parquet"]


@given(st.floats(0, 1))
def test_a_torn_journal_loses_at_most_its_last_line_and_takes_new_ones(share: float) -> None:
    with TemporaryDirectory() as folder:
        layout = RunLayout(Path(folder))
        manifest = Manifest(layout, "filter")
        for part in range(3):
            manifest.record(commit(part))
        journal = layout.manifest / "filter.journal"
        whole = journal.read_bytes()
        left = whole[: int(share * len(whole))]
        journal.write_bytes(left)
        survived = parts(layout)
        assert len(survived) >= left.strip().count(b"\n")
        assert all(found == commit(part) for part, found in survived.items())
        Manifest(layout, "filter").record(commit(9))
        assert parts(layout) == {**survived, 9: commit(9)}


@pytest.mark.parametrize("left", [b"\0" * 4096, b"\xff\xfe\xfd", b"42", b'"part"', b"\0\0\0{}"])
def test_what_a_power_cut_leaves_of_a_line_is_passed_over(tmp_path: Path, left: bytes) -> None:
    layout = RunLayout(tmp_path)
    Manifest(layout, "filter").record(commit(1))
    journal = layout.manifest / "filter.journal"
    journal.write_bytes(journal.read_bytes() + left)
    Manifest(layout, "filter").record(commit(2))
    assert parts(layout) == {1: commit(1), 2: commit(2)}


def test_a_compaction_killed_before_the_journal_was_removed_changes_nothing(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path)
    manifest = Manifest(layout, "filter")
    manifest.record(commit(1))
    manifest.record(commit(2))
    manifest.forget(1)
    journal = layout.manifest / "filter.journal"
    lines = journal.read_bytes()
    manifest.compact()
    journal.write_bytes(lines)
    assert parts(layout) == {2: commit(2)}


def test_reading_writes_nothing(tmp_path: Path) -> None:
    Manifest(RunLayout(tmp_path), "filter").compact()
    assert list(tmp_path.iterdir()) == []

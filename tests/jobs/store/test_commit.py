"""A layer file is there whole or not at all, and says what it was computed from."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from jobs.store.commit import Commit, LayerWriter, read_commit
from schemas.tables import VERDICT

ROWS = pa.table(
    {
        "id": [1, 2, 3],
        "outcome": ["kept", "rejected", "failed"],
        "stage": [None, "min_side", "pull"],
        "reason": [None, "min_side", "timeout"],
        "value": [None, 3.0, None],
        "detail": pa.nulls(3, pa.string()),
    },
    schema=VERDICT,
)
TOTAL = Counter({"kept": 1, "min_side/min_side": 1, "pull/timeout": 1})
NONE = np.empty(0, np.int64)


def write(path: Path) -> Commit:
    with LayerWriter(path, VERDICT, "0") as writer:
        writer.write(ROWS)
        return writer.commit(7, "print", {"pull": "abc"}, TOTAL, TOTAL)


def test_what_was_committed_is_read_back_from_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "layer" / "part.parquet"
    commit = write(path)
    assert read_commit(path, NONE) == commit
    assert commit.rows == 3


def test_rows_taken_over_by_a_retry_are_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    write(path)
    found = read_commit(path, np.array([3]))
    assert found is not None
    assert found.counts == {"kept": 1, "min_side/min_side": 1}


def test_it_answers_its_own_fingerprint_and_inputs_only(tmp_path: Path) -> None:
    commit = write(tmp_path / "part.parquet")
    assert commit.answers("print", {"pull": "abc"})
    assert not commit.answers("other", {"pull": "abc"})
    assert not commit.answers("print", {"pull": "abd"})


def test_a_block_that_fails_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    before = write(path)
    with pytest.raises(ZeroDivisionError), LayerWriter(path, VERDICT, "0") as writer:
        writer.write(ROWS)
        raise ZeroDivisionError
    assert read_commit(path, NONE) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["part.parquet"]


@pytest.mark.parametrize("keep", [0, 4, 100])
def test_a_torn_or_foreign_file_is_no_commit(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "part.parquet"
    write(path)
    path.write_bytes(path.read_bytes()[:keep])
    assert read_commit(path, NONE) is None


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    assert write(tmp_path / "a.parquet").digest == write(tmp_path / "b.parquet").digest

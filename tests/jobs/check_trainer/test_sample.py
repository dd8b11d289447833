"""A few rows of a set, spread evenly, laid out as a set of their own; and which folders are refused."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.check_trainer.mistake import CheckMistakeError
from jobs.check_trainer.sample import Sample, take
from pipelines.chatml.pack_spec import PackSpec
from tests.jobs.check_trainer.conftest import row, write

QWEN = PackSpec(dialect="qwen2_5_vl", max_pixels=50_176)


@pytest.mark.parametrize(
    ("rows", "taken"), [(1, [0]), (2, [0, 9]), (4, [0, 3, 6, 9]), (10, list(range(10))), (99, list(range(10)))]
)
def test_rows_are_spread_evenly_over_row_groups(tmp_path: Path, rows: int, taken: list[int]) -> None:
    folder = write(tmp_path / "set", [row(number, None) for number in range(10)], QWEN, group_rows=3)
    assert take(folder, rows).rows["id"].to_pylist() == [f"row-{number}" for number in taken]


def test_a_run_s_folder_is_as_good_as_its_data_set(dataset: Path) -> None:
    assert take(dataset.parent, 5).rows.equals(take(dataset, 5).rows)


def test_the_footer_says_dialect_and_budget(sample: Sample) -> None:
    assert sample.dialect.name == "qwen2_5_vl"
    assert sample.budget.max_pixels == 50_176


def test_what_is_laid_out_is_a_data_set_with_features_footer_and_kit(
    dataset: Path, sample: Sample, tmp_path: Path
) -> None:
    sample.write(tmp_path)
    (shard,) = (tmp_path / "data").iterdir()
    original = pq.read_table(dataset / "data" / shard.name)
    copied = pq.read_table(shard)
    assert copied.equals(original)
    assert copied.schema.metadata == original.schema.metadata
    names = {str(path.relative_to(tmp_path)) for path in (tmp_path / "trainers").rglob("*")}
    assert names == {str(path.relative_to(dataset)) for path in (dataset / "trainers").rglob("*")}


def test_a_folder_without_a_packed_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckMistakeError, match="holds no packed data set"):
        take(tmp_path, 1)
    (tmp_path / "dataset/data").mkdir(parents=True)
    with pytest.raises(CheckMistakeError, match="holds no packed data set"):
        take(tmp_path, 1)


def test_a_shard_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "data/train-00000-of-00001.parquet")
    with pytest.raises(CheckMistakeError, match="shardmill did not write it"):
        take(tmp_path, 1)


@pytest.mark.parametrize("spec", [PackSpec(dialect="plain"), PackSpec(dialect="internvl")])
def test_a_dialect_that_was_never_compared_is_refused(tmp_path: Path, spec: PackSpec) -> None:
    write(tmp_path / "set", [row(0)], spec)
    with pytest.raises(CheckMistakeError, match="only the Qwen dialects"):
        take(tmp_path / "set", 1)


def test_a_set_without_rows_or_kit_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "empty", [], QWEN)
    with pytest.raises(CheckMistakeError, match="holds no rows"):
        take(tmp_path / "empty", 1)
    folder = write(tmp_path / "set", [row(0)], QWEN)
    (folder / "trainers").rename(folder / "elsewhere")
    with pytest.raises(CheckMistakeError, match="shardmill pack"):
        take(folder, 1)

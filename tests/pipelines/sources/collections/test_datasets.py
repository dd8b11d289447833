"""Data sets of the `datasets` library: saved to disk, or as Parquet on a file system like the Hub's."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import fsspec
import pyarrow as pa
import pytest

from pipelines.pull.local import ImageAt, LocalImages
from pipelines.sources.collections import datasets_folder
from pipelines.sources.files import InputError, signature
from pipelines.sources.inputs import find
from pipelines.sources.spec import Columns, SourceSpec
from pipelines.stage import Verdict
from tests.support.tables import captions, read_all

SPEC = SourceSpec(format="datasets", caption_lang="en")
FEATURES = datasets.Features(
    {"picture": datasets.Image(), "caption": datasets.Value("string"), "n": datasets.Value("int32")}
)


def made(n: int, first: int = 0) -> datasets.Dataset:
    rows = range(first, first + n)
    return datasets.Dataset.from_dict(
        {
            "picture": [{"bytes": b"%d" % i, "path": f"{i}.jpg"} for i in rows],
            "caption": [f"c{i}" for i in rows],
            "n": list(rows),
        },
        FEATURES,
    )


def image(row: dict[str, Any]) -> Any:
    found = LocalImages(1 << 20).read(ImageAt(**row["image_at"]))
    return found.reason if isinstance(found, Verdict) else found


def refusal(path: str | Path, spec: SourceSpec = SPEC) -> str:
    with pytest.raises(InputError) as refused:
        find([str(path)], spec)
    return str(refused.value)


@pytest.mark.parametrize("spec", [SPEC, SourceSpec()], ids=["said", "auto"])
def test_what_was_saved_to_disk_is_read_in_its_order(
    tmp_path: Path, spec: SourceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets_folder, "_BATCH_ROWS", 3)
    made(10).save_to_disk(tmp_path / "d", num_shards=2)

    rows = read_all(tmp_path / "d", spec)

    assert [image(row) for row in rows] == [b"%d" % i for i in range(10)]
    assert [captions(row) for row in rows] == [[f"c{i}"] for i in range(10)]
    assert [(row["source"], row["input_error"]) for row in rows] == [({"n": str(i)}, None) for i in range(10)]
    assert [row["source_row"] for row in rows] == [*range(5), *range(5)]


def test_all_splits_are_read(tmp_path: Path) -> None:
    datasets.DatasetDict({"train": made(3), "test": made(2, first=3)}).save_to_disk(tmp_path / "d")
    assert [file.name for file in find([str(tmp_path / "d")], SPEC)] == [
        "test/data-00000-of-00001.arrow",
        "train/data-00000-of-00001.arrow",
    ]
    assert [image(row) for row in read_all(tmp_path / "d", SPEC)] == [b"3", b"4", b"0", b"1", b"2"]
    assert len(read_all(tmp_path / "d" / "train", SourceSpec())) == 3


def test_files_that_the_state_does_not_list_are_not_read(tmp_path: Path) -> None:
    made(3).save_to_disk(tmp_path / "d")
    (tmp_path / "d" / "data-00009-of-00010.arrow").write_bytes(b"left over")
    assert len(read_all(tmp_path / "d", SPEC)) == 3


def test_cells_without_bytes_name_files(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.jpg").write_bytes(b"file")
    paths = ["a.jpg", "b.jpg", "/home/writer/c.jpg", None]
    cells = [{"bytes": b"cell", "path": "a.jpg"}, *({"bytes": None, "path": path} for path in paths), None]
    table = pa.table({"picture": pa.array(cells, FEATURES.arrow_schema.field("picture").type), "caption": ["c"] * 6})
    schema = FEATURES.arrow_schema.remove(2)
    metadata = {b"huggingface": json.dumps({"info": {"features": {"picture": {"_type": "Image"}, "caption": {}}}})}
    with pa.ipc.new_file(tmp_path / "d" / "x.arrow", schema.with_metadata(metadata)) as out:
        out.write_table(table.replace_schema_metadata(metadata))

    rows = read_all(tmp_path / "d" / "x.arrow")

    assert [image(row) for row in rows[:3]] == [b"cell", b"file", "file_missing"]
    assert [row["input_error"] for row in rows[3:]] == [
        "/home/writer/c.jpg has an absolute path",
        "no image is named",
        "no image is named",
    ]


class TestHub:
    """The Hub's file system is fsspec's, as is this one in memory."""

    @pytest.fixture
    def hub(self) -> Iterator[str]:
        filesystem = fsspec.filesystem("memory")
        for split, n in (("train", 5), ("test", 2)):
            with filesystem.open(f"/datasets/owner/name/data/{split}-00000-of-00001.parquet", "wb") as out:
                made(n).to_parquet(out)
        filesystem.pipe("/datasets/owner/name/README.md", b"---\n")
        filesystem.pipe("/datasets/owner/name/.gitattributes", b"")
        yield "memory://datasets/owner/name"
        filesystem.rm("/datasets", recursive=True)

    def test_its_parquet_files_are_read(self, hub: str) -> None:
        rows = read_all(hub, SPEC)
        assert [image(row) for row in rows] == [b"0", b"1", *(b"%d" % i for i in range(5))]
        assert [row["source_file"] for row in rows[:3]] == [
            "test-00000-of-00001.parquet",
            "test-00000-of-00001.parquet",
            "train-00000-of-00001.parquet",
        ]

    def test_a_part_of_it_may_be_named(self, hub: str) -> None:
        assert len(read_all(f"{hub}/data/train-*.parquet", SPEC)) == 5
        assert len(read_all(f"{hub}/data/test-00000-of-00001.parquet", SPEC)) == 2

    def test_a_saved_one_may_lie_there_too(self) -> None:
        try:
            made(3).save_to_disk("memory://saved")
            assert [image(row) for row in read_all("memory://saved", SPEC)] == [b"0", b"1", b"2"]
        finally:
            fsspec.filesystem("memory").rm("/saved", recursive=True)

    def test_where_nobody_answers_it_is_told(self) -> None:
        script = (
            "from pipelines.sources.inputs import find; from pipelines.sources.spec import SourceSpec\n"
            "for format in ('datasets', 'auto'):\n"
            "    try: find(['hf://datasets/owner/name'], SourceSpec(format=format))\n"
            "    except Exception as error: print(type(error).__name__, error)"
        )
        nobody = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1", "HF_HUB_OFFLINE": "0"}
        done = subprocess.run([sys.executable, "-c", script], env=nobody, capture_output=True, text=True, check=True)
        assert [line.split(":")[:3] for line in done.stdout.splitlines()] == [
            ["InputError hf", "//datasets/owner/name", " cannot be reached"]
        ] * 2

    def test_without_parquet_it_is_refused(self) -> None:
        filesystem = fsspec.filesystem("memory")
        filesystem.pipe("/datasets/owner/tars/x.tar", b"x")
        try:
            assert "neither Arrow nor Parquet" in refusal("memory://datasets/owner/tars")
        finally:
            filesystem.rm("/datasets", recursive=True)


class TestRefusing:
    def test_a_data_set_without_images_or_with_several(self, tmp_path: Path) -> None:
        datasets.Dataset.from_dict({"caption": ["c"]}).save_to_disk(tmp_path / "none")
        several = datasets.Features({"a": datasets.Image(), "b": datasets.Image(), "caption": datasets.Value("string")})
        cell = [{"bytes": b"x", "path": None}]
        both = datasets.Dataset.from_dict({"a": cell, "b": cell, "caption": ["c"]}, several)
        both.save_to_disk(tmp_path / "two")

        assert "no column of images; it has caption: choose one" in refusal(tmp_path / "none")
        assert "a, b all hold images: choose one with `--set source.columns.image=a`" in refusal(tmp_path / "two")
        spec = SourceSpec(format="datasets", columns=Columns(image="b"))
        assert image(read_all(tmp_path / "two", spec)[0]) == b"x"

    def test_a_missing_caption_column(self, tmp_path: Path) -> None:
        made(1).rename_column("caption", "text").save_to_disk(tmp_path / "d")
        assert "no column `caption` (did you mean `text`?)" in refusal(tmp_path / "d")

    def test_an_empty_one(self, tmp_path: Path) -> None:
        made(0).save_to_disk(tmp_path / "d")
        assert "empty input" in refusal(tmp_path / "d")

    def test_one_whose_rows_a_file_of_indices_selects(self, tmp_path: Path) -> None:
        made(3).save_to_disk(tmp_path / "d")
        state = json.loads((tmp_path / "d" / "state.json").read_text())
        (tmp_path / "d" / "state.json").write_text(json.dumps(state | {"_indices_data_files": ["i.arrow"]}))
        assert "save it anew after `flatten_indices()`" in refusal(tmp_path / "d")

    @pytest.mark.parametrize("state", ["{", "[]", "{}", '{"_data_files": [{"filename": "../../x.arrow"}]}'])
    def test_a_state_that_is_none_or_leads_out(self, tmp_path: Path, state: str) -> None:
        made(3).save_to_disk(tmp_path / "d")
        (tmp_path / "d" / "state.json").write_text(state)
        said = refusal(tmp_path / "d")
        assert "not as `save_to_disk` writes it" in said or "../../x.arrow leads out of the folder" in said

    def test_an_arrow_file_that_was_cut_off(self, tmp_path: Path) -> None:
        made(100).save_to_disk(tmp_path / "d")
        path = tmp_path / "d" / "data-00000-of-00001.arrow"
        for size in (0, 10, 1000):
            path.write_bytes(path.read_bytes()[:size])
            assert "Arrow" in refusal(tmp_path / "d") or "cannot be read" in refusal(tmp_path / "d")


def test_its_digest_is_that_of_its_tables(tmp_path: Path) -> None:
    made(3).save_to_disk(tmp_path / "d")
    (one,) = signature(find([str(tmp_path / "d")], SPEC))
    assert one["bytes"] == (tmp_path / "d" / "data-00000-of-00001.arrow").stat().st_size

"""Shards that img2dataset wrote, or was writing when it was killed: every row that anything tells of comes in."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.pull.local import ImageAt, LocalImages
from pipelines.sources.files import InputError
from pipelines.sources.inputs import find
from pipelines.sources.spec import Columns, SourceSpec
from tests.support.tables import captions, read_all
from tests.support.tars import tar

SPEC = SourceSpec(format="img2dataset", caption_lang="en")
REFETCH = SourceSpec(format="img2dataset", refetch=True)
FAILED = {2: "HTTP Error 404: Not Found", 5: "<urlopen error timed out>"}
Row = dict[str, Any]


def listed(n: int = 6, prefix: str = "00000") -> list[Row]:
    """Rows as the list of a shard has them."""
    return [
        {
            "url": f"http://h/{prefix}/{number}",
            "caption": f"caption {number}",
            "score": number / 2,
            "key": f"{prefix}{number:04d}",
            "status": "failed_to_download" if number in FAILED else "success",
            "error_message": FAILED.get(number),
            "width": None if number in FAILED else 8,
        }
        for number in range(n)
    ]


def content(row: Row) -> bytes:
    return f"image {row['key']}".encode()


def sidecars(rows: Sequence[Row]) -> list[tuple[str, bytes]]:
    """Files by name, as `files` and `webdataset` have them; failed rows have none."""
    return [
        (f"{row['key']}.{kind}", text)
        for row in rows
        if row["status"] == "success"
        for kind, text in (
            ("jpg", content(row)),
            ("txt", row["caption"].encode()),
            ("json", json.dumps(row).encode()),
        )
    ]


def write_list(folder: Path, rows: Sequence[Row], name: str = "00000") -> None:
    pq.write_table(pa.Table.from_pylist(list(rows)), folder / f"{name}.parquet")
    (folder / f"{name}_stats.json").write_text("{}")


def write_files(folder: Path, rows: Sequence[Row], name: str = "00000") -> None:
    write_list(folder, rows, name)
    (folder / name).mkdir()
    for file, text in sidecars(rows):
        (folder / name / file).write_bytes(text)


def write_webdataset(folder: Path, rows: Sequence[Row], name: str = "00000") -> None:
    write_list(folder, rows, name)
    (folder / f"{name}.tar").write_bytes(tar(sidecars(rows)))


def write_parquet(folder: Path, rows: Sequence[Row], name: str = "00000") -> None:
    write_list(folder, [row | {"jpg": content(row) if row["status"] == "success" else None} for row in rows], name)


def hand_out(folder: Path, rows: Sequence[Row], number: int) -> None:
    """The rows of a shard that is not finished."""
    table = pa.table({name: [row[name] for row in rows] for name in ("score", "caption", "url")})
    (folder / "_tmp").mkdir()
    with pa.ipc.new_file(folder / f"_tmp/{number}.feather", table.schema) as writer:
        writer.write_table(table)


WRITERS = [write_files, write_webdataset, write_parquet]


def image(row: Row) -> Any:
    return LocalImages(1 << 20).read(ImageAt(**row["image_at"]))


def images(rows: Sequence[Row]) -> dict[str, Any]:
    """What lies where the rows say, by key."""
    return {row["source"]["key"]: image(row) for row in rows if row["image_at"]}


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("spec", [SPEC, SourceSpec(caption_lang="en")], ids=["said", "recognised"])
def test_every_row_of_a_list_comes_in(tmp_path: Path, write: Callable[..., None], spec: SourceSpec) -> None:
    write(tmp_path, listed())
    write(tmp_path, listed(3, "00001"), "00001")
    rows = read_all(tmp_path, spec)
    asked = listed() + listed(3, "00001")
    assert [row["url"] for row in rows] == [row["url"] for row in asked]
    assert [captions(row) for row in rows] == [[row["caption"]] for row in asked]
    assert [row["source"]["score"] for row in rows[:3]] == ["0", "0.5", "1"]
    kept = [row for row in asked if row["status"] == "success"]
    assert images(rows) == {row["key"]: content(row) for row in kept}
    assert [(row["input_reason"], row["input_error"]) for row in rows if not row["image_at"]] == [
        ("http_gone", FAILED[2]),
        ("timeout", FAILED[5]),
        ("http_gone", FAILED[2]),
    ]
    assert (rows[6]["source_file"], rows[6]["source_row"]) == ("00001.parquet", 0)


@pytest.mark.parametrize("write", WRITERS)
def test_failed_rows_can_be_left_to_their_url(tmp_path: Path, write: Callable[..., None]) -> None:
    write(tmp_path, listed())
    failed = [row for row in read_all(tmp_path, REFETCH) if row["image_at"] is None]
    assert [row["url"] for row in failed] == ["http://h/00000/2", "http://h/00000/5"]
    assert {(row["input_error"], row["input_reason"]) for row in failed} == {(None, None)}


@pytest.mark.parametrize("write", WRITERS)
def test_it_may_lie_wherever_fsspec_reaches(tmp_path: Path, write: Callable[..., None]) -> None:
    write(tmp_path, listed())
    fsspec.filesystem("memory").put(str(tmp_path), f"/{write.__name__}", recursive=True)
    found = read_all(f"memory://{write.__name__}")
    assert images(found) == {row["key"]: content(row) for row in listed() if row["status"] == "success"}


def test_captions_keep_the_name_that_img2dataset_gives_them_whatever_table_it_pulled(tmp_path: Path) -> None:
    write_webdataset(tmp_path, listed())
    found = read_all(tmp_path, SourceSpec(table="coyo-700m"))
    assert [(captions(row), row["url"]) for row in found] == [([row["caption"]], row["url"]) for row in listed()]


def test_a_list_without_captions_and_with_a_licence(tmp_path: Path) -> None:
    rows = [{name: row[name] for name in row if name != "caption"} | {"rights": "CC0"} for row in listed()]
    write_parquet(tmp_path, rows)
    found = read_all(tmp_path, SourceSpec(columns=Columns(license="rights")))
    assert [(captions(row), row["license"]) for row in found] == [([], "CC0")] * 6


def test_what_the_list_has_and_the_tar_lacks_is_a_row_with_its_reason(tmp_path: Path) -> None:
    rows = listed()
    write_list(tmp_path, rows)
    whole = tar(sidecars(rows))
    at = whole.index(content(rows[4]))
    (tmp_path / "00000.tar").write_bytes(whole[: at + 3])
    found = read_all(tmp_path, SPEC)
    assert [row["input_reason"] for row in found] == [None, None, "http_gone", None, "file_missing", "timeout"]
    assert "cut off" in found[4]["input_error"]
    assert images(found) == {row["key"]: content(row) for row in (rows[0], rows[1], rows[3])}
    assert [row["input_error"] for row in read_all(tmp_path, REFETCH)] == [None] * 6


def test_a_folder_lacks_an_image(tmp_path: Path) -> None:
    write_files(tmp_path, listed())
    (tmp_path / "00000/000000001.jpg").unlink()
    found = read_all(tmp_path, SPEC)
    assert [row["input_reason"] for row in found][:2] == [None, "file_missing"]


@pytest.mark.parametrize("cut", [0, 40], ids=["empty", "half"])
@pytest.mark.parametrize("write", [write_files, write_webdataset])
def test_a_list_that_was_being_written_is_made_up_for_by_the_rows_handed_out(
    tmp_path: Path, write: Callable[..., None], cut: int
) -> None:
    rows = listed(12)
    write(tmp_path, rows[:7])
    (tmp_path / "00000_stats.json").unlink()
    (tmp_path / "00000.parquet").write_bytes((tmp_path / "00000.parquet").read_bytes()[:cut])
    hand_out(tmp_path, rows, 0)
    found = read_all(tmp_path)
    assert [row["url"] for row in found] == [row["url"] for row in rows]
    assert [captions(row) for row in found] == [[row["caption"]] for row in rows]
    assert images(found) == {row["key"]: content(row) for row in rows[:7] if row["status"] == "success"}
    assert {row["input_reason"] for row in found if not row["image_at"]} == {"engine_error"}
    assert {row["input_error"] for row in read_all(tmp_path, REFETCH)} == {None}


@pytest.mark.parametrize("spec", [SPEC, SourceSpec(caption_lang="en")], ids=["said", "recognised"])
def test_a_shard_that_was_not_begun_comes_in_as_it_was_to_be_handed_out(tmp_path: Path, spec: SourceSpec) -> None:
    write_parquet(tmp_path, listed())
    hand_out(tmp_path, listed(3, "00001"), 1)
    found = read_all(tmp_path, spec)
    assert [row["url"] for row in found] == [row["url"] for row in listed() + listed(3, "00001")]
    assert {row["input_reason"] for row in found[6:]} == {"engine_error"}
    assert len(read_all(tmp_path / "00000.parquet", spec)) == 6


@pytest.mark.parametrize("write", [write_files, write_webdataset])
def test_without_those_the_json_beside_the_images_tells(tmp_path: Path, write: Callable[..., None]) -> None:
    rows = listed()
    write(tmp_path, rows)
    (tmp_path / "00000.parquet").write_bytes(b"")
    found = read_all(tmp_path)
    kept = [row for row in rows if row["status"] == "success"]
    assert [row["url"] for row in found] == [row["url"] for row in kept]
    assert [captions(row) for row in found] == [[row["caption"]] for row in kept]
    assert images(found) == {row["key"]: content(row) for row in kept}


def test_an_image_whose_json_was_cut_off_comes_in_alone(tmp_path: Path) -> None:
    rows = listed(2)
    whole = tar(sidecars(rows))
    (tmp_path / "00000.parquet").touch()
    (tmp_path / "00000.tar").write_bytes(whole[: whole.rindex(b"http://h")])
    found = read_all(tmp_path)
    assert [(row["url"], captions(row)) for row in found] == [(rows[0]["url"], ["caption 0"]), (None, [])]
    assert images(found) == {row["key"]: content(row) for row in rows}


@pytest.mark.parametrize("text", ["[" * 100_000, '{"x": ' + "[" * 500 + "]" * 500 + "}", '"text"', "\xff"])
def test_an_image_whose_json_is_broken_or_too_deep_comes_in_alone(tmp_path: Path, text: str) -> None:
    rows = listed(2)
    write_files(tmp_path, rows)
    (tmp_path / "00000.parquet").write_bytes(b"")
    (tmp_path / "00000/000000001.json").write_bytes(text.encode("latin-1"))
    found = read_all(tmp_path)
    assert [(row["url"], captions(row)) for row in found] == [(rows[0]["url"], ["caption 0"]), (None, [])]
    assert images(found) == {row["key"]: content(row) for row in rows}


def test_a_shard_of_which_nothing_is_left_is_named_before_any_work(tmp_path: Path) -> None:
    write_parquet(tmp_path, listed())
    (tmp_path / "00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"00001.parquet: is a shard that was being written.*leave it out"):
        find([str(tmp_path)], SPEC)


def test_rows_handed_out_by_halves_are_named_before_any_work(tmp_path: Path) -> None:
    write_webdataset(tmp_path, listed())
    hand_out(tmp_path, listed(3, "00001"), 1)
    (tmp_path / "_tmp/1.feather").write_bytes((tmp_path / "_tmp/1.feather").read_bytes()[:100])
    with pytest.raises(InputError, match=r"1.feather: is damaged"):
        find([str(tmp_path)], SPEC)


def test_other_tables_are_not_taken_for_it(tmp_path: Path) -> None:
    pq.write_table(pa.table({"url": ["http://h/1"], "caption": ["one"]}), tmp_path / "00000.parquet")
    (tmp_path / "00000.tar").write_bytes(tar([("a.jpg", b"x")]))
    formats = {file.name: file.format for file in find([f"{tmp_path}/*"], SourceSpec())}
    assert formats == {"00000.parquet": "parquet", "00000.tar": "webdataset"}
    with pytest.raises(InputError, match="img2dataset wrote nothing here"):
        find([str(tmp_path)], SPEC)

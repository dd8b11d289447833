"""Tables whose images lie in files that they name, or in their own cells."""

import gzip
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.pull.local import ImageAt, LocalImages
from pipelines.sources.files import InputError
from pipelines.sources.inputs import find
from pipelines.sources.spec import Columns, SourceSpec
from pipelines.sources.tables import parquet
from pipelines.stage import Verdict
from tests.support.tables import captions, encode, read_all
from tests.support.tables import parquet as parquet_bytes

SPEC = SourceSpec(columns=Columns(image="image"))
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
SUFFIXES = [".parquet", ".csv", ".tsv", ".jsonl"]


def refusal(path: Path, spec: SourceSpec = SPEC) -> str:
    with pytest.raises(InputError) as refused:
        find([str(path)], spec)
    return str(refused.value)


def image(row: dict[str, Any]) -> Any:
    found = LocalImages(1 << 20).read(ImageAt(**row["image_at"]))
    return found.reason if isinstance(found, Verdict) else found


def written(tmp_path: Path, cells: Any, type_: pa.DataType, **options: Any) -> Path:
    """A Parquet table of images and numbered captions."""
    table = pa.table({"image": pa.array(cells, type_), "caption": [f"c{i}" for i in range(len(cells))]})
    path = tmp_path / "t.parquet"
    path.write_bytes(parquet_bytes(table, **options))
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_column_names_files_beside_the_table(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.jpg").write_bytes(b"x")
    rows = [{"image": "sub/a.jpg", "caption": "c", "n": 1}, {"image": "./sub/none.jpg", "caption": "d", "n": 2}]
    (tmp_path / f"t{suffix}").write_bytes(encode(rows, suffix))

    first, second = read_all(tmp_path / f"t{suffix}", SPEC)

    assert (image(first), captions(first), first["source"], first["url"]) == (b"x", ["c"], {"n": "1"}, None)
    assert (image(second), second["input_error"]) == ("file_missing", None)


def test_names_may_start_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(b"x")
    table = tmp_path / "t.csv"
    table.write_bytes(encode([{"image": "a.jpg", "caption": "c"}], ".csv"))
    monkeypatch.chdir(tmp_path)

    for root in ("images", str(tmp_path / "images")):
        (row,) = read_all(table, SourceSpec(columns=Columns(image="image"), root=root))
        assert row["image_at"]["path"] == f"{tmp_path}/images/a.jpg"


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../a.jpg", "../a.jpg leads out of its folder (..)"),
        ("/etc/passwd", "/etc/passwd has an absolute path"),
        ("C:\\a.jpg", "C:\\a.jpg has an absolute path"),
        ("https://h/a.jpg", "https://h/a.jpg is a URL: map its column with `source.columns.url`"),
        (None, "no image is named"),
    ],
)
def test_names_that_lead_out_are_errors_of_their_rows(tmp_path: Path, suffix: str, name: str | None, said: str) -> None:
    rows = [{"image": name, "caption": "c"}, {"image": "b.jpg", "caption": "d"}]
    (tmp_path / f"t{suffix}").write_bytes(encode(rows, suffix))

    first, second = read_all(tmp_path, SPEC)

    assert (first["input_error"], first["image_at"], captions(first)) == (said, None, ["c"])
    assert second["input_error"] is None


def test_a_name_below_a_url_chains_no_file_systems(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(encode([{"image": "abc::memory://b.jpg", "caption": "c"}], ".csv"))
    (row,) = read_all(tmp_path / "t.csv", SourceSpec(columns=Columns(image="image"), root="memory://images"))
    assert row["image_at"] is None
    assert "has `::` in its name" in row["input_error"]


def test_an_absolute_path_below_the_folder_is_one(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(encode([{"image": f"{tmp_path}/a.jpg", "caption": "c"}], ".csv"))
    (row,) = read_all(tmp_path, SPEC)
    assert (row["image_at"]["path"], row["input_error"]) == (f"{tmp_path}/a.jpg", None)


def test_a_row_without_an_image_of_its_own_is_fetched_from_its_url(tmp_path: Path) -> None:
    rows = [{"url": "http://h/a", "image": None, "caption": "c"}, {"url": None, "image": "b.jpg", "caption": "d"}]
    (tmp_path / "t.jsonl").write_bytes(encode(rows, ".jsonl"))
    first, second = read_all(tmp_path, SPEC)
    assert (first["url"], first["image_at"], first["input_error"]) == ("http://h/a", None, None)
    assert (second["url"], second["image_at"]["path"]) == (None, f"{tmp_path}/b.jpg")


def test_a_broken_record_keeps_its_own_error(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"image,caption\na.jpg\n")
    (row,) = read_all(tmp_path, SPEC)
    assert row["input_error"] == "1 field where the header has 2: a.jpg"


@pytest.mark.parametrize("type_", [pa.binary(), pa.large_binary(), IMAGE])
def test_a_column_of_a_parquet_table_holds_images(
    tmp_path: Path, type_: pa.DataType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_UNIT_ROWS", 20)
    many = [b"%d" % n for n in range(50)]
    cells = many if type_ != IMAGE else [{"bytes": one, "path": f"{n}.jpg"} for n, one in enumerate(many)]
    path = written(tmp_path, cells, type_, row_group_size=10)

    rows = read_all(path, SPEC)

    assert [row["source_row"] for row in rows] == list(range(50))
    assert [image(row) for row in rows] == many
    assert [captions(row) for row in rows] == [[f"c{n}"] for n in range(50)]
    assert rows[0]["source"] == {}


def test_images_are_not_read_where_the_footer_tells_that_they_are_there(tmp_path: Path) -> None:
    path = written(tmp_path, [{"bytes": b"x" * 1000, "path": None}] * 100, IMAGE)
    content = bytearray(path.read_bytes())
    at = content.index(b"x" * 500)
    content[at : at + 500] = bytes(500)
    content[4:at] = b"\xff" * (at - 4)  # the column's pages are unreadable now
    path.write_bytes(content)

    assert len(read_all(path, SPEC)) == 100


@pytest.mark.parametrize("statistics", [True, False])
@pytest.mark.parametrize("group", [1, 2, 10])
def test_cells_without_bytes_name_files(tmp_path: Path, statistics: bool, group: int) -> None:
    (tmp_path / "a.jpg").write_bytes(b"file")
    cells = [
        {"bytes": b"cell", "path": "a.jpg"},
        {"bytes": None, "path": "a.jpg"},
        {"bytes": None, "path": "b.jpg"},
        {"bytes": None, "path": "../c.jpg"},
        {"bytes": None, "path": None},
        None,
    ]
    table = pa.table({"image": pa.array(cells, IMAGE), "caption": ["c"] * len(cells)})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=group, write_statistics=statistics)

    rows = read_all(tmp_path / "t.parquet", SPEC)

    assert [image(row) for row in rows[:3]] == [b"cell", b"file", "file_missing"]
    assert [row["input_error"] for row in rows] == [
        None,
        None,
        None,
        "../c.jpg leads out of its folder (..)",
        "no image is named",
        "no image is named",
    ]


def test_a_null_among_bytes_is_missing(tmp_path: Path) -> None:
    rows = read_all(written(tmp_path, [b"x", None], pa.binary()), SPEC)
    assert [image(row) for row in rows] == [b"x", "file_missing"]


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_a_list_of_captions_gives_all_of_them(tmp_path: Path, suffix: str) -> None:
    rows = [{"url": "u", "caption": ["a", "b", None, ""]}, {"url": "v", "caption": []}, {"url": "w", "caption": None}]
    (tmp_path / f"t{suffix}").write_bytes(encode(rows, suffix))
    assert [captions(row) for row in read_all(tmp_path)] == [["a", "b"], [], []]


def test_captions_that_are_no_text_are_an_error_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"url": "u", "caption": ["a", "b\\u0000", "\\ud800", "c"]}\n')
    (row,) = read_all(tmp_path)
    assert captions(row) == ["a", "c"]
    assert row["input_error"] == "caption: bytes that are not UTF-8; caption: a NUL character"


class TestRefusing:
    def test_a_missing_column(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_bytes(b"file_name,caption\na.jpg,c\n")
        assert refusal(tmp_path) == (
            f"{tmp_path}/t.csv: no column `image` (did you mean `file_name`?); it has file_name, caption; "
            "map it with `--set source.columns.image=file_name`"
        )

    @pytest.mark.parametrize("type_", [pa.list_(IMAGE), pa.int32(), pa.struct([("path", pa.string())])])
    def test_a_column_that_cannot_say_where_images_are(self, tmp_path: Path, type_: pa.DataType) -> None:
        said = refusal(written(tmp_path, [None], type_))
        assert "neither images nor names of files: map another with `--set source.columns.image=COLUMN`" in said

    def test_images_in_a_gzipped_table(self, tmp_path: Path) -> None:
        path = written(tmp_path, [b"x"], pa.binary())
        path.with_suffix(".parquet.gz").write_bytes(gzip.compress(path.read_bytes()))
        assert "no image in it can be read apart: unpack it" in refusal(path.with_suffix(".parquet.gz"))

    def test_a_table_of_images_that_is_taken_for_one_of_urls(self, tmp_path: Path) -> None:
        features = datasets.Features({"picture": datasets.Image(), "caption": datasets.Value("string")})
        made = datasets.Dataset.from_dict({"picture": [{"bytes": b"x", "path": None}], "caption": ["c"]}, features)
        made.to_parquet(tmp_path / "t.parquet")
        assert refusal(tmp_path, SourceSpec()).endswith(
            "column `picture` holds images: read them with `--set source.columns.image=picture`"
        )

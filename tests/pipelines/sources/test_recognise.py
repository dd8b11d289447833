"""What a folder holds is recognised, or the message names the choices."""

from pathlib import Path

import datasets
import pyarrow as pa
import pytest

from pipelines.sources.files import InputError
from pipelines.sources.inputs import find
from pipelines.sources.spec import Columns, SourceSpec
from tests.support.tables import encode, parquet
from tests.support.tars import tar

URLS = encode([{"url": "u", "caption": "c", "image": "a.jpg"}], ".csv")
CONTENTS: dict[str, bytes] = {
    "t.csv": URLS,
    "t.parquet": parquet(pa.table({"url": ["u"], "caption": ["c"]})),
    "metadata.csv": b"file_name,caption\na.jpg,c\n",
    "t.tar": tar([("a.jpg", b"x")]),
    "a.jpg": b"x",
    "sub/b.PNG": b"x",
    "a.txt": b"c",
    "notes.md": b"",
    "_t.csv": URLS,
}


def formats(folder: Path, *names: str, spec: SourceSpec | None = None) -> dict[str, str]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(CONTENTS[name])
    return {file.name: file.format for file in find([str(folder)], spec or SourceSpec())}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["t.csv", "t.parquet", "notes.md"], {"t.csv": "csv", "t.parquet": "parquet"}),
        (["t.tar", "notes.md", "a.txt"], {"t.tar": "webdataset"}),
        (["a.jpg", "a.txt", "notes.md"], {"in": "folder"}),
        (["sub/b.PNG"], {"sub": "folder"}),
        (["a.jpg", "sub/b.PNG", "metadata.csv"], {"metadata.csv": "folder"}),
        (["a.jpg", "_t.csv"], {"in": "folder"}),
    ],
)
def test_a_folder_is_read_as_what_it_holds(tmp_path: Path, names: list[str], expected: dict[str, str]) -> None:
    assert formats(tmp_path / "in", *names) == expected


def test_a_saved_data_set_is_known_by_its_files(tmp_path: Path) -> None:
    features = datasets.Features({"image": datasets.Image(), "caption": datasets.Value("string")})
    made = datasets.Dataset.from_dict({"image": [{"bytes": b"x", "path": None}], "caption": ["c"]}, features)
    made.save_to_disk(tmp_path / "one")
    datasets.DatasetDict(train=made).save_to_disk(tmp_path / "splits")
    assert formats(tmp_path / "one") == formats(tmp_path / "splits") == {"data-00000-of-00001.arrow": "datasets"}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ["t.csv", "a.jpg"],
            [
                "holds tables (t.csv) and images (a.jpg): say what is meant",
                "for the tables alone, name them: `--input 'FOLDER/*.csv'`",
                "for the images and what lies beside them, `--set source.format=folder`",
                "where a column of the tables names the images, `--set source.columns.image=COLUMN`",
            ],
        ),
        (
            ["t.parquet", "t.tar"],
            [
                "holds tars (t.tar) and tables (t.parquet): say what is meant",
                "for the tars alone, `--set source.format=webdataset`",
                "for the tables alone, name them: `--input 'FOLDER/*.parquet'`",
            ],
        ),
        (
            ["t.tar", "a.jpg"],
            [
                "holds tars (t.tar) and images (a.jpg): say what is meant",
                "for the tars alone, `--set source.format=webdataset`",
                "for the images and what lies beside them, `--set source.format=folder`",
            ],
        ),
    ],
)
def test_what_could_be_read_in_several_ways_is_asked_for(tmp_path: Path, names: list[str], said: list[str]) -> None:
    with pytest.raises(InputError) as refused:
        formats(tmp_path / "in", *names)
    first, *choices = str(refused.value).splitlines()
    assert [first.removeprefix(f"{tmp_path}/in: "), *(choice.strip() for choice in choices)] == said


def test_the_ways_that_the_message_names_are_ways(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    with pytest.raises(InputError):
        formats(folder, "t.csv", "a.jpg", "t.tar")

    assert formats(folder, spec=SourceSpec(format="webdataset")) == {"t.tar": "webdataset"}
    assert formats(folder, spec=SourceSpec(format="folder")) == {"in": "folder"}
    assert formats(folder / "*.csv") == {"t.csv": "csv"}
    (folder / "t.tar").unlink()
    assert formats(folder, spec=SourceSpec(columns=Columns(image="image"))) == {"t.csv": "csv"}


def test_a_metadata_table_without_images_is_a_table_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_bytes(URLS)
    assert formats(tmp_path) == {"metadata.csv": "csv"}


def test_a_folder_with_nothing_to_read_names_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_bytes(b"")
    with pytest.raises(InputError, match=r"no \.parquet .* file \(or \.gz of them\) is there, nor an image; ignored: "):
        formats(tmp_path)

import gzip
from pathlib import Path

import pytest

from pipelines.sources.files import InputError
from pipelines.sources.inputs import find
from pipelines.sources.spec import SourceSpec
from tests.support.tables import read_all

URLS = ["https://a.example/1.jpg", "https://b.example/街.png?x=1"]


@pytest.mark.parametrize("table", [None, "wukong", "laion-coco"])
def test_each_line_is_a_row_without_captions_whatever_table_the_recipe_names(tmp_path: Path, table: str | None) -> None:
    listed = tmp_path / "urls.txt"
    listed.write_text("\ufeff" + "\n".join(["", *URLS, "  ", "no url"]) + "\r\n", "utf-8")

    rows = read_all(listed, SourceSpec(table=table))  # type: ignore[arg-type]

    assert [row["url"] for row in rows] == [*URLS, "no url"]
    assert [row["captions"] for row in rows] == [[], [], []]
    assert [row["source_row"] for row in rows] == [0, 1, 2]


def test_it_may_be_gzipped(tmp_path: Path) -> None:
    listed = tmp_path / "urls.txt.gz"
    listed.write_bytes(gzip.compress("\n".join(URLS).encode()))

    assert [row["url"] for row in read_all(listed, SourceSpec())] == URLS


def test_a_line_that_is_no_text_is_an_error_of_its_row(tmp_path: Path) -> None:
    listed = tmp_path / "urls.txt"
    listed.write_bytes(URLS[0].encode() + b"\n\xff\n")

    assert [row["input_error"] for row in read_all(listed, SourceSpec())] == [None, "url: bytes that are not UTF-8"]


def test_a_text_that_begins_otherwise_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("A red house\n")

    with pytest.raises(InputError, match="not a list of URLs, as its first line is A red house"):
        find([str(tmp_path / "notes.txt")], SourceSpec())


def test_texts_in_folders_are_none(tmp_path: Path) -> None:
    (tmp_path / "urls.txt").write_text(URLS[0])
    (tmp_path / "pairs.csv").write_text("url,caption\nhttps://a.example/1.jpg,one\n")

    assert [file.name for file in find([str(tmp_path)], SourceSpec())] == ["pairs.csv"]

"""Folders of images: every image is a row, and so is every record of a table that names some."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.pull.local import ImageAt, LocalImages
from pipelines.sources.collections import sidecars
from pipelines.sources.files import InputError, signature
from pipelines.sources.inputs import find
from pipelines.sources.spec import Columns, SourceSpec
from pipelines.stage import Verdict
from tests.support.tables import captions, encode, read_all

SPEC = SourceSpec(format="folder", caption_lang="en")


def put(folder: Path, **files: bytes | str) -> Path:
    """Files by name, ``__`` for a dot."""
    return put_all(folder, {name.replace("__", "."): content for name, content in files.items()})


def put_all(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def image(row: dict[str, Any]) -> Any:
    found = LocalImages(1 << 20).read(ImageAt(**row["image_at"]))
    return found.reason if isinstance(found, Verdict) else found


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["source"]["file_name"]: row for row in rows}


def refusal(path: Path, spec: SourceSpec = SPEC) -> str:
    with pytest.raises(InputError) as refused:
        find([str(path)], spec)
    return str(refused.value)


class TestSidecars:
    def test_texts_of_the_same_name_describe_an_image(self, tmp_path: Path) -> None:
        facts = {"url": "http://h/a", "caption": ["one", "two"], "license": "CC0", "width": 3}
        put(tmp_path, a__jpg=b"x", a__txt="three\n", a__json=json.dumps(facts))

        (row,) = read_all(tmp_path, SPEC)

        assert (row["url"], row["license"], row["input_error"]) == ("http://h/a", "CC0", None)
        assert captions(row) == ["three", "one", "two"]
        assert row["source"] == {"width": "3", "file_name": "a.jpg"}
        assert row["image_at"] == {"path": f"{tmp_path}/a.jpg", "column": None, "start": None, "length": None}
        assert (row["source_file"], row["source_row"]) == (tmp_path.name, 0)

    def test_names_are_told_apart_at_their_last_dot(self, tmp_path: Path) -> None:
        put_all(tmp_path, {"p.1.jpg": "x", "p.1.txt": "one", "p.2.PNG": "y", "p.2.TXT": "two", "p.txt": "none"})
        rows = by_name(read_all(tmp_path, SPEC))
        assert {name: captions(row) for name, row in rows.items()} == {
            "p.1.jpg": ["one"],
            "p.2.PNG": ["two"],
            "p.txt": ["none"],
        }
        assert [row["input_error"] for row in rows.values()] == ["no image beside p.txt", None, None]

    def test_images_of_one_name_share_what_is_said_of_it_and_keep_their_own(self, tmp_path: Path) -> None:
        put_all(tmp_path, {"a.jpg": "x", "a.png": "y", "a.txt": "both", "a.jpg.txt": "jpg", "a.png.json": '{"n": 1}'})
        rows = by_name(read_all(tmp_path, SPEC))
        assert (captions(rows["a.jpg"]), captions(rows["a.png"])) == (["jpg", "both"], ["both"])
        assert rows["a.png"]["source"] == {"n": "1", "file_name": "a.png"}

    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [
            ("a.json", "{", "a.json is not JSON: "),
            ("a.json", "[" * 1_000_000, "a.json is not JSON: "),
            ("a.txt", b"caf\xe9", "caption: bytes that are not UTF-8"),
        ],
    )
    def test_what_is_broken_is_an_error_of_its_image(
        self, tmp_path: Path, name: str, content: bytes | str, said: str
    ) -> None:
        put_all(tmp_path, {"a.jpg": "x", name: content})
        (row,) = read_all(tmp_path, SPEC)
        assert row["input_error"].startswith(said)

    def test_a_text_that_is_too_long_or_no_file_is_not_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sidecars, "TEXT_BYTES", 10)
        put(tmp_path, a__jpg=b"x", a__txt="c" * 11, b__jpg=b"x", c__jpg=b"x")
        os.mkfifo(tmp_path / "b.txt")
        (tmp_path / "c.txt").symlink_to("nowhere")
        errors = [row["input_error"] for row in read_all(tmp_path, SPEC)]
        assert errors[0] == "a.txt has 11 bytes, more than the 10 that are read of a sample's texts"
        assert errors[1] == "b.txt cannot be read: no regular file"
        assert errors[2].startswith("c.txt cannot be read: [Errno 2]")

    def test_names_that_are_no_text_are_errors(self, tmp_path: Path) -> None:
        (tmp_path / os.fsdecode(b"\xe9.jpg")).write_bytes(b"x")
        (row,) = read_all(tmp_path, SPEC)
        assert row["input_error"].startswith("\\udce9.jpg has a name that is not UTF-8")

    def test_links_are_followed_and_a_folder_is_taken_once(self, tmp_path: Path) -> None:
        put(tmp_path / "far", a__jpg=b"x")
        put(tmp_path / "in", b__jpg=b"y")
        (tmp_path / "in" / "c.jpg").symlink_to(tmp_path / "far" / "a.jpg")
        (tmp_path / "in" / "d.jpg").symlink_to("nowhere")
        (tmp_path / "in" / "sub").symlink_to(tmp_path / "far")
        (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
        rows = by_name(read_all(tmp_path / "in", SPEC))
        assert {name: image(row) for name, row in rows.items()} == {
            "a.jpg": b"x",
            "b.jpg": b"y",
            "c.jpg": b"x",
            "d.jpg": "file_missing",
        }

    def test_every_folder_is_a_file_of_the_input(self, tmp_path: Path) -> None:
        files: dict[str, bytes | str] = {
            "x/a.jpg": "x",
            "x/y/b.jpg": "x",
            ".h/c.jpg": "x",
            "x/.d.jpg": "x",
            "z/e.md": "",
        }
        put_all(tmp_path, files)
        assert [(file.name, file.bytes) for file in find([str(tmp_path)], SPEC)] == [("x", 1), ("y", 1)]
        assert len(read_all([tmp_path / "x", tmp_path / "x" / "y"], SPEC)) == 2

    def test_a_glob_of_folders(self, tmp_path: Path) -> None:
        put_all(tmp_path, {"a1/x.jpg": "x", "a2/x.jpg": "x", "b/x.jpg": "x"})
        assert len(find([f"{tmp_path}/a*"], SPEC)) == 2

    def test_its_digest_tells_what_lies_there(self, tmp_path: Path) -> None:
        def digest() -> str:
            return str(signature(find([str(tmp_path)], SPEC))[0]["digest"])

        put(tmp_path, a__jpg=b"x", b__txt="y")
        digests = [digest()]
        put(tmp_path, notes__md="not of the input")
        digests.append(digest())
        put(tmp_path, a__jpg=b"xx")
        digests.append(digest())
        put(tmp_path, c__jpg=b"x")
        digests.append(digest())
        assert digests[0] == digests[1]
        assert len(set(digests)) == 3

    @pytest.fixture
    def memory(self) -> Iterator[str]:
        yield "memory://images"
        fsspec.filesystem("memory").rm("/images", recursive=True)

    def test_a_folder_that_is_not_local(self, memory: str) -> None:
        for name, content in {"a.jpg": b"x", "a.txt": b"one", "sub/b.png": b"y"}.items():
            with fsspec.open(f"{memory}/{name}", "wb") as out:
                out.write(content)
        rows = by_name(read_all(memory, SPEC))
        assert [(image(rows[name]), captions(rows[name])) for name in ("a.jpg", "b.png")] == [
            (b"x", ["one"]),
            (b"y", []),
        ]

    @settings(max_examples=60, deadline=None)
    @given(
        st.sets(
            st.tuples(
                st.sampled_from(["a", "b", "a.b", ".c", "A", "é ü"]),
                st.sampled_from(["jpg", "PNG", "txt", "json", "jpg.txt", "md", "caption"]),
            ).map(".".join),
            max_size=12,
        )
    )
    def test_every_image_is_a_row_and_every_lonely_text_is_told(
        self, tmp_path_factory: pytest.TempPathFactory, names: set[str]
    ) -> None:
        folder = put_all(tmp_path_factory.mktemp("any"), dict.fromkeys(names, "{}"))
        seen = {name for name in names if not name.startswith(".")}
        images = {name for name in seen if name.lower().endswith((".jpg", ".png"))}
        if not images:
            assert "no folder of images" in refusal(folder)
            return
        described = {name.rpartition(".")[0] for name in images} | images
        texts = {name for name in seen - images if not name.endswith(".md")}
        lonely = {name for name in texts if name.rpartition(".")[0] not in described}

        rows = read_all(folder, SPEC)

        assert {row["source"]["file_name"] for row in rows if not row["input_error"]} == images
        told = [row["input_error"].removeprefix("no image beside ").split(", ") for row in rows if row["input_error"]]
        assert sorted(name for some in told for name in some) == sorted(lonely)


class TestTables:
    @pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
    def test_a_table_names_images_at_and_below_its_folder(self, tmp_path: Path, suffix: str) -> None:
        put_all(tmp_path, {"a.jpg": "x", "sub/b.jpg": "y", "sub/unnamed.jpg": "z", "sub/b.txt": "not asked"})
        rows: list[dict[str, Any]] = [
            {"file_name": "sub/b.jpg", "caption": "two", "n": 2},
            {"file_name": "a.jpg", "caption": "one", "n": 1},
            {"file_name": "c.jpg", "caption": "gone", "n": 3},
            {"file_name": "../d.jpg", "caption": "out", "n": 4},
        ]
        (tmp_path / f"metadata{suffix}").write_bytes(encode(rows, suffix))

        found = read_all(tmp_path, SPEC)

        assert [captions(row) for row in found] == [["two"], ["one"], ["gone"], ["out"]]
        assert [image(row) for row in found[:3]] == [b"y", b"x", "file_missing"]
        assert found[3]["input_error"] == "../d.jpg leads out of its folder (..)"
        assert (found[0]["source"], found[0]["source_file"]) == ({"n": "2"}, f"metadata{suffix}")

    def test_a_table_and_folders_beside_one_another(self, tmp_path: Path) -> None:
        put_all(tmp_path, {"x/a.jpg": "x", "x/metadata.csv": "file_name,caption\na.jpg,c\n", "y/b.jpg": "y"})
        assert [file.name for file in find([str(tmp_path)], SPEC)] == ["metadata.csv", "y"]

    def test_another_column_may_name_the_images(self, tmp_path: Path) -> None:
        put(tmp_path, metadata__csv="photo_file_name,mask,caption\na.jpg,m.png,c\n")
        assert read_all(tmp_path, SPEC)[0]["image_at"]["path"] == f"{tmp_path}/a.jpg"
        spec = SourceSpec(format="folder", columns=Columns(image="mask"))
        assert read_all(tmp_path / "metadata.csv", spec)[0]["image_at"]["path"] == f"{tmp_path}/m.png"

    def test_its_digest_is_the_tables(self, tmp_path: Path) -> None:
        put(tmp_path, metadata__csv="file_name,caption\na.jpg,c\n")
        before = signature(find([str(tmp_path)], SPEC))
        put(tmp_path, metadata__csv="file_name,caption\na.jpg,d\n")
        assert before[0]["bytes"] == 26
        assert signature(find([str(tmp_path)], SPEC)) != before


class TestRefusing:
    def test_a_folder_without_images(self, tmp_path: Path) -> None:
        put(tmp_path, notes__md="x", a__txt="y")
        assert "no folder of images: neither an image (avif bmp " in refusal(tmp_path)

    def test_a_file(self, tmp_path: Path) -> None:
        assert "is a file: name its folder" in refusal(put(tmp_path, a__jpg=b"x") / "a.jpg")

    def test_a_path_that_is_missing(self, tmp_path: Path) -> None:
        assert "there is no such folder" in refusal(tmp_path / "nope")

    def test_two_tables(self, tmp_path: Path) -> None:
        put(tmp_path, metadata__csv="file_name,caption\n", metadata__jsonl="")
        assert "metadata.csv and metadata.jsonl both name its images: leave one" in refusal(tmp_path)

    @pytest.mark.parametrize(
        ("header", "said"),
        [
            ("name,caption", "no column `file_name`; it has name, caption: say which names the images"),
            ("a_file_name,b_file_name,caption", "a_file_name, b_file_name all name files: say which names the images"),
            ("file_name,text", "no column `caption` (did you mean `text`?)"),
        ],
    )
    def test_a_table_whose_columns_do_not_fit(self, tmp_path: Path, header: str, said: str) -> None:
        put(tmp_path, metadata__csv=f"{header}\n" + "x," * header.count(",") + "y\n")
        assert said in refusal(tmp_path)

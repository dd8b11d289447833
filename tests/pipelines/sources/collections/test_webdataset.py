"""Tars of samples: every sample is a row, and whatever is odd about it is that row's error."""

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.pull.local import ImageAt, LocalImages
from pipelines.sources.collections import sidecars
from pipelines.sources.collections.tar_index import members, samples
from pipelines.sources.files import InputError
from pipelines.sources.inputs import find, read
from pipelines.sources.spec import Columns, SourceSpec
from tests.support.tables import captions, read_all
from tests.support.tars import member, tar, write_tar

SPEC = SourceSpec(format="webdataset", caption_lang="en")


def rows(tmp_path: Path, files: list[Any], spec: SourceSpec = SPEC) -> list[dict[str, Any]]:
    return read_all(write_tar(tmp_path / "t.tar", files), spec)


def row(tmp_path: Path, *files: Any, spec: SourceSpec = SPEC) -> dict[str, Any]:
    (only,) = rows(tmp_path, list(files), spec)
    return only


def error(tmp_path: Path, *files: Any, spec: SourceSpec = SPEC) -> str:
    said = row(tmp_path, *files, spec=spec)["input_error"]
    assert said is not None
    return str(said)


def image(found: dict[str, Any]) -> Any:
    return LocalImages(1 << 20).read(ImageAt(**found["image_at"]))


def test_a_sample_is_a_row(tmp_path: Path) -> None:
    facts = {"url": "http://h/a.jpg", "caption": "a cat", "license": "CC0", "width": 3, "key": "000"}
    found = row(tmp_path, ("x/a.jpg", b"JPEG"), ("x/a.txt", b"a cat\n"), ("x/a.json", json.dumps(facts).encode()))

    assert image(found) == b"JPEG"
    assert (found["url"], found["license"], found["input_error"]) == ("http://h/a.jpg", "CC0", None)
    assert [(one["text"], one["lang"], one["role"]) for one in found["captions"]] == [("a cat", "en", "web")]
    assert found["source"] == {"width": "3", "key": "000", "__key__": "x/a"}
    assert (found["source_file"], found["source_row"]) == ("t.tar", 0)


def test_a_sample_may_have_several_captions(tmp_path: Path) -> None:
    files = [
        ("a.jpg", b"x"),
        ("a.txt", b"one"),
        ("a.caption", b"two"),
        ("a.json", b'{"caption": ["three", "one", ""]}'),
    ]
    assert captions(row(tmp_path, *files)) == ["one", "two", "three"]


def test_keys_of_the_json_are_mapped(tmp_path: Path) -> None:
    spec = SourceSpec(format="webdataset", columns=Columns(url="link", caption="alt", license="rights"))
    found = row(tmp_path, ("a.png", b"x"), ("a.json", b'{"link": "u", "alt": "c", "rights": "r"}'), spec=spec)
    assert (found["url"], captions(found), found["license"], found["source"]) == ("u", ["c"], "r", {"__key__": "a"})


def test_an_image_alone_is_a_row_without_captions(tmp_path: Path) -> None:
    found = row(tmp_path, ("a.JPG", b"x"))
    assert (captions(found), found["input_error"], image(found)) == ([], None, b"x")


def test_files_of_other_kinds_are_let_be(tmp_path: Path) -> None:
    found = row(tmp_path, ("a.jpg", b"x"), ("a.npy", b"y"), ("a.mask.png", b"z"), ("a.cls", b"7\n"))
    assert (image(found), found["input_error"], found["source"]) == (b"x", None, {"__key__": "a", "cls": "7"})


def test_which_of_several_images_is_said_by_the_recipe(tmp_path: Path) -> None:
    files = [("a.jpg", b"x"), ("a.png", b"y"), ("a.left.jpg", b"z")]
    spec = SourceSpec(format="webdataset", columns=Columns(image="Left.jpg"))
    assert error(tmp_path, *files) == ("2 images in one sample: choose one with `--set source.columns.image=jpg`")
    assert image(row(tmp_path, *files, spec=spec)) == b"z"
    assert error(tmp_path, *files[:2], spec=spec) == "no .Left.jpg in the sample: it has jpg, png"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([("a.txt", b"c"), ("a.mp4", b"x")], "no image in the sample: it has txt, mp4"),
        ([("a.jpg", b"x"), ("a.pkl", b"y")], "a.pkl is a pickle, which could run any code"),
        ([("a.jpg", b"x"), ("a.x.PT", b"y")], "a.x.PT is a pickle, which could run any code"),
        ([("a.jpg", b"x"), ("a.jpg", b"y")], "a.jpg is there twice"),
        ([("a.jpg", b"x"), member("a.txt", tarfile.SYMTYPE, "/etc/passwd")], "a.txt is a symbolic link"),
        ([("../a.jpg", b"x")], "../a.jpg leads out of its folder (..)"),
        ([member("dev", tarfile.CHRTYPE)], "dev is a device"),
        ([("a.jpg", b"x"), ("a.txt", b"caf\xe9")], "caption: bytes that are not UTF-8"),
        ([("a.jpg", b"x"), ("a.txt", b"a\0b")], "caption: a NUL character"),
        ([("a.jpg", b"x"), ("a.json", b"[1]")], "a.json is not a JSON object: [1]"),
        ([("a.jpg", b"x"), ("a.json", b'{"n": "\\u0000"}')], "n: a NUL character"),
        ([("\udce9.jpg", b"x")], "\\udce9.jpg has a name that is not UTF-8; __key__: bytes that are not UTF-8"),
    ],
)  # fmt: skip
def test_what_is_odd_is_an_error_of_its_row(tmp_path: Path, files: list[Any], said: str) -> None:
    assert error(tmp_path, *files) == said


@pytest.mark.parametrize(
    "content", [b"{", b"[" * 1_000_000, b"\xff", b"1" * 5000], ids=["cut", "deep", "bytes", "digits"]
)
def test_json_that_is_none(tmp_path: Path, content: bytes) -> None:
    said = error(tmp_path, ("a.jpg", b"x"), ("a.json", content))
    assert said.startswith("a.json is not JSON: ")
    assert len(said) < 400


def test_a_text_that_is_too_long_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sidecars, "TEXT_BYTES", 10)
    assert error(tmp_path, ("a.jpg", b"x"), ("a.txt", b"c" * 11)) == (
        "a.txt has 11 bytes, more than the 10 that are read of a sample's texts"
    )
    assert captions(row(tmp_path, ("a.jpg", b"x"), ("a.txt", b"c" * 10))) == ["c" * 10]
    several = row(tmp_path, ("a.jpg", b"x"), ("a.txt", b"c" * 6), ("a.caption", b"d" * 6))
    assert (captions(several), several["input_error"]) == (
        ["c" * 6],
        "a.caption has 6 bytes, more than the 10 that are read of a sample's texts",
    )


def test_a_tar_whose_writer_was_killed_gives_what_is_whole(tmp_path: Path) -> None:
    content = tar([("a.jpg", b"x" * 1000), ("a.txt", b"one"), ("b.jpg", b"y" * 1000), ("b.txt", b"two")])
    (tmp_path / "t.tar").write_bytes(content[:4000])

    first, second = read_all(tmp_path, SPEC)

    assert (captions(first), first["input_error"], image(first)) == (["one"], None, b"x" * 1000)
    assert second["input_error"] == "b.jpg is cut off at byte 4000"


def test_long_names_are_read(tmp_path: Path) -> None:
    name = "/".join(["é" * 60] * 20)
    for format_ in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        (tmp_path / "t.tar").write_bytes(tar([(f"{name}.jpg", b"x")], format_))
        (found,) = read_all(tmp_path, SPEC)
        assert (found["source"], image(found)) == ({"__key__": name}, b"x")


def test_batches_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sidecars, "_BATCH_ROWS", 10)
    monkeypatch.setattr(sidecars, "_BATCH_CHARACTERS", 1000)
    files = [(f"{n}.jpg", b"x") for n in range(25)] + [(f"b{n}.txt", b"c" * 600) for n in range(4)]
    path = write_tar(tmp_path / "t.tar", files)
    (file,) = find([str(path)], SPEC)

    batches = list(read(file, SPEC, file.units[0]))

    assert [one.num_rows for one in batches] == [10, 10, 7, 2]
    assert [row["source_row"] for one in batches for row in one.to_pylist()] == list(range(29))


class TestFinding:
    def test_tars_are_known_by_their_suffix(self, tmp_path: Path) -> None:
        for name in ("b.tar", "sub/a.TAR"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            write_tar(tmp_path / name, [("a.jpg", b"x")])
        (tmp_path / "stats.json").write_text("{}")

        for spec in (SourceSpec(), SPEC):
            assert [file.name for file in find([str(tmp_path)], spec)] == ["a.TAR", "b.tar"]

    @pytest.mark.parametrize("name", ["t.tar.gz", "t.tgz"])
    def test_a_gzipped_tar_is_refused(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(gzip.compress(tar([("a.jpg", b"x")])))
        with pytest.raises(InputError, match="gzipped tar, of which no image can be read apart: unpack it once"):
            find([str(tmp_path)], SourceSpec())

    def test_what_is_no_tar_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "t.tar").write_bytes(b"x" * 2000)
        with pytest.raises(InputError, match="is not a tar"):
            find([str(tmp_path)], SourceSpec())

    def test_tars_without_a_sample_are_no_input(self, tmp_path: Path) -> None:
        write_tar(tmp_path / "t.tar", [member("folder", tarfile.DIRTYPE), ("README", b"x")])
        with pytest.raises(InputError, match="empty input"):
            find([str(tmp_path)], SourceSpec())

    @pytest.fixture
    def memory(self) -> Iterator[str]:
        yield "memory://tars/t.tar"
        fsspec.filesystem("memory").rm("/tars", recursive=True)

    def test_a_tar_on_a_file_system_that_is_not_local(self, memory: str) -> None:
        with fsspec.open(memory, "wb") as out:
            out.write(tar([("a.jpg", b"x"), ("b.jpg", b"yy")]))

        found = read_all(memory)

        assert [image(one) for one in found] == [b"x", b"yy"]


_BASES = st.sampled_from(["a", "b", "../c", "/d", "e/f", "\udcff", "g h", "__m__", ".h"])
_ENDS = st.sampled_from(["jpg", "PNG", "txt", "json", "x.jpg", "pkl", "npy", "cls", "caption", "tar", ""])
_FILES = st.tuples(_BASES, _ENDS, st.binary(max_size=30) | st.just(b'{"caption": ["x", "y"], "url": "u"}')).map(
    lambda parts: (f"{parts[0]}.{parts[1]}", parts[2])
)
_ODD = st.builds(
    lambda base, end, type_: member(f"{base}.{end}", type_, "/etc/passwd"),
    _BASES,
    _ENDS,
    st.sampled_from([tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, tarfile.GNUTYPE_SPARSE]),
)


@settings(max_examples=200, deadline=None)
@given(files=st.lists(_FILES | _ODD, max_size=12), cut=st.integers(0, 20_000))
def test_every_sample_of_an_odd_tar_is_a_row_with_an_image_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, files: list[Any], cut: int
) -> None:
    content = tar(files, tarfile.GNU_FORMAT)
    content = content[: max(512, len(content) - cut)]
    path = tmp_path_factory.mktemp("odd") / "t.tar"
    path.write_bytes(content)
    n = len(list(samples(members(io.BytesIO(content)))))
    if not n:
        return

    found = read_all(path, SPEC)

    assert len(found) == n
    for one in found:
        at = one["image_at"]
        assert one["input_error"] or (at["path"] == str(path) and at["start"] + at["length"] <= len(content))

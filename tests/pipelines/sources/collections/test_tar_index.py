"""What lies where in a tar: as the standard library finds it in sound ones, and told in all others."""

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.sources.collections.tar_index import Member, Sample, is_tar, members, samples, split_name
from tests.support.tars import member, tar

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
NAMES = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0/\\:"), min_size=1, max_size=40)
PATHS = st.lists(NAMES.filter(lambda name: name != ".."), min_size=1, max_size=6).map("/".join)


def index(content: bytes) -> list[Member]:
    return list(members(io.BytesIO(content)))


def grouped(content: bytes) -> list[Sample]:
    return list(samples(members(io.BytesIO(content))))


def faults(content: bytes) -> list[str]:
    return [fault for sample in grouped(content) for fault in sample.faults]


@pytest.mark.parametrize("format_", FORMATS)
@settings(max_examples=60, deadline=None)
@given(files=st.lists(st.tuples(PATHS, st.binary(max_size=1500)), max_size=5), n=st.integers(0, 2))
def test_files_lie_where_the_standard_library_finds_them(format_: int, files: list[tuple[str, bytes]], n: int) -> None:
    if format_ == tarfile.USTAR_FORMAT:
        files = [(name, content) for name, content in files if len(name.encode()) < 100]
    content = tar([*files, *[member(f"d{i}", tarfile.DIRTYPE) for i in range(n)]], format_)

    with tarfile.open(fileobj=io.BytesIO(content)) as known:
        expected = [(one.name, one.offset_data, one.size) for one in known if one.isreg()]
    assert [(one.name.rstrip("/"), one.start, one.length) for one in index(content)] == expected
    assert all(one.fault is None for one in index(content))
    assert [content[one.start :][: one.length] for one in index(content)] == [body for _, body in files]


@settings(max_examples=60, deadline=None)
@given(files=st.lists(st.tuples(PATHS, st.binary(min_size=1, max_size=1500)), min_size=1, max_size=4), data=st.data())
def test_of_a_tar_that_was_cut_off_what_is_whole_is_found(files: list[tuple[str, bytes]], data: st.DataObject) -> None:
    content = tar(files)
    whole = index(content)
    cut = data.draw(st.integers(1, whole[-1].start + whole[-1].length - 1))

    found = index(content[:cut])

    kept = [one for one in whole if one.start + one.length <= cut]
    assert found[: len(kept)] == kept
    rest = found[len(kept) :]
    assert len(rest) <= 1
    assert all((one.fault and one.fault.endswith(f"byte {cut}")) or "damaged" in str(one.fault) for one in rest)
    assert rest or not any(content[kept[-1].start + kept[-1].length if kept else 0 : cut])


@given(st.binary(max_size=3000))
def test_no_bytes_stop_the_search(content: bytes) -> None:
    for one in index(content):
        assert one.fault or 0 <= one.start <= one.start + one.length <= len(content)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 255)), min_size=1, max_size=5))
def test_nor_does_damage_to_a_tar(changes: list[tuple[int, int]]) -> None:
    whole = bytearray(tar([("é" * 200 + ".jpg", b"x" * 1000), ("b.jpg", b"y" * 1000)] * 2))
    for position, value in changes:
        whole[position % len(whole)] = value
    for one in index(bytes(whole)):
        assert one.fault or 0 <= one.start <= one.start + one.length <= len(whole)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("../a.jpg", "../a.jpg leads out of its folder (..)"),
        ("x/../../a.jpg", "x/../../a.jpg leads out of its folder (..)"),
        ("..\\a.jpg", "..\\a.jpg leads out of its folder (..)"),
        ("/etc/a.jpg", "/etc/a.jpg has an absolute path"),
        ("C:\\a.jpg", "C:\\a.jpg has an absolute path"),
        ("\udce9.jpg", "\udce9.jpg has a name that is not UTF-8"),
    ],
)
def test_names_that_lead_out_are_faults(name: str, fault: str) -> None:
    assert faults(tar([(name, b"x")], tarfile.GNU_FORMAT)) == [fault]


@pytest.mark.parametrize(
    ("type_", "fault"),
    [
        (tarfile.SYMTYPE, "a.jpg is a symbolic link"),
        (tarfile.LNKTYPE, "a.jpg is a link"),
        (tarfile.CHRTYPE, "a.jpg is a device"),
        (tarfile.BLKTYPE, "a.jpg is a device"),
        (tarfile.FIFOTYPE, "a.jpg is a pipe"),
        (tarfile.GNUTYPE_SPARSE, "a.jpg is a sparse file"),
        (b"Z", "a.jpg is of the unknown type b'Z'"),
    ],
)
def test_what_is_no_file_is_a_fault(type_: bytes, fault: str) -> None:
    assert faults(tar([member("a.jpg", type_, "/etc/passwd"), ("b.jpg", b"x")])) == [fault]


def test_a_sparse_file_of_pax_is_a_fault_under_its_own_name() -> None:
    info = tarfile.TarInfo("GNUSparseFile.0/a.jpg")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.name": "a.jpg"}
    (sample,) = grouped(tar([info]))
    assert (sample.key, sample.faults) == ("a", ["a.jpg is a sparse file"])


def test_a_size_that_only_an_extended_header_can_tell() -> None:
    info = tarfile.TarInfo("a.jpg")
    info.pax_headers = {"size": str(9 << 30)}
    (found,) = index(tar([info]))
    assert (found.length, found.fault) == (9 << 30, "is cut off at byte 10240")


def test_an_extended_header_that_claims_gigabytes_is_not_read() -> None:
    content = bytearray(tar([("é" * 200, b"x")]))
    content[124:136] = b"77777777777\0"
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    (found,) = index(bytes(content))
    assert found.fault == "the tar is cut off at byte 10240"


def test_tars_that_were_appended_to_one_another_are_read_on() -> None:
    two = tar([("a.jpg", b"x")]) + tar([("b.jpg", b"y")])
    assert [one.name for one in index(two)] == ["a.jpg", "b.jpg"]


def test_damage_in_the_middle_is_told() -> None:
    content = bytearray(tar([("a.jpg", b"x"), ("b.jpg", b"y"), ("c.jpg", b"z")]))
    content[1024] = 0
    assert [(one.name, one.fault) for one in index(bytes(content))] == [
        ("a.jpg", None),
        ("", "the tar is damaged or cut off at byte 1024"),
    ]


def test_what_is_a_tar() -> None:
    assert is_tar(io.BytesIO(tar([])))
    assert is_tar(io.BytesIO(tar([("a", b"")])))
    assert not any(is_tar(io.BytesIO(content)) for content in (b"", b"\0", b"x" * 1024, b"\x1f\x8b" + b"\0" * 600))


@pytest.mark.parametrize(
    ("name", "key", "extension"),
    [
        ("a.jpg", "a", "jpg"),
        ("x.y/a.b.JPG", "x.y/a", "b.jpg"),
        ("./a.txt", "./a", "txt"),
        ("README", "", ""),
        (".hidden.jpg", "", ""),
        ("x/._a.jpg", "", ""),
        ("__meta__.json", "", ""),
    ],
)
def test_the_naming_rule_of_webdataset(name: str, key: str, extension: str) -> None:
    assert split_name(name) == (key, extension)


def test_neighbours_of_one_key_are_a_sample() -> None:
    names = ["a.jpg", "a.txt", "b.png", "README", "c.txt", "c.txt", "a.json"]
    found = [(one.key, list(one.members), one.faults) for one in grouped(tar([(name, b"x") for name in names]))]
    assert found == [
        ("a", ["jpg", "txt"], []),
        ("b", ["png"], []),
        ("c", ["txt"], ["c.txt is there twice"]),
        ("a", ["json"], ["its key stood earlier in the tar: the files of a sample must be neighbours"]),
    ]


def test_a_key_with_a_thousand_files_is_bounded() -> None:
    (sample,) = grouped(tar([(f"a.{n}.jpg", b"") for n in range(1000)]))
    assert len(sample.members) == 256
    assert set(sample.faults) == {"more than 256 files have its key"}


def test_a_name_longer_than_any_path_is_a_fault() -> None:
    (found,) = index(tar([("a" * 5000 + ".jpg", b"x")]))
    assert (len(found.name), found.fault) == (4096, "has a name that is too long")

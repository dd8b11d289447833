"""What lies where in a tar, from its headers alone: memory does not grow with it, and nothing is unpacked.

The ustar format with the extensions of GNU and PAX for long names and large sizes (tar(5)). The reader of the standard
library keeps every member, believes whatever size an extended header claims, and takes a damaged header for the end;
here every member that cannot be read is told, with its fault.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from pipelines.sources.collections.inside import leads_out

_BLOCK = 512
_FILE_TYPES = frozenset({b"0", b"\0", b"7"})
_PASSED_OVER = frozenset({b"5", b"D", b"V", b"g"})
"""Directories, volume labels, and headers that speak of all members to come, of which nothing is needed."""
_WITHOUT_DATA = {
    b"1": "is a link",
    b"2": "is a symbolic link",
    b"3": "is a device",
    b"4": "is a device",
    b"5": "is a directory",
    b"6": "is a pipe",
}
_EXTENSION_BYTES = 1 << 20
"""The longest extended header that is read: it holds a name and a few numbers."""
_NAME_LENGTH = 4096
_ZEROS = bytes(1 << 20)
_FILES = 256
"""Files that a sample may have."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the tar, its bytes at ``[start, start + length)``, or what stands in the place of one."""

    name: str
    """As stored; bytes that are not UTF-8 as lone surrogates. Empty where the tar is damaged."""
    start: int
    length: int
    fault: str | None = None
    """Why it must not or cannot be read: a link, a device, a sparse file, a name that leads out, cut off."""


@dataclass(slots=True)
class Sample:
    """Neighbouring members of one key, as WebDataset groups them."""

    key: str
    """Path up to the first dot of the base name."""
    members: dict[str, Member] = field(default_factory=dict)
    """By extension, which is what follows that dot, in lower case; in the tar's order, all without fault."""
    faults: list[str] = field(default_factory=list)
    """What is wrong with other members of the key, or with the key itself."""


def is_tar(stored: BinaryIO) -> bool:
    """Whether a file begins as tars do; one of nothing but zeros is an empty tar."""
    stored.seek(0)
    block = stored.read(_BLOCK)
    return len(block) == _BLOCK and (_is_header(block) or not any(block))


def members(stored: BinaryIO) -> Iterator[Member]:
    """Every file in a tar, and everything else that claims a name of its own, in order; directories are passed over.

    `stored` may be read elsewhere between two members. A tar that was cut off ends with a member that has a fault, or
    without one where the cut is between two members. Behind a damaged header nothing can be found: one member of
    empty name says so.
    """
    end = stored.seek(0, 2)
    position = 0
    told = _Extended()
    while (position := _past_zeros(stored, position, end)) < end:
        stored.seek(position)
        block = stored.read(_BLOCK)
        size = _number(block[124:136]) if _is_header(block) else None
        if size is None:
            yield Member("", position, end - position, f"the tar is damaged or cut off at byte {position}")
            return
        kind, start = block[156:157], position + _BLOCK
        if kind in b"xLK":
            position = start + _padded(size)
            if position > end or size > _EXTENSION_BYTES:
                told.is_waiting, told.fault = True, "has an extended header that is cut off or too long"
            else:
                stored.seek(start)
                told.take(kind, stored.read(size))
            continue
        name = told.name or _name(block)
        size = size if told.size is None else told.size
        if kind == b"S":
            start = _past_sparse_map(stored, block, start, end)
        position = start if kind in _WITHOUT_DATA else start + _padded(size)
        if len(name) > _NAME_LENGTH:
            name, told.fault = name[:_NAME_LENGTH], "has a name that is too long"
        if kind not in _PASSED_OVER and not (kind == b"\0" and name.endswith("/")):
            fault = told.fault or _fault(kind, name) or (f"is cut off at byte {end}" if start + size > end else None)
            yield Member(name, start, size, fault)
        told = _Extended()
    if told.is_waiting:
        yield Member(told.name or "", end, 0, f"the tar is cut off at byte {end}")


def samples(found: Iterable[Member]) -> Iterator[Sample]:
    """Group members as WebDataset does: neighbours whose paths agree up to the first dot of the base name.

    Passed over, as WebDataset does, are files without an extension, hidden ones and such as ``__this__``. A member
    with a fault is always in a sample. A key that comes again later in the tar is a sample with a fault.
    """
    sample: Sample | None = None
    seen: set[str] = set()
    for member in found:
        key, extension = split_name(member.name)
        if not key:
            if member.fault is None:
                continue
            key = member.name
        if sample is None or sample.key != key:
            if sample is not None:
                yield sample
            sample = Sample(key)
            if key in seen:
                sample.faults.append("its key stood earlier in the tar: the files of a sample must be neighbours")
            seen.add(key)
        _add(sample, member, extension)
    if sample is not None:
        yield sample


def split_name(name: str) -> tuple[str, str]:
    """Key and extension by WebDataset's rule, the extension in lower case; empty where `name` belongs to no sample."""
    folder, slash, base = name.rpartition("/")
    stem, _, extension = base.partition(".")
    if not stem or not extension or (stem.startswith("__") and stem.endswith("__")):
        return "", ""
    return folder + slash + stem, extension.lower()


def _add(sample: Sample, member: Member, extension: str) -> None:
    if len(sample.members) + len(sample.faults) >= _FILES:
        if len(sample.faults) < _FILES:
            sample.faults.append(f"more than {_FILES} files have its key")
    elif member.fault is not None:
        sample.faults.append(f"{member.name} {member.fault}" if member.name else member.fault)
    elif extension in sample.members:
        sample.faults.append(f"{member.name} is there twice")
    else:
        sample.members[extension] = member


class _Extended:
    """What extended headers say of the member that follows them."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.size: int | None = None
        self.fault: str | None = None
        self.is_waiting = False

    def take(self, kind: bytes, content: bytes) -> None:
        self.is_waiting = True
        if kind == b"L":
            self.name = _decoded(content)
        elif kind == b"x":
            self._take_pax(content)

    def _take_pax(self, content: bytes) -> None:
        records: dict[bytes, bytes] = {}
        position = 0
        while position < len(content):
            digits, space, _ = content[position : position + 20].partition(b" ")
            stop = position + int(digits) if space and digits.isdigit() else 0
            key, equals, value = content[position + len(digits) + 1 : stop].removesuffix(b"\n").partition(b"=")
            if not equals or stop > len(content):
                self.fault = "has a broken extended header"
                return
            records[key] = value
            position = stop
        if size := records.get(b"size"):
            self.size = int(size) if len(size) < 20 and size.isdigit() else None
            self.fault = "has a broken extended header" if self.size is None else None
        if any(key.startswith(b"GNU.sparse.") for key in records):
            self.fault = "is a sparse file"
        if (name := records.get(b"GNU.sparse.name", records.get(b"path"))) is not None:
            self.name = name.decode("utf-8", "surrogateescape")


def _fault(kind: bytes, name: str) -> str | None:
    if kind in _WITHOUT_DATA:
        return _WITHOUT_DATA[kind]
    if kind == b"S":
        return "is a sparse file"
    if kind not in _FILE_TYPES:
        return f"is of the unknown type {kind!r}"
    return leads_out(name)


def _is_header(block: bytes) -> bool:
    """Whether the block's checksum is right: the sum of its bytes, those of the checksum itself taken for spaces."""
    stated = _number(block[148:156])
    return len(block) == _BLOCK and stated == sum(block) - sum(block[148:156]) + 8 * ord(" ")


def _number(digits: bytes) -> int | None:
    """An octal number, or one of GNU's in base 256; None for what is none or negative."""
    if digits[:1] == b"\x80":
        return int.from_bytes(digits[1:], "big")
    octal = digits.partition(b"\0")[0].strip()
    return None if octal.strip(b"01234567") else int(octal or b"0", 8)


def _name(block: bytes) -> str:
    name, prefix = _decoded(block[:100]), _decoded(block[345:500])
    is_posix = block[257:263] == b"ustar\0"
    return f"{prefix}/{name}" if is_posix and prefix else name


def _decoded(stored: bytes) -> str:
    return stored.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _past_zeros(stored: BinaryIO, position: int, end: int) -> int:
    """The next block that is not zeros: those that end a tar may be followed by another tar, appended to it."""
    size = _BLOCK
    while position < end:
        stored.seek(position)
        chunk = stored.read(size)
        if chunk != _ZEROS[: len(chunk)]:
            return position + (len(chunk) - len(chunk.lstrip(b"\0"))) // _BLOCK * _BLOCK
        position += len(chunk)
        size = len(_ZEROS)
    return end


def _past_sparse_map(stored: BinaryIO, block: bytes, start: int, end: int) -> int:
    """Where the data of a sparse file begin: behind the blocks that continue its map."""
    is_continued = block[482:483] not in (b"\0", b"")
    while is_continued and start < end:
        stored.seek(start)
        is_continued = stored.read(_BLOCK)[504:505] not in (b"\0", b"")
        start += _BLOCK
    return start

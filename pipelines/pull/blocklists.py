"""Lists of hashes of images that must not be kept, in local files."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from pipelines.pull.canonical import Canonical
from pipelines.pull.hamming import DigestSet, HammingIndex
from pipelines.pull.pdq import MIN_QUALITY, pdq_of_file
from pipelines.stage import AS_SAVED, MODEL_FILE, SPEC

Kind = Literal["sha256", "phash", "pdq"]

_BYTES: dict[Kind, int] = {"sha256": 32, "phash": 8, "pdq": 32}
_DISTANCES: dict[Kind, tuple[int, int]] = {"sha256": (0, 0), "phash": (4, 8), "pdq": (31, 40)}
"""Bits apart: the default, and the most that is allowed. Beyond 8, a list of millions would match one of a few hundred
pictures that have nothing to do with it."""
_BLOCK = 1 << 20
_SEPARATORS = re.compile(r"[,;\s]+")


class BlockListError(ValueError):
    """A list that is not one; the message names file, line and what should be there."""


@dataclass(frozen=True, kw_only=True, config=SPEC)
class BlockList:
    """A file of hashes in hexadecimal, one a line, or a CSV or TSV with a header that names the hash's column.

    `kind`: ``sha256`` of the file as served; ``phash``, the perceptual hash of this package (16 digits); ``pdq``, that
    of Meta (`pipelines.pull.pdq`, 64 digits). Lines that begin with ``#`` are comments.
    """

    kind: Kind
    path: Annotated[str, MODEL_FILE]
    distance: Annotated[int | None, Field(ge=0, validate_default=True)] = None
    """bits in which a perceptual hash may differ and still match: 4 of 64 for phash, 31 of 256 for pdq"""

    @field_validator("path")
    @classmethod
    def _begins_well(cls, given: str, info: ValidationInfo) -> str:
        path = Path(given).expanduser().absolute()
        if info.context == AS_SAVED:
            return str(path)
        if not path.is_file():
            raise ValueError(f"{path} does not exist, or is no file")
        if "kind" in info.data:
            next(_blocks(path, info.data["kind"]))
        return str(path)

    @field_validator("distance")
    @classmethod
    def _within_reason(cls, given: int | None, info: ValidationInfo) -> int | None:
        if "kind" not in info.data:
            return given
        default, most = _DISTANCES[info.data["kind"]]
        if given is not None and given > most:
            raise ValueError(f"{info.data['kind']} hashes may be {most} bits apart at most")
        return default if given is None else given


class BlockLists:
    """Several lists, loaded; at 10 million hashes a list of SHA-256 takes 160 MB, of phash 200 MB, of PDQ 960 MB."""

    def __init__(self, lists: Sequence[BlockList]) -> None:
        """Raises `BlockListError` for a file that cannot be read to its end."""
        self._digests = [DigestSet(read_hashes(spec)) for spec in lists if spec.kind == "sha256"]
        self._phash = [_index(spec) for spec in lists if spec.kind == "phash"]
        self._pdq = [_index(spec) for spec in lists if spec.kind == "pdq"]

    def has_file(self, sha256: bytes) -> bool:
        """Whether a file of this SHA-256 is listed."""
        return any(sha256 in digests for digests in self._digests)

    def has_phash(self, phash: int) -> bool:
        """Whether a perceptual hash of this package is listed, or near one that is."""
        return any(index.has_near(phash.to_bytes(8, "big")) for index in self._phash)

    def has_image(self, image: Canonical) -> bool:
        """Whether an image is listed by one of its perceptual hashes."""
        if self.has_phash(image.phash):
            return True
        if not self._pdq:
            return False
        hashed, quality = pdq_of_file(image.image, image.format)
        return quality >= MIN_QUALITY and any(index.has_near(hashed) for index in self._pdq)


def _index(spec: BlockList) -> HammingIndex:
    assert spec.distance is not None
    return HammingIndex(read_hashes(spec), spec.distance)


def read_hashes(spec: BlockList) -> NDArray[np.uint8]:
    """Every hash of a list: n × its bytes. Raises `BlockListError`: a line holds none, or the whole file."""
    joined = bytearray()
    for block in _blocks(Path(spec.path), spec.kind):
        joined += block
    return np.frombuffer(joined, np.uint8).reshape(-1, _BYTES[spec.kind])


def _blocks(path: Path, kind: Kind) -> Iterator[bytes]:
    """Hashes of a file, joined, a few thousand at a time and at least one."""
    digits = 2 * _BYTES[kind]
    nothing_else = re.compile(rb"(?:[0-9a-fA-F]{%d}\r?\n)*" % digits)
    reader = _Lines(path, kind)
    found = 0
    with path.open("rb") as file:
        while lines := file.readlines(_BLOCK):
            block = b"".join(lines)
            if reader.are_bare and nothing_else.fullmatch(block):
                hashes = bytes.fromhex(block.decode())  # which skips white space
                reader.number += len(lines)
            else:
                hashes = b"".join(reader.hash_in(line) for line in lines)
            found += len(hashes)
            if hashes:
                yield hashes
    if not found:
        raise BlockListError(f"{path} holds no hash")


class _Lines:
    """Reads a list line by line; what the header said of the columns holds for the lines after it."""

    def __init__(self, path: Path, kind: Kind) -> None:
        self.number = 0
        self._path, self._kind = path, kind
        self._hash = re.compile(f"[0-9a-fA-F]{{{2 * _BYTES[kind]}}}")
        self._column: int | None = None
        self._separator = ","
        self._is_first = True

    @property
    def are_bare(self) -> bool:
        """No header has said that the hashes lie in a column."""
        return self._column is None

    def hash_in(self, line: bytes) -> bytes:
        """The hash in a line; nothing for a comment, an empty line or the header."""
        self.number += 1
        text = line.decode("utf-8-sig", "replace").strip()
        if not text or text.startswith("#"):
            return b""
        if self._is_first and self._reads_as_header(text):
            self._is_first = False
            return b""
        self._is_first = False
        if self._column is None:
            fields, column = _SEPARATORS.split(text, maxsplit=1), 0
        else:
            fields, column = self._split(text), self._column
        if column >= len(fields) or not self._hash.fullmatch(fields[column].strip()):
            raise BlockListError(f"{self._path}, line {self.number}: no {self._kind} hash, but {text[:80]!r}")
        return bytes.fromhex(fields[column].strip())

    def _reads_as_header(self, text: str) -> bool:
        if self._hash.fullmatch(_SEPARATORS.split(text, maxsplit=1)[0]):
            return False
        self._separator = next((character for character in "\t;" if character in text), ",")
        names = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in self._split(text)]
        known = (self._kind, f"{self._kind}hash", "hash")
        self._column = next((names.index(name) for name in known if name in names), None)
        return self._column is not None

    def _split(self, text: str) -> list[str]:
        return next(csv.reader([text], delimiter=self._separator))

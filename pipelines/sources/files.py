"""Input files: what is known of each before any work, and how their bytes are opened."""

import gzip
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

import xxhash
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from pipelines.paths import located
from pipelines.sources.spec import Format

_EDGE = 1 << 20  # bytes at each end of a file that its digest covers


class InputError(Exception):
    """The input cannot be read as it is. The message names what is wrong and what to do, one problem a line."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What is read in one go: a run of Parquet row groups ``[start, stop)``, or a whole text file (None)."""

    first_row: int
    row_groups: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of the input, or a folder that is read as one; found readable."""

    name: str
    """The shortest end of the path that tells it from the other files: mostly the bare file name."""
    path: str
    """Absolute path, or URL for what is not local."""
    format: Format
    gzipped: bool
    bytes: int
    units: tuple[Unit, ...] = ()
    """Empty where the file holds no row."""
    digest: str | None = None
    """Of a folder that is read as one: what it is recognised by."""


def filesystem_of(text: str) -> tuple[AbstractFileSystem, str]:
    """The file system of what the user names, and the path in it.

    Raises an `InputError` where nobody speaks its protocol, or whoever serves it does not answer.
    """
    try:
        filesystem, path = located(text)
    except (ValueError, ImportError) as error:
        raise InputError(f"cannot be opened: {error}") from error
    if not isinstance(filesystem, LocalFileSystem):
        try:
            filesystem.info(path)
        except FileNotFoundError:
            pass  # a glob, or what is told when it is looked for
        except Exception as error:
            raise InputError(f"cannot be reached: {type(error).__name__}: {error}") from error
    return filesystem, str(path)


def open_bytes(path: str) -> BinaryIO:
    """The stored bytes of a local path or fsspec URL."""
    if local := local_path(path):
        return Path(local).open("rb")
    filesystem, inner = located(path)
    return cast(BinaryIO, filesystem.open(inner, "rb"))


def local_path(path: str) -> str | None:
    """The path of a local file, None for any other. What is local is read without fsspec in between."""
    filesystem, inner = located(path)
    return str(inner) if isinstance(filesystem, LocalFileSystem) else None


@contextmanager
def open_plain(file: InputFile) -> Iterator[BinaryIO]:
    """The content of `file`, gunzipped where it is gzipped."""
    with open_bytes(file.path) as stored:
        if file.gzipped:
            with gzip.GzipFile(fileobj=stored) as plain:
                yield cast(BinaryIO, plain)
        else:
            yield stored


@contextmanager
def open_text(file: InputFile, *, newline: str) -> Iterator[TextIO]:
    """The content of `file` as text; bytes that are not UTF-8 come as lone surrogates, to be found row by row."""
    with open_plain(file) as plain:
        yield TextIOWrapper(plain, "utf-8-sig", "surrogateescape", newline)


def signature(files: list[InputFile]) -> list[dict[str, Any]]:
    """Name, path, size and digest of each file, cheap enough for terabytes.

    The digest is the XXH3-128 of the size and the first and last MiB: it tells inputs apart; it does not prove that
    nothing in the middle of a file was changed in place.
    """
    return [
        {
            "name": file.name,
            "path": file.path,
            "bytes": file.bytes,
            "digest": file.digest or content_digest(file.path, file.bytes),
        }
        for file in files
    ]


def content_digest(path: str, size: int) -> str:
    """XXH3-128 of a file's size and its first and last MiB."""
    hasher = xxhash.xxh3_128(size.to_bytes(8, "little"))
    with open_bytes(path) as stored:
        hasher.update(stored.read(_EDGE))
        if size > _EDGE:
            stored.seek(max(_EDGE, size - _EDGE))
            hasher.update(stored.read(_EDGE))
    return hasher.hexdigest()


def short_names(paths: list[str]) -> dict[str, str]:
    """The shortest end of each path, in whole components, that no other path ends with."""
    names = {path: posixpath.basename(path) for path in paths}
    depth = 1
    while clashing := _clashing(names):
        depth += 1
        for path in clashing:
            names[path] = "/".join(path.split("/")[-depth:])
    return names


def _clashing(names: dict[str, str]) -> list[str]:
    by_name: dict[str, list[str]] = {}
    for path, name in names.items():
        by_name.setdefault(name, []).append(path)
    return [path for paths in by_name.values() if len(paths) > 1 for path in paths]

"""From what the user names (a file, a folder, a glob) to the paths of input files."""

import posixpath
from typing import Literal, cast

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from pipelines.sources.files import InputError, filesystem_of
from pipelines.sources.spec import Format

_FORMATS: dict[str, Format] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".tar": "webdataset",
    ".arrow": "datasets",
}
_MAGIC = frozenset("*?[")
_NAMED = 5  # ignored files that a message names


def format_of(path: str) -> Format | None:
    """The format that a file's suffix stands for; ``.gz`` is looked through, and ``.tgz`` is a tar."""
    stem = path.lower().removesuffix(".gz")
    stem = f"{stem[:-4]}.tar" if stem.endswith(".tgz") else stem
    return _FORMATS.get(posixpath.splitext(stem)[1])


def is_gzip_name(path: str) -> bool:
    """Whether a file's name says that it is gzipped."""
    return path.lower().endswith((".gz", ".tgz"))


def expand(text: str, format_: Literal["auto"] | Format) -> list[str]:
    """The files that `text` stands for, sorted: absolute local paths, or URLs.

    Below folders and globs, whatever is hidden or starts with ``_`` is passed over, and so are files whose suffix
    tells no format while `format_` is auto, or is no tar's while it is webdataset. Raises an `InputError` where
    nothing is left.
    """
    filesystem, path = filesystem_of(text)
    if filesystem.isfile(path):
        return [full_path(filesystem, path)]
    if filesystem.isdir(path):
        found = _below(filesystem, path)
    elif _MAGIC.intersection(path):
        found = _matching(filesystem, path)
    else:
        raise InputError("there is no such file or folder")
    wanted = [one for one in found if _is_wanted(one, format_)]
    if not wanted:
        ignored = f"; ignored: {', '.join(found[:_NAMED])}" if found else ""
        raise InputError(f"no {' '.join(_FORMATS)} file (or .gz of them) is there, nor an image{ignored}")
    return [full_path(filesystem, one) for one in sorted(wanted)]


def _is_wanted(path: str, format_: Literal["auto"] | Format) -> bool:
    """Beside tars lie what their writers had to say; of tables, a format that is said outdoes the names."""
    found = format_of(path)
    return found is not None if format_ == "auto" else format_ == found or format_ != "webdataset"


def _below(filesystem: AbstractFileSystem, folder: str) -> list[str]:
    root = folder.rstrip("/")
    return [path for path in cast(list[str], filesystem.find(root)) if not _passed_over(path[len(root) :])]


def _matching(filesystem: AbstractFileSystem, pattern: str) -> list[str]:
    fixed = pattern[: min(pattern.index(magic) for magic in _MAGIC.intersection(pattern))]
    root = fixed.rpartition("/")[0]
    found: list[str] = []
    for path, entry in filesystem.glob(pattern, detail=True).items():
        if _passed_over(path[len(root) :]):
            continue
        found += _below(filesystem, path) if entry["type"] == "directory" else [path]
    return list(dict.fromkeys(found))


def _passed_over(relative: str) -> bool:
    return any(component.startswith((".", "_")) for component in relative.split("/"))


def full_path(filesystem: AbstractFileSystem, path: str) -> str:
    """A path of `filesystem` as it is where that is local, else a URL."""
    if isinstance(filesystem, LocalFileSystem):
        return path
    return cast(str, filesystem.unstrip_protocol(path))

"""Folders of small annotation files, read as one input."""

import posixpath
from collections.abc import Iterable

import xxhash

from pipelines.sources.annotations.record import RecordError
from pipelines.sources.expand import full_path
from pipelines.sources.files import InputError, filesystem_of, open_bytes

_FILE_BYTES = 1 << 24
"""The longest annotation file that is read."""


def folders_with(text: str, *inner: str) -> list[str]:
    """`text`, or the folders directly in it, that hold all folders called `inner`. InputError where none does."""
    filesystem, path = filesystem_of(text)
    if not filesystem.isdir(path):
        raise InputError("is no folder: name the one that holds " + " and ".join(f"{name}/" for name in inner))
    candidates = [path, *sorted(filesystem.ls(path, detail=False))]
    found = [one for one in candidates if all(filesystem.isdir(posixpath.join(one, name)) for name in inner)]
    if not found:
        raise InputError("has no folder " + " beside ".join(f"{name}/" for name in inner))
    return [full_path(filesystem, one) for one in found]


def listing(folder: str, suffix: str = "") -> dict[str, int]:
    """Names and sizes of the files in `folder` that end with `suffix`, sorted; empty where there is no such folder."""
    filesystem, path = filesystem_of(folder)
    if not filesystem.isdir(path):
        return {}
    files = [entry for entry in filesystem.ls(path, detail=True) if entry["type"] == "file"]
    names = {posixpath.basename(entry["name"]): int(entry["size"]) for entry in files}
    return {name: names[name] for name in sorted(names) if name.endswith(suffix) and not name.startswith(".")}


def digest_of(listings: Iterable[dict[str, int]]) -> str:
    """What folders are recognised by: names and sizes of their files. Contents changed in place are not noticed."""
    hasher = xxhash.xxh3_128()
    for files in listings:
        hasher.update(repr(list(files.items())).encode("utf-8", "surrogateescape"))
    return hasher.hexdigest()


def content(path: str) -> bytes:
    """A small file. Raises RecordError where it cannot be read, or is not small."""
    try:
        with open_bytes(path) as stored:
            body = stored.read(_FILE_BYTES + 1)
    except OSError as error:
        raise RecordError(f"{posixpath.basename(path)} cannot be read: {type(error).__name__}") from error
    if len(body) > _FILE_BYTES:
        raise RecordError(f"{posixpath.basename(path)} has more than {_FILE_BYTES} bytes")
    return body

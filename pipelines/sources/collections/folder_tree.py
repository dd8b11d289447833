"""What lies in folders, local or not. Hidden files and folders are passed over; links are followed."""

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, cast

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from pipelines.paths import located
from pipelines.sources.expand import full_path
from pipelines.sources.files import InputError, filesystem_of, local_path


def below(text: str, *, leaves: Collection[str] = ()) -> Iterator[tuple[str, set[str]]]:
    """Every folder at and below what the user names (a folder, a glob, a file of one of the names `leaves`).

    Yields its path and the names of the files in it. Below a folder that holds a file of `leaves` nothing is looked
    for. A folder that is met twice, through links, is taken once.
    """
    filesystem, path = filesystem_of(text)
    path = path.rstrip("/") or "/"
    if filesystem.isfile(path):
        folder, _, name = path.rpartition("/")
        if name not in leaves:
            raise InputError("is a file: name its folder")
        yield full_path(filesystem, folder), {name}
        return
    waiting = [path] if filesystem.isdir(path) else [one for one in filesystem.glob(path) if filesystem.isdir(one)]
    if not waiting:
        raise InputError("there is no such folder")
    seen: set[str] = set()
    while waiting:
        folder = waiting.pop()
        real = os.path.realpath(folder) if isinstance(filesystem, LocalFileSystem) else folder
        if real in seen:
            continue
        seen.add(real)
        files: set[str] = set()
        for name, is_folder, _ in _entries(filesystem, folder, sizes=False):
            if is_folder:
                waiting.append(f"{folder.rstrip('/')}/{name}")
            else:
                files.add(name)
        if files.intersection(leaves):
            waiting = [one for one in waiting if not one.startswith(f"{folder.rstrip('/')}/")]
        yield full_path(filesystem, folder), files


def files_in(folder: str, *, sizes: bool = False) -> Iterator[tuple[str, int]]:
    """Name and size of every file in a folder, in no order; the sizes are 0 where nobody asks for them."""
    filesystem, path = located(folder)
    return ((name, size) for name, is_folder, size in _entries(filesystem, path, sizes=sizes) if not is_folder)


def content(path: str, most: int) -> bytes | int:
    """The bytes of a file, or its size where that is more than `most`. Raises OSError for what is no file."""
    local = local_path(path)
    if local is None:
        filesystem, inner = located(path)
        size = int(filesystem.size(inner))
        return size if size > most else cast(bytes, filesystem.cat_file(inner))
    found = os.stat(local)  # noqa: PTH116 a pipe or a device would never end
    if not stat.S_ISREG(found.st_mode):
        raise OSError("no regular file")
    return found.st_size if found.st_size > most else Path(local).read_bytes()


def _entries(filesystem: AbstractFileSystem, folder: str, *, sizes: bool) -> Iterator[tuple[str, bool, int]]:
    """Name, whether it is a folder, and size of what is in a folder."""
    if not isinstance(filesystem, LocalFileSystem):
        listed: list[dict[str, Any]] = filesystem.ls(folder, detail=True)
        for entry in listed:
            name = entry["name"].rstrip("/").rpartition("/")[2]
            if not name.startswith("."):
                yield name, entry["type"] == "directory", int(entry.get("size") or 0)
        return
    with os.scandir(folder) as found:
        for one in found:
            if not one.name.startswith("."):
                yield one.name, one.is_dir(), _size(one) if sizes else 0


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:  # a link to nothing, which pull will call missing
        return 0

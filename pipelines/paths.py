"""Where files lie: local paths, and URLs of any file system that fsspec knows."""

from typing import cast

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem


def located(path: str) -> tuple[AbstractFileSystem, str]:
    """The file system of an absolute path or an fsspec URL, and the path in it.

    fsspec would read an absolute path with ``::`` in it, which any file may have in its name, as a chain of file
    systems, and open what the part before it names. Raises ValueError or ImportError for a protocol nobody speaks.
    """
    if path.startswith("/") and "::" in path:
        return LocalFileSystem(), path
    return cast(tuple[AbstractFileSystem, str], url_to_fs(path))

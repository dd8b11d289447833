"""Tars, written as people write them."""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path


def tar(files: Iterable[tuple[str, bytes] | tarfile.TarInfo], format_: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of files, and of other members as they are given."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=format_, encoding="utf-8", errors="surrogateescape") as out:
        for one in files:
            if isinstance(one, tarfile.TarInfo):
                out.addfile(one)
            else:
                name, content = one
                info = tarfile.TarInfo(name)
                info.size = len(content)
                out.addfile(info, io.BytesIO(content))
    return sink.getvalue()


def member(name: str, type_: bytes, target: str = "") -> tarfile.TarInfo:
    """A member that is no file: a link, a device, a directory."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = type_, target
    return info


def write_tar(path: Path, files: Iterable[tuple[str, bytes] | tarfile.TarInfo]) -> Path:
    """The same as a file."""
    path.write_bytes(tar(files))
    return path

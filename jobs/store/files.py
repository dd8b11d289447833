"""Files that are there whole or not at all."""

import os
from pathlib import Path

import xxhash

_CHUNK = 1 << 18
_TEMPORARY = ".tmp-"


def temporary_of(path: Path, attempt: str) -> Path:
    """Where an attempt writes what is to become `path`."""
    return path.with_name(f"{_TEMPORARY}{attempt}-{path.name}")


def publish(temporary: Path, path: Path) -> None:
    """Sync a finished temporary file and give it its name; it lasts through a power cut from then on."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, text: str) -> None:
    """Replace the text of `path` in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_of(path, str(os.getpid()))
    temporary.write_text(text, "utf-8")
    publish(temporary, path)


def sweep(folder: Path) -> None:
    """Remove what killed attempts left in `folder`."""
    for left in folder.glob(f"{_TEMPORARY}*"):
        left.unlink(missing_ok=True)


def digest(path: Path) -> str:
    """XXH3-128 of a file, 32 hex digits. It tells versions of our own files apart and is no defence against forgery."""
    hasher = xxhash.xxh3_128()
    chunk = memoryview(bytearray(_CHUNK))
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(chunk):
            hasher.update(chunk[:size])
    return hasher.hexdigest()

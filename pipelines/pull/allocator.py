"""Giving the memory of large images back."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # parameters of mallopt(3)


def return_large_blocks() -> None:
    """Let the C library return every block of 4 MB and more to the system when it is freed, in the whole process.

    glibc raises that limit to 32 MB by itself once large blocks were freed, and from then on keeps what large images
    left behind, in pieces that the next one does not fit into. Threads share two arenas: each would else keep what it
    has freed to itself. Other C libraries are left as they are.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is not None and hasattr(library, "gnu_get_libc_version"):
        library.mallopt(_MMAP_THRESHOLD, 4 << 20)
        library.mallopt(_TRIM_THRESHOLD, 32 << 20)  # fixing the one would set the other to a costly 128 KB
        library.mallopt(_ARENA_MAX, 2)

"""Names that come from a file: whether they stay inside the folder or archive that they speak of."""

import re

_DRIVE = re.compile(r"[A-Za-z]:")
_SEPARATORS = re.compile(r"[/\\]")


def leads_out(name: str) -> str | None:
    """Why `name` is no path inside the folder or archive it belongs to; None where it is one.

    What would lead out on any system is refused on all: ``..``, absolute paths, drive letters.
    """
    if "\0" in name:
        return "has a NUL in its name"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "has a name that is not UTF-8"
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        return "has an absolute path"
    if ".." in _SEPARATORS.split(name):
        return "leads out of its folder (..)"
    return None

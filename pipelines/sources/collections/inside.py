"""Names that come from a file: whether they stay inside the folder or archive that they speak of."""

import re

_DRIVE = re.compile(r"[A-Za-z]:")
_SEPARATORS = re.compile(r"[/\\]")


def leads_out(name: str, root: str = "/") -> str | None:
    """Why `name` is no path inside the folder `root` or the archive it belongs to; None where it is one.

    What would lead out on any system is refused on all: ``..``, absolute paths, drive letters. Below a URL, so is
    ``::``, by which fsspec chains file systems.
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
    if "::" in name and "://" in root:
        return "has `::` in its name, which URLs of file systems cannot have"
    return None

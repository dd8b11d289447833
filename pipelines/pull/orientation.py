"""How a file asks to be turned. Decoders agree on it as long as the block that says so is sound."""

import re
import struct

ORIENTATION = 0x0112
_SHORT = 3
_ENTRY = 12
_PREFIX = b"Exif\0\0"
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


def exif_orientation(block: bytes) -> int | None:
    """The orientation in an EXIF block, 0 when it names none; None when readers might disagree on it.

    They do where the directory leaves the block or the entry is not the one short integer that it should be: some
    find an orientation there, some none, and some stop with an error.
    """
    tiff = block.removeprefix(_PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return None
    try:
        (at,) = struct.unpack_from(order + "L", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, at)
        for entry in range(at + 2, at + 2 + _ENTRY * entries, _ENTRY):
            tag, kind, count, value = struct.unpack_from(order + "HHLH2x", tiff, entry)
            if tag == ORIENTATION:
                return value if (kind, count) == (_SHORT, 1) else None
    except struct.error:
        return None
    return 0


def xmp_orientation(packet: bytes) -> int:
    """The orientation in an XMP packet, 0 when it names none."""
    said = _XMP.search(packet)
    return int(said[1]) if said else 0

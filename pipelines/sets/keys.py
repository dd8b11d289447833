"""Tables of small keys, which is all that a set rule sees of the rows."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Column: TypeAlias = pa.Array | pa.ChunkedArray

KEYS = pa.schema([("id", pa.int64()), ("space", pa.string()), ("key", pa.binary()), ("weight", pa.int64())])


def keyed(ids: Column, space: str, keys: Column, weights: Any = None) -> pa.Table:
    """Rows of `KEYS` for the rows whose key is not null. `weights` are whole numbers, or None."""
    n = len(ids)
    columns = {
        "id": ids,
        "space": pa.repeat(pa.scalar(space), n),
        "key": keys.cast(pa.binary()),
        "weight": pa.nulls(n, pa.int64()) if weights is None else pa.array(weights, pa.int64()),
    }
    table = pa.table(columns, schema=KEYS)
    return table.filter(pc.is_valid(table["key"]))


def digested(texts: Column) -> pa.Array:
    """128 bits of each text, so that keys stay small; null stays null."""
    digests = [None if text is None else xxhash.xxh3_128_digest(text.encode()) for text in texts.to_pylist()]
    return pa.array(digests, pa.binary())


def packed(hashes: Column) -> pa.Array:
    """Unsigned 64-bit numbers as keys of 8 bytes; null stays null."""
    null = np.asarray(hashes.is_null())
    numbers = np.asarray(hashes.fill_null(0)).astype(">u8")
    keys = pa.FixedSizeBinaryArray.from_buffers(pa.binary(8), len(numbers), [None, pa.py_buffer(numbers.tobytes())])
    return pc.if_else(pa.array(null), pa.scalar(None, pa.binary(8)), keys).cast(pa.binary())


def unpacked(keys: Column) -> Hashes:
    """The numbers again; `keys` holds no null."""
    chunks = keys.chunks if isinstance(keys, pa.ChunkedArray) else [keys]
    parts = [np.frombuffer(b"", ">u8")]
    for chunk in chunks:
        fixed = chunk.cast(pa.binary(8))
        if len(fixed):
            parts.append(np.frombuffer(fixed.buffers()[1], ">u8")[fixed.offset : fixed.offset + len(fixed)])
    numbers: npt.NDArray[np.uint64] = np.concatenate(parts).astype(np.uint64)
    return numbers

"""Building nested Arrow arrays without copying the bytes in them."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_T = TypeVar("_T")
_OFFSET_MAX = 2**31 - 1


def struct(type_: pa.StructType, *columns: pa.Array) -> pa.StructArray:
    """A struct array of `columns`, in the order of the type's fields."""
    return pa.StructArray.from_arrays(columns, fields=list(type_))


def lists(
    lengths: Sequence[int] | npt.NDArray[np.int64], values: pa.Array, nulls: pa.Array | None = None
) -> pa.ListArray:
    """Lists of so many of `values` each; null where `nulls`."""
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, mask=nulls)


def grouped(values: Sequence[_T], lengths: Sequence[int]) -> list[Sequence[_T]]:
    """`values` cut into pieces of these lengths."""
    ends = list(accumulate(lengths, initial=0))
    return [values[start:end] for start, end in pairwise(ends)]


def one_each(values: pa.Array) -> pa.ListArray:
    """Lists of one value each."""
    return pa.ListArray.from_arrays(pa.array(np.arange(len(values) + 1, dtype=np.int32)), values)


def flat(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array."""
    return column.combine_chunks()


def ints(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """A column of whole numbers without nulls, shape (rows,)."""
    return np.asarray(column.to_numpy(), np.int64)


def narrow(files: pa.Array) -> list[pa.Array]:
    """A large_binary array without nulls as binary arrays over the same bytes; several where 32 bits do not reach.

    Arrow's own cast refuses a short slice that lies far out in a long buffer. Raises ValueError for nulls, and for a
    value of 2 GiB or more.
    """
    if files.null_count:
        raise ValueError("a row without an image cannot become a sample: only rows that judge used belong here")
    if len(files) == 0:
        return []
    _, offsets_buffer, data = files.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64)[files.offset : files.offset + len(files) + 1]
    if offsets[-1] - offsets[0] > _OFFSET_MAX:
        if len(files) == 1:
            raise ValueError(f"an image of {offsets[-1] - offsets[0]} bytes does not fit the shard's binary column")
        half = len(files) // 2
        return [*narrow(files.slice(0, half)), *narrow(files.slice(half))]
    relative = pa.py_buffer((offsets - offsets[0]).astype(np.int32))
    window = data.slice(int(offsets[0]), int(offsets[-1] - offsets[0]))
    return [pa.Array.from_buffers(pa.binary(), len(files), [None, relative, window])]

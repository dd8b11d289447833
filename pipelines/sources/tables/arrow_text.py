"""Any Arrow column as text, vectorised where Arrow can."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def is_bytes(type_: pa.DataType) -> bool:
    """Whether a column holds raw bytes."""
    return bool(
        pa.types.is_binary(type_)
        or pa.types.is_large_binary(type_)
        or pa.types.is_fixed_size_binary(type_)
        or pa.types.is_binary_view(type_)
    )


def holds_bytes(type_: pa.DataType) -> bool:
    """Whether raw bytes lie anywhere in a column: such a column has no text to carry."""
    type_ = plain(type_)
    return is_bytes(type_) or any(holds_bytes(type_.field(i).type) for i in range(type_.num_fields))


def plain(type_: pa.DataType) -> pa.DataType:
    """The type of the values themselves, without extension and dictionary."""
    if isinstance(type_, pa.BaseExtensionType):
        return plain(type_.storage_type)
    return plain(type_.value_type) if pa.types.is_dictionary(type_) else type_


def as_text(column: pa.Array) -> pa.Array:
    """`column` as a string array, or as a binary one where its bytes may be no text.

    Numbers take their shortest form that reads back as the same number, times ISO 8601 (in UTC with a ``Z`` where
    they have a zone), nested values JSON. Null stays null.
    """
    if isinstance(column, pa.ExtensionArray):
        return as_text(column.storage)
    type_ = column.type
    if pa.types.is_dictionary(type_):
        return as_text(column.dictionary_decode())
    if is_bytes(type_):
        return column.cast(pa.binary())
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return column.cast(pa.string())
    if pa.types.is_nested(type_):
        return pa.array([None if value is None else _json(value) for value in column.to_pylist()], pa.string())
    if pa.types.is_timestamp(type_) and type_.tz is not None:
        utc = column.cast(pa.timestamp(type_.unit)).cast(pa.string())
        return pc.binary_join_element_wise(utc, "Z", "")
    return column.cast(pa.string())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)

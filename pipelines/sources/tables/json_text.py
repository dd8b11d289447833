"""JSON values as text."""

import json
from collections.abc import Callable, Sequence
from types import NoneType
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.sources.rows import printable, sound, tell, text_cells

_DEPTH = 100
_EXCERPT = 120

_WRITTEN: dict[type, Callable[[Any], str | None]] = {
    str: lambda value: value,
    NoneType: lambda _: None,
    bool: lambda value: "true" if value else "false",
    int: int.__repr__,
    float: float.__repr__,
}
"""As `json.dumps` writes them, without its cost; objects and arrays go through it."""


def json_object(text: str) -> dict[str, Any] | str:
    """The object that `text` holds, or what is wrong with it.

    One that is nested deeper than anybody means it is refused here: what can be parsed could be too deep to be written.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}: {text.strip()[:_EXCERPT]}"
    if type(value) is not dict:
        return f"not a JSON object: {text.strip()[:_EXCERPT]}"
    if text.count("[") + text.count("{") > _DEPTH and _is_deep(value):
        return f"not JSON: nested more than {_DEPTH} deep: {text.strip()[:_EXCERPT]}"
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in (dict, list)
        ]
        if not level:
            return False
    return True


def json_text(value: Any) -> str | None:
    """A value as text: strings as they are, null as null, anything else as JSON writes it."""
    written = _WRITTEN.get(type(value))
    return written(value) if written else json.dumps(value, ensure_ascii=False)


def json_texts(value: Any) -> Sequence[str | None]:
    """A list of texts as it is, any other value as a list of the one text that it is."""
    if isinstance(value, list) and all(one is None or isinstance(one, str) for one in value):
        return value
    return [json_text(value)]


def other_keys(objects: Sequence[dict[str, Any]], apart: set[str], errors: dict[int, str]) -> pa.MapArray:
    """The keys of each object that are not set `apart`, as `source` carries them. What is no text goes to `errors`."""
    names: dict[str, str] = {}  # printable names of the keys met
    keys: list[str] = []
    values: list[str | None] = []
    ends = [0]
    for record in objects:
        for key, value in record.items():
            if key not in apart:
                if key not in names:
                    names[key] = printable(key)
                keys.append(names[key])
                values.append(json_text(value))
        ends.append(len(keys))
    cell_errors: dict[int, str] = {}
    texts = sound(text_cells(values), "", cell_errors)
    for cell, said in cell_errors.items():
        row = int(np.searchsorted(ends, cell, side="right")) - 1
        tell(errors, row, f"{keys[cell]}{said}")
    return pa.MapArray.from_arrays(pa.array(ends, pa.int32()), pa.array(keys, pa.string()), texts)

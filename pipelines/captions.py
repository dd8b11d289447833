"""A row's captions: which of them count, and how a stage adds to them.

The list is append-only, so that what points into it never drifts. A caption *counts* while no later one replaces it
(role "edited" or "corrected", `of` its position) and no rule has refused it. A translation's translation (role "back")
is there to be compared, and never counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from schemas.tables import CAPTION, INPUT

REPLACING = frozenset({"edited", "corrected"})
"""Roles of captions that take the place of the one they were made of."""

BACK = "back"
"""Role of a translation's translation, which never counts."""

EXPRESSION = "expression"
"""Role of a text that refers to one thing in the image and does not describe it."""

_CAPTIONS = INPUT.field("captions").type


class Caption(NamedTuple):
    """One caption of a row."""

    text: str
    """As stored."""
    lang: str | None
    role: str | None
    model: str | None
    place: int
    """Its position in the row's `captions`."""
    of: int | None = None
    """The position of the caption that it was made of."""
    refused: str | None = None
    """The reason for which a rule refused it."""


@dataclass(frozen=True, slots=True)
class Added:
    """A caption to be appended to a row's list."""

    text: str
    lang: str | None
    role: str
    of: int | None = None
    model: str | None = None


def all_captions(captions: pa.ChunkedArray) -> list[list[Caption]]:
    """Every caption of each row, in order; a null text is empty, an empty language not known."""
    array = captions.combine_chunks()
    entries = array.flatten()
    fields = dict(zip([field.name for field in entries.type], entries.flatten(), strict=True))
    columns = (fields[name].to_pylist() for name in CAPTION.names)
    entries_of_rows = iter(zip(*columns, strict=True))
    return [
        [
            Caption(text or "", lang or None, role, model, place, of, refused)
            for place, (text, lang, role, model, of, refused) in enumerate(islice(entries_of_rows, length))
        ]
        for length in array.value_lengths().fill_null(0).to_pylist()
    ]


def counting(row: Sequence[Caption]) -> list[Caption]:
    """The captions of a row that count."""
    replaced = {caption.of for caption in row if caption.role in REPLACING}
    return [
        caption for caption in row if caption.refused is None and caption.role != BACK and caption.place not in replaced
    ]


def changed(
    captions: pa.ChunkedArray, added: Sequence[Sequence[Added]], refused: Sequence[dict[int, str]]
) -> pa.ListArray:
    """`captions` with more of them appended to each row, and reasons set on some by their position."""
    rows: list[list[dict[str, Any]]] = []
    for row, more, reasons in zip(all_captions(captions), added, refused, strict=True):
        kept = [caption._replace(refused=reasons.get(caption.place, caption.refused)) for caption in row]
        appended = [
            Caption(one.text, one.lang, one.role, one.model, len(row) + at, one.of) for at, one in enumerate(more)
        ]
        rows.append([{name: getattr(caption, name) for name in CAPTION.names} for caption in (*kept, *appended)])
    return pa.array(rows, _CAPTIONS)


def original_captions(texts: pa.StringArray, lang: str | pa.Array | None, role: str = "web") -> pa.ListArray:
    """A list of one caption of the source's own a row; an empty list where the text is null.

    `lang` is the language of all captions, or of each row's.
    """
    ends = np.zeros(len(texts) + 1, np.int32)
    np.cumsum(texts.is_valid().to_numpy(zero_copy_only=False), out=ends[1:])
    if isinstance(lang, pa.Array):
        lang = lang.filter(texts.is_valid())
    texts = texts.drop_null()
    n = len(texts)
    columns = {
        "text": texts,
        "lang": lang if isinstance(lang, pa.Array) else pa.repeat(pa.scalar(lang, pa.string()), n),
        "role": pa.repeat(role, n),
    }
    fields = [columns.get(field.name, pa.nulls(n, field.type)) for field in CAPTION]
    entries = pa.StructArray.from_arrays(fields, fields=list(CAPTION))
    return pa.ListArray.from_arrays(pa.array(ends), entries, type=_CAPTIONS)

"""The captions of many rows as flat arrays, so that rules need not look at rows one by one."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.captions import EXPRESSION, REPLACING
from schemas.tables import CAPTION, INPUT

CAPTIONS = INPUT.field("captions").type
_REPLACING = pa.array(sorted(REPLACING))

Places = npt.NDArray[np.int64]


class Counting(NamedTuple):
    """The captions that count (`pipelines.captions`), of all rows one after the other; expressions are none."""

    texts: pa.StringArray
    """As stored; empty where null."""
    at: Places
    """Their positions among all captions of all rows."""
    row: Places
    """The row that each belongs to; rises."""
    elsewhere: Places
    """Rows that hold expressions."""


class Entries:
    """A captions column taken apart: every caption of every row, field by field."""

    def __init__(self, captions: pa.ChunkedArray) -> None:
        array = captions.combine_chunks()
        flat = array.flatten()
        self.rows = len(array)
        self.fields: dict[str, pa.Array] = dict(zip([field.name for field in flat.type], flat.flatten(), strict=True))
        self._lengths = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        self._starts = np.cumsum(self._lengths) - self._lengths
        self._absent = array.is_null() if array.null_count else None

    def counting(self) -> Counting:
        """Those that count."""
        n = len(self.fields["text"])
        row = np.arange(n) if n == self.rows and (self._lengths == 1).all() else self._row_of_each()
        counts = _bools(self.fields["refused"].is_null())
        replacing = _bools(pc.is_in(self.fields["role"], _REPLACING)) & _bools(self.fields["of"].is_valid())
        if replacing.any():
            of = self.fields["of"].filter(pa.array(replacing)).to_numpy()
            of_row = row[replacing]
            inside = (of >= 0) & (of < self._lengths[of_row])
            counts[(self._starts[of_row] + of)[inside]] = False
        expressions = _bools(pc.equal(self.fields["role"], EXPRESSION))
        elsewhere = row[counts & expressions]
        counts &= ~expressions
        texts = self.fields["text"].fill_null("")
        if counts.all():
            return Counting(texts, np.arange(n), row, elsewhere)
        at = np.flatnonzero(counts)
        return Counting(texts.take(pa.array(at)), at, row[at], elsewhere)

    def with_fields(self, fields: Mapping[str, pa.Array]) -> pa.ChunkedArray:
        """The column again, some fields of all captions set anew."""
        return self._column({**self.fields, **fields}, self._lengths)

    def with_appended(
        self, rows: Places, of: Places, texts: Sequence[str], langs: pa.Array, role: str
    ) -> pa.ChunkedArray:
        """The column again, with captions appended to `rows`; `of` counts over all captions of all rows."""
        n = len(texts)
        new = {
            "text": pa.array(texts, pa.string()),
            "lang": langs,
            "role": pa.repeat(role, n),
            "of": pa.array((of - self._starts[rows]).astype(np.int32)),
        }
        order = pa.array(np.argsort(np.concatenate([self._row_of_each(), rows]), kind="stable"))
        fields = {
            field.name: pa.concat_arrays(
                [self.fields[field.name], new.get(field.name, pa.nulls(n, field.type))],
            ).take(order)
            for field in CAPTION
        }
        return self._column(fields, self._lengths + np.bincount(rows, minlength=self.rows))

    def _row_of_each(self) -> Places:
        return np.repeat(np.arange(self.rows), self._lengths)

    def _column(self, fields: Mapping[str, pa.Array], lengths: Places) -> pa.ChunkedArray:
        ends = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
        flat = pa.StructArray.from_arrays([fields[name] for name in CAPTION.names], fields=list(CAPTION))
        return pa.chunked_array([pa.ListArray.from_arrays(ends, flat, type=CAPTIONS, mask=self._absent)])


def _bools(array: pa.BooleanArray) -> npt.NDArray[np.bool_]:
    return np.array(array.fill_null(False).to_numpy(zero_copy_only=False))

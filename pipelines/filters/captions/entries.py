"""The captions of many rows as flat arrays, so that rules need not look at rows one by one."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.captions import BACK, EXPRESSION, REPLACING
from schemas.tables import CAPTION, INPUT

CAPTIONS = INPUT.field("captions").type
_REPLACING = pa.array(sorted(REPLACING))
_EXPRESSION = pa.scalar(EXPRESSION)
_BACK = pa.scalar(BACK)
_FIELDS = tuple(CAPTION.names)

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
    one_each: bool
    """Whether every row has exactly one, and nothing else."""


class Entries:
    """A captions column taken apart: every caption of every row, field by field."""

    def __init__(self, captions: pa.ChunkedArray) -> None:
        array = captions.chunk(0) if captions.num_chunks == 1 else captions.combine_chunks()
        self.rows = len(array)
        self._array, self._flat = array, array.flatten()

    @cached_property
    def fields(self) -> dict[str, pa.Array]:
        """Every field of every caption of every row."""
        return dict(zip(_FIELDS, self._flat.flatten(), strict=True))

    def counting(self) -> Counting:
        """Those that count."""
        text, refused, of, role = (self.fields[name] for name in ("text", "refused", "of", "role"))
        n = len(text)
        if text.null_count:
            text = text.fill_null("")
        special = pc.equal(role, _EXPRESSION).true_count + pc.equal(role, _BACK).true_count
        all_count = refused.null_count == of.null_count == n and not special
        # by far the most tables have one caption a row: nothing has to be looked up or copied
        if all_count and n == self.rows and not self._array.null_count and (self._lengths == 1).all():
            places = np.arange(n)
            return Counting(text, places, places, places[:0], one_each=True)
        row = self._row_of_each()
        counts = _bools(refused.is_null())
        counts[self._replaced(row)] = False
        counts &= ~_bools(pc.equal(role, _BACK))
        expressions = _bools(pc.equal(role, _EXPRESSION))
        at = np.flatnonzero(counts & ~expressions)
        return Counting(text.take(pa.array(at)), at, row[at], row[counts & expressions], one_each=False)

    @cached_property
    def _lengths(self) -> Places:
        if self._array.null_count:
            lengths = self._array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        else:
            ends = self._array.offsets.to_numpy()
            lengths = ends[1:] - ends[:-1]
        return np.asarray(lengths.astype(np.int64))

    @cached_property
    def _starts(self) -> Places:
        return np.asarray(np.cumsum(self._lengths) - self._lengths)

    def _replaced(self, row: Places) -> Places:
        """Positions of captions in whose place another stands."""
        replacing = _bools(pc.is_in(self.fields["role"], _REPLACING)) & _bools(self.fields["of"].is_valid())
        of, of_row = self.fields["of"].filter(pa.array(replacing)).to_numpy(), row[replacing]
        inside = (of >= 0) & (of < self._lengths[of_row])
        return np.asarray((self._starts[of_row] + of)[inside])

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
        absent = self._array.is_null() if self._array.null_count else None
        flat = pa.StructArray.from_arrays([fields[name] for name in _FIELDS], fields=list(CAPTION))
        return pa.chunked_array([pa.ListArray.from_arrays(ends, flat, type=CAPTIONS, mask=absent)])


def _bools(array: pa.BooleanArray) -> npt.NDArray[np.bool_]:
    return np.array(array.fill_null(False).to_numpy(zero_copy_only=False))

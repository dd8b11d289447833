"""Counting groups of rows in bounded memory: the most frequent groups are found, the rarest may be forgotten."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_HOST = r"(?i)^[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?(?P<host>\[[^\]]*\]|[^:/?#]+)"

_LARGEST: list[tuple[str, str]] = [("rows", "descending"), ("id", "ascending")]
"""First; of equals that of the first row, so that what is forgotten is always the same."""


def hosts_in(urls: pa.ChunkedArray) -> pa.ChunkedArray:
    """The host of each URL, in lower case; null where there is none to be seen."""
    found = pc.extract_regex(urls, _HOST)
    return pc.utf8_lower(pc.struct_field(found, "host"))


class Frequent:
    """Rows by the columns `keys`, and the lowest id of each group.

    Once there are more than twice `most` groups, all but the `most` largest are forgotten, as in the counters of Misra
    and Gries (1982): a count is then what was seen since its group was last forgotten, so at most the true one. Groups
    that hold a fair share of rows that come in random order are never forgotten.
    """

    def __init__(self, keys: list[str], most: int = 250_000) -> None:
        self._keys, self._most = keys, most
        self._groups: pa.Table | None = None
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0

    def add(self, rows: pa.Table) -> None:
        """Count rows that have the keys and ``id``."""
        counted = rows.group_by(self._keys).aggregate([([], "count_all"), ("id", "min")])
        self.add_groups(counted.rename_columns([*self._keys, "rows", "id"]))

    def add_groups(self, groups: pa.Table) -> None:
        """Take over what another one counted: its `groups`."""
        self._waiting.append(groups)
        self._waiting_rows += len(groups)
        if self._waiting_rows > self._most:
            self._fold()

    def most(self, n: int) -> list[dict[str, Any]]:
        """The `n` largest groups, largest first: their keys, ``rows`` and ``id``."""
        found: list[dict[str, Any]] = self.groups().sort_by(_LARGEST).slice(0, n).to_pylist()
        return found

    def groups(self) -> pa.Table:
        """All groups that are remembered: their keys, ``rows`` and ``id``."""
        self._fold()
        if self._groups is None:
            nothing = [pa.array([], pa.string()) for _ in self._keys]
            counts = [pa.array([], pa.int64()), pa.array([], pa.int64())]
            return pa.Table.from_arrays([*nothing, *counts], [*self._keys, "rows", "id"])
        return self._groups

    def _fold(self) -> None:
        if not self._waiting:
            return
        counted = pa.concat_tables([*([self._groups] if self._groups else []), *self._waiting])
        self._waiting, self._waiting_rows = [], 0
        groups = counted.group_by(self._keys).aggregate([("rows", "sum"), ("id", "min")])
        groups = groups.rename_columns([*self._keys, "rows", "id"])
        if len(groups) > 2 * self._most:
            groups = groups.sort_by(_LARGEST).slice(0, self._most)
        self._groups = groups.combine_chunks()

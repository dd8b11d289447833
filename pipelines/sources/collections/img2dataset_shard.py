"""A shard that img2dataset wrote: what it tells of its rows, and where their images lie.

``00017.parquet`` lists every row with its status. The images are cells of that very table (`parquet`), members of
``00017.tar`` (`webdataset`) or files in ``00017/`` (`files`), each by its row's key. A run that was killed leaves a
list that cannot be read, or none; what is known then is told by the rows as they were handed out (``_tmp/17.feather``),
which a finished shard removes, or else by the JSON beside each image.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.paths import located
from pipelines.sources.collections.sidecars import TEXT_BYTES
from pipelines.sources.collections.tar_index import is_tar, members, split_name
from pipelines.sources.files import open_bytes
from pipelines.sources.rows import text_cells
from pipelines.sources.tables.arrow_text import is_bytes
from pipelines.sources.tables.json_text import json_object, json_text

SUCCESS = "success"
UNFINISHED = "unfinished"
"""The status of rows of which img2dataset had said nothing when it was ended."""
_ENDED = "img2dataset was ended before it told of the row"

_NAME = re.compile(r"(^|/)([0-9]+\.parquet|_tmp/[0-9]+\.feather)$")
_TOLD = frozenset({"url", "key", "status", "error_message"})
_IMAGES = ("jpg", "png", "webp")
_BATCH_ROWS = 4096
_BUFFER_BYTES = 1 << 20


class Shard:
    """The shard whose list is at `path`; or, where there is none, whose rows were handed out by the file at `path`."""

    def __init__(self, path: str) -> None:
        self._path = path
        if path.endswith(".feather"):
            folder, _, name = path.removesuffix(".feather").rpartition("/_tmp/")
            self._handed_out, self._stem = path, f"{folder}/{name:0>5}"
        else:
            self._stem = path.removesuffix(".parquet")
            folder, _, name = self._stem.rpartition("/")
            self._handed_out = f"{folder}/_tmp/{name.lstrip('0') or 0}.feather"
        self._tar = f"{self._stem}.tar"

    @property
    def is_one(self) -> bool:
        """Whether img2dataset wrote it, as far as can be seen."""
        return self.may_be_one and self.is_readable

    @property
    def may_be_one(self) -> bool:
        """Whether nothing speaks against it: such is a list that cannot be read, and that nothing lies beside."""
        return _NAME.search(self._path) is not None and (self._schema is None or _TOLD.issubset(self._schema.names))

    @property
    def is_readable(self) -> bool:
        """Whether anything tells what its rows are."""
        return self._schema is not None or any(map(_exists, (self._handed_out, self._tar, self._stem)))

    def rows(self) -> Iterator[pa.RecordBatch]:
        """What is told of each row; the columns url, key and status are always there."""
        if self._schema is not None:
            names = [field.name for field in self._schema if not is_bytes(field.type)]
            with self._list() as source:
                yield from source.iter_batches(_BATCH_ROWS, columns=names, use_threads=False)
        elif _exists(self._handed_out):
            yield from self._rows_handed_out()
        else:
            yield from self._rows_of_sidecars()

    def image(self, key: str, row: int) -> dict[str, Any] | str:
        """Where the image of the row at `row` lies, as `schemas.tables.IMAGE_AT`, or why there is none."""
        if self._column is not None:
            return {"path": self._path, "column": self._column, "start": row}
        return self._images.get(key, "the shard holds no image of that key")

    @cached_property
    def _schema(self) -> pa.Schema | None:
        try:
            with self._list() as source:
                return source.schema_arrow
        except (pa.ArrowException, FileNotFoundError):
            return None

    @cached_property
    def _column(self) -> str | None:
        schema = self._schema or pa.schema([])
        return next((name for name in _IMAGES if name in schema.names and is_bytes(schema.field(name).type)), None)

    @cached_property
    def _images(self) -> Mapping[str, dict[str, Any] | str]:
        """By key; what lies in the tar and cannot be read, by its fault."""
        return {key: found for key, kind, found in self._files if kind in _IMAGES}

    @cached_property
    def _files(self) -> list[tuple[str, str, dict[str, Any] | str]]:
        """Key, extension and place of everything that lies in the tar or the folder."""
        if _exists(self._tar):
            with open_bytes(self._tar) as stored:
                return [
                    (*split_name(member.name), self._member(member.start, member.length, member.fault))
                    for member in (members(stored) if is_tar(stored) else ())
                ]
        if not _exists(self._stem):
            return []
        filesystem, folder = located(self._stem)
        names = sorted(posixpath.basename(path) for path in filesystem.ls(folder, detail=False))
        return [(*split_name(name), {"path": f"{self._stem}/{name}"}) for name in names]

    def _member(self, start: int, length: int, fault: str | None) -> dict[str, Any] | str:
        return f"its image {fault}" if fault else {"path": self._tar, "start": start, "length": length}

    def _rows_handed_out(self) -> Iterator[pa.RecordBatch]:
        """The rows in the order in which they were handed out, which their keys count."""
        with open_bytes(self._handed_out) as stored:
            table = pa.ipc.open_file(stored).read_all()
        prefix = posixpath.basename(self._stem)
        digits = max((len(key) for key in self._images), default=len(prefix) + 4) - len(prefix)
        keys = [f"{prefix}{row:0{digits}d}" for row in range(len(table))]
        table = table.select([name for name in table.column_names if name not in _TOLD - {"url"}])
        table = table.append_column("key", pa.array(keys, pa.string()))
        statuses = [SUCCESS if key in self._images else UNFINISHED for key in keys]
        table = table.append_column("status", pa.array(statuses, pa.string()))
        yield from table.append_column("error_message", pa.repeat(_ENDED, len(keys))).to_batches(_BATCH_ROWS)

    def _rows_of_sidecars(self) -> Iterator[pa.RecordBatch]:
        told: dict[str, dict[str, Any]] = {key: {} for key in self._images}
        for key, kind, place in self._files:
            if kind == "json" and isinstance(place, dict):
                told[key] = self._sidecar(place)
        rows = [{"url": None, **facts, "key": key, "status": SUCCESS} for key, facts in told.items()]
        for at in range(0, len(rows), _BATCH_ROWS):
            some = rows[at : at + _BATCH_ROWS]
            names = list(dict.fromkeys(name for row in some for name in row))
            columns = [text_cells([json_text(row.get(name)) for row in some]) for name in names]
            yield pa.RecordBatch.from_arrays(columns, names=names)

    def _sidecar(self, place: dict[str, Any]) -> dict[str, Any]:
        with open_bytes(place["path"]) as stored:
            stored.seek(place.get("start", 0))
            text = stored.read(min(place.get("length", TEXT_BYTES), TEXT_BYTES))
        facts = json_object(text.decode("utf-8", "surrogateescape"))
        return {} if isinstance(facts, str) else facts  # cut off: the image may be whole

    @contextmanager
    def _list(self) -> Iterator[pq.ParquetFile]:
        with open_bytes(self._path) as stored:
            yield pq.ParquetFile(stored, buffer_size=_BUFFER_BYTES, pre_buffer=False)


def handed_out(folder: str) -> list[int]:
    """Numbers of the shards whose rows were handed out and which are not finished; `folder` ends with a slash."""
    filesystem, inner = located(f"{folder}_tmp")
    names = filesystem.ls(inner, detail=False) if filesystem.exists(inner) else []
    found = (re.fullmatch(r"([0-9]+)\.feather", posixpath.basename(name)) for name in names)
    return sorted(int(one[1]) for one in found if one)


def _exists(path: str) -> bool:
    filesystem, inner = located(path)
    return bool(filesystem.exists(inner))

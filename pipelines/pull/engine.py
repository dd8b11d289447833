"""Pulling rows: from what a row asks for to its canonical image, or why there is none."""

import asyncio
import hashlib
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from aiohttp.abc import AbstractResolver

from pipelines.pull.allocator import return_large_blocks
from pipelines.pull.blocklists import BlockLists
from pipelines.pull.canonical import Canonical, canonicalise, identify
from pipelines.pull.fetch import Fetched, Fetcher
from pipelines.pull.img2dataset.fetcher import Img2datasetFetcher
from pipelines.pull.local import ImageAt, LocalImages
from pipelines.pull.names import Names
from pipelines.stage import Processed, Verdict, Verdicts
from schemas.tables import PULLED

if TYPE_CHECKING:
    from pipelines.pull.stage import Pull

_READ_AHEAD = 8
"""Images from files that are held while one of them is decoded."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is asked for: an image in a file where the input has it, else what is behind the URL."""

    url: str | None = None
    image_at: ImageAt | None = None
    error: str | None = None
    """What is wrong with the record."""
    reason: str | None = None
    """Why the row leaves, where the record is not merely invalid."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """One row's fate: why it leaves, or its image; and what was seen of the server either way."""

    verdict: Verdict | None
    fetched: Fetched
    n_bytes: int | None = None
    sha256: bytes | None = None
    served_format: str | None = None
    image: Canonical | None = None
    image_sha256: bytes | None = None


_BLOCKED_IMAGE = Verdict("blocked_hash")
_BLOCKED = Pulled(_BLOCKED_IMAGE, Fetched())
"""A row of which nothing is told, not even where it was."""


class PullEngine:
    """Fetches and decodes, many rows at a time. The first call binds it to the running event loop.

    An image that decodes in a few milliseconds is decoded between two packets; a slow one goes to a thread, one at a
    time, which bounds the memory that large images take together.
    """

    def __init__(self, spec: "Pull", make_resolver: Callable[[], AbstractResolver] | None = None) -> None:
        self._spec = spec
        return_large_blocks()
        self._blocked = BlockLists(spec.blocklists)
        self._make_resolver = make_resolver or (lambda: Names(spec.nameservers))
        self._fetcher: Fetcher | None = None
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="decode")
        self._files = LocalImages(spec.max_bytes)
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="read")
        self._read_ahead = asyncio.Semaphore(_READ_AHEAD)

    async def process(self, rows: pa.Table, began: float | None = None) -> Processed:
        """Pull every row of the table; rows of tables handed in at the same time share the limits.

        `began` is the event loop's time when the part that the rows are of began, now for None.
        """
        end = (asyncio.get_running_loop().time() if began is None else began) + self._spec.part_deadline_s
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.pull(row, end)) for row in _asked(rows)]
        pulled = [task.result() for task in tasks]
        return Processed(Verdicts.of([row.verdict for row in pulled]), _table(pulled))

    async def pull(self, row: Row, end: float = math.inf) -> Pulled:
        """Pull one row; ``deadline`` where it is not done at the event loop's time `end`."""
        seen = Fetched()
        try:
            async with asyncio.timeout_at(end):
                return await self._pull(row, seen, end)
        except TimeoutError:
            seen.body = None
            return Pulled(Verdict("deadline"), seen)

    async def _pull(self, row: Row, seen: Fetched, end: float) -> Pulled:
        if row.error is not None:
            return Pulled(Verdict(row.reason or "invalid_record", detail=row.error), Fetched())
        if row.image_at is not None:
            return await self._read(row.image_at)
        if self._fetcher is None:
            make = Img2datasetFetcher if self._spec.engine == "img2dataset" else Fetcher
            self._fetcher = make(self._spec, self._spec.user_agent, self._make_resolver)
        await self._fetcher.fetch(row.url, seen, end)
        body, seen.body = seen.body, None  # which is large, and may not be what is kept
        return Pulled(seen.verdict, seen) if body is None else await self._examine(seen, body)

    async def _read(self, at: ImageAt) -> Pulled:
        async with self._read_ahead:
            body = await asyncio.get_running_loop().run_in_executor(self._disk, self._files.read, at)
            return Pulled(body, Fetched()) if isinstance(body, Verdict) else await self._examine(Fetched(), body)

    async def _examine(self, fetched: Fetched, body: bytes) -> Pulled:
        spec = self._spec
        sha256 = hashlib.sha256(body).digest()
        if self._blocked.has_file(sha256):
            return _BLOCKED
        found = identify(body, spec.max_pixels)
        if isinstance(found, Verdict):
            return Pulled(found, fetched, len(body), sha256)

        def decode() -> Canonical | Verdict:
            made = canonicalise(body, found, max_pixels=spec.max_pixels, animation=spec.animation)
            return _BLOCKED_IMAGE if isinstance(made, Canonical) and self._blocked.has_image(made) else made

        made = decode() if found.cheap else await asyncio.get_running_loop().run_in_executor(self._slow, decode)
        if made is _BLOCKED_IMAGE:
            return _BLOCKED
        if isinstance(made, Verdict):
            return Pulled(made, fetched, len(body), sha256, found.format)
        stored = hashlib.sha256(made.image).digest() if made.steps else sha256
        if made.steps and self._blocked.has_file(stored):
            return _BLOCKED
        return Pulled(None, fetched, len(body), sha256, found.format, made, stored)

    async def close(self) -> None:
        """Close every connection and file."""
        self._disk.submit(self._files.close)
        self._disk.shutdown(wait=False)
        self._slow.shutdown(wait=False, cancel_futures=True)
        if self._fetcher is not None:
            await self._fetcher.close()
            self._fetcher = None


def _asked(rows: pa.Table) -> list[Row]:
    columns = [rows[name].to_pylist() for name in ("url", "image_at", "input_error", "input_reason")]
    return [
        Row(url, None if at is None else ImageAt(**at), error, reason)
        for url, at, error, reason in zip(*columns, strict=True)
    ]


def _table(rows: Sequence[Pulled]) -> pa.Table:
    images = [row.image for row in rows]
    kept = [image if row.verdict is None else None for image, row in zip(images, rows, strict=True)]
    values: dict[str, list[Any]] = {
        "image": [image and image.image for image in kept],
        "format": [image and image.format for image in images],
        "image_bytes": [image and len(image.image) for image in kept],
        "width": [image and image.width for image in images],
        "height": [image and image.height for image in images],
        "n_bytes": [row.n_bytes for row in rows],
        "sha256": [row.sha256 for row in rows],
        "image_sha256": [row.image_sha256 for row in rows],
        "phash": [image and image.phash for image in images],
        "frames": [image and image.frames for image in images],
        "sharpness": [image and image.sharpness for image in images],
        "uniformity": [image and image.uniformity for image in images],
        "served_format": [row.served_format for row in rows],
        "canonical": [image and image.steps for image in images],
        "final_url": [row.fetched.final_url for row in rows],
        "status": [row.fetched.status for row in rows],
        "content_type": [row.fetched.content_type for row in rows],
        "attempts": [row.fetched.attempts or None for row in rows],
        "ms": [row.fetched.ms for row in rows],
    }
    arrays = [
        _files(values[field.name]) if field.name == "image" else pa.array(values[field.name], field.type)
        for field in PULLED
    ]
    return pa.Table.from_arrays(arrays, schema=PULLED)


def _files(contents: Sequence[bytes | None]) -> pa.LargeBinaryArray:
    """Files as one array, copied once: `pyarrow.array` copies them again each time its buffer has to grow."""
    ends = np.zeros(len(contents) + 1, np.int64)
    np.cumsum([len(content or b"") for content in contents], out=ends[1:])
    present = pa.array([content is not None for content in contents], pa.bool_()).buffers()[1]
    joined = pa.py_buffer(b"".join(content for content in contents if content))
    return pa.Array.from_buffers(pa.large_binary(), len(contents), [present, pa.py_buffer(ends), joined])

"""The pull stage: from a row's URL to its canonical image."""

import asyncio
import hashlib
import ipaddress
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass as plain_dataclass
from dataclasses import fields
from importlib.metadata import version as installed_version
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from aiohttp.abc import AbstractResolver
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from pipelines.pull.allocator import return_large_blocks
from pipelines.pull.blocklists import BlockList, BlockLists
from pipelines.pull.canonical import Animation, Canonical, canonicalise, identify
from pipelines.pull.fetch import AGENT, Fetched, Fetcher
from pipelines.pull.names import Names
from pipelines.stage import SPEC, Operational, Processed, Verdict, Verdicts, Worker
from schemas.reasons import REASONS, Outcome
from schemas.tables import PULLED

_MAX_PIXELS = 178_956_970
"""Where Pillow itself stops, before it tells how large the image is."""

_NAMESERVER = r"^([0-9.]+(:[0-9]{1,5})?|[0-9a-fA-F:]+|\[[0-9a-fA-F:]+\](:[0-9]{1,5})?)$"


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Pull:
    """Fetches each row's URL and makes its image canonical (`pipelines.pull.canonical`).

    Only public addresses are connected to, by name, literal or redirect. A row that cannot be fetched or decoded
    leaves with its reason; final URL, status, content type, time, size and SHA-256 stay with it where they are known.
    """

    stage: Literal["pull"] = "pull"
    name: str | None = None
    deadline_s: Annotated[float, Field(gt=0, le=3600)] = 20.0
    """seconds for a URL with all its redirects, from the first connection to the last byte"""
    connect_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 10.0
    """seconds for a connection, TLS handshake included"""
    max_bytes: Annotated[int, Field(ge=1, le=1 << 31)] = 20_000_000
    """bytes of a body, declared, read or unpacked"""
    max_redirects: Annotated[int, Field(ge=0, le=20)] = 5
    max_pixels: Annotated[int, Field(ge=1, le=_MAX_PIXELS)] = 33_000_000
    """width × height in the header, and no side above 65,500; decoding takes up to 10 bytes a pixel, and kinds that
    take up to 20 (16 bits in colour, CMYK JPEGs, WebPs with alpha or animation, AVIFs) may have half as many"""
    animation: Animation = "first_frame"
    """what becomes of a file with several frames: its first stays, or the row is rejected as ``animated``"""
    allow: tuple[str, ...] = ()
    """networks (CIDR) that may be connected to besides the public internet"""
    blocklists: tuple[BlockList, ...] = ()
    """lists of hashes; an image on one of them is ``blocked_hash``, and nothing of it is written but id and reason"""
    opt_out: bool = True
    """whether headers that reserve an image from machine use are honoured (`pipelines.pull.opt_out`)"""
    robots: bool = True
    """whether each host's robots.txt is read first and obeyed (`pipelines.pull.robots`)"""
    contact: Operational[Annotated[str, Field(pattern=r"^[ -~]*$", max_length=200)]] = ""
    """a URL or mail address for the User-Agent, so that a webmaster can reach whoever runs this"""
    tries: Operational[Annotated[int, Field(ge=1, le=10)]] = 3
    """exchanges for a URL that is answered 429 or 503, or gets no connection; each hop of a redirect has as many"""
    part_deadline_s: Operational[Annotated[float, Field(gt=0, le=86_400)]] = 900.0
    """seconds for rows that are handed in together; what is left of them then fails as ``deadline``"""
    concurrency: Operational[Annotated[int, Field(ge=1, le=4096)]] = 64
    """exchanges at once"""
    per_host: Operational[Annotated[int, Field(ge=1, le=4096)]] = 8
    """exchanges at once with one host"""
    per_host_rate: Operational[Annotated[float, Field(gt=0, le=1000)] | None] = None
    """exchanges a second with one host"""
    nameservers: Operational[tuple[Annotated[str, Field(pattern=_NAMESERVER)], ...]] = ()
    """name servers to ask in place of the system's, by address, with a port (``192.0.2.1:5353``) or without"""

    version: ClassVar[int] = 2
    worker: ClassVar[Worker] = "async"
    reads: ClassVar[tuple[str, ...]] = ("url", "input_error")
    adds: ClassVar[pa.Schema] = PULLED

    @field_validator("allow")
    @classmethod
    def _networks(cls, allow: tuple[str, ...]) -> tuple[str, ...]:
        for network in allow:
            ipaddress.ip_network(network)
        return allow

    @property
    def user_agent(self) -> str:
        """What servers are told: ``shardmill/<version> (+<contact>)``."""
        product = f"{AGENT}/{installed_version('shardmill')}"
        return f"{product} (+{self.contact})" if self.contact else product

    @property
    def workers(self) -> int:
        """How many workers pull by this spec: what a host asks of all of them is shared out."""
        return 1

    def share(self, workers: int) -> "Pull":
        """`per_host` and `per_host_rate` hold over all workers, so each gets its share; `concurrency` is its own.

        A worker has one exchange with a host at least: where there are more workers than `per_host`, their number is
        the limit.
        """
        rate = self.per_host_rate and self.per_host_rate / workers
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        own |= {"per_host": max(1, self.per_host // workers), "per_host_rate": rate}
        return _Share(**own, of_workers=workers)

    def load(self) -> "PullEngine":
        """The engine; it connects to nothing before the first rows come."""
        return PullEngine(self)


@dataclass(frozen=True, kw_only=True, config=SPEC)
class _Share(Pull):
    of_workers: int

    @property
    def workers(self) -> int:
        return self.of_workers


@plain_dataclass(frozen=True, slots=True)
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

    def __init__(self, spec: Pull, make_resolver: Callable[[], AbstractResolver] | None = None) -> None:
        self._spec = spec
        return_large_blocks()
        self._blocked = BlockLists(spec.blocklists)
        self._make_resolver = make_resolver or (lambda: Names(spec.nameservers))
        self._fetcher: Fetcher | None = None
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="decode")

    async def process(self, rows: pa.Table) -> Processed:
        """Pull every row of the table; rows of tables handed in at the same time share the limits."""
        urls, errors = rows["url"].to_pylist(), rows["input_error"].to_pylist()
        end = asyncio.get_running_loop().time() + self._spec.part_deadline_s

        async def in_time(url: str | None, error: str | None) -> Pulled:
            try:
                async with asyncio.timeout_at(end):
                    return await self.pull(url, error)
            except TimeoutError:
                return Pulled(Verdict("deadline"), Fetched())

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(in_time(url, error)) for url, error in zip(urls, errors, strict=True)]
        pulled = [task.result() for task in tasks]
        return Processed(Verdicts.of([row.verdict for row in pulled]), _table(pulled))

    async def pull(self, url: str | None, input_error: str | None = None) -> Pulled:
        """Pull one row."""
        if input_error is not None:
            return Pulled(Verdict("invalid_record", detail=input_error), Fetched())
        if self._fetcher is None:
            self._fetcher = Fetcher(self._spec, self._spec.user_agent, self._make_resolver)
        fetched = await self._fetcher.fetch(url)
        body, fetched.body = fetched.body, None  # which is large, and may not be what is kept
        return Pulled(fetched.verdict, fetched) if body is None else await self._examine(fetched, body)

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
        """Close every connection."""
        self._slow.shutdown(wait=False, cancel_futures=True)
        if self._fetcher is not None:
            await self._fetcher.close()
            self._fetcher = None


def _table(rows: Sequence[Pulled]) -> pa.Table:
    images = [row.image for row in rows]
    values: dict[str, list[Any]] = {
        "image": [image and image.image for image in images],
        "format": [image and image.format for image in images],
        "image_bytes": [image and len(image.image) for image in images],
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


async def describe(spec: Pull, urls: Sequence[str]) -> AsyncIterator[dict[str, object]]:
    """Pull each URL and tell what came of it, in the order given.

    Keys: url, outcome, reason (None when kept), value, final_url, status, bytes (as served), format (of the canonical
    image), width, height, sha256 (hex, of the served bytes), phash (16 hex digits), ms.
    """
    engine = spec.load()
    tasks = [asyncio.ensure_future(engine.pull(url)) for url in urls]
    try:
        for url, task in zip(urls, tasks, strict=True):
            yield _told(url, await task)
    finally:
        for task in tasks:
            task.cancel()
        await engine.close()


def _told(url: str, row: Pulled) -> dict[str, object]:
    verdict, image = row.verdict, row.image
    return {
        "url": url,
        "outcome": str(REASONS[verdict.reason].outcome if verdict else Outcome.KEPT),
        "reason": verdict and verdict.reason,
        "value": verdict and verdict.value,
        "final_url": row.fetched.final_url,
        "status": row.fetched.status,
        "bytes": row.n_bytes,
        "format": image and image.format,
        "width": image and image.width,
        "height": image and image.height,
        "sha256": row.sha256 and row.sha256.hex(),
        "phash": image and f"{image.phash:016x}",
        "ms": row.fetched.ms,
    }

"""The pull stage: from a row's URL to its canonical image."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Sequence
from dataclasses import fields
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from typing import Annotated, ClassVar, Literal

import pyarrow as pa
from pydantic import Field, field_validator, model_validator
from pydantic.dataclasses import dataclass

from pipelines.pull.blocklists import BlockList
from pipelines.pull.canonical import Animation
from pipelines.pull.engine import Pulled, PullEngine, Row
from pipelines.pull.fetch import AGENT
from pipelines.stage import SPEC, Operational, Worker
from schemas.reasons import REASONS, Outcome
from schemas.tables import PULLED

_MAX_PIXELS = 178_956_970
"""Where Pillow itself stops, before it tells how large the image is."""

PullEngineName = Literal["shardmill", "img2dataset"]

_NAMESERVER = r"^([0-9.]+(:[0-9]{1,5})?|[0-9a-fA-F:]+|\[[0-9a-fA-F:]+\](:[0-9]{1,5})?)$"


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Pull:
    """Fetches each row's URL and makes its image canonical (`pipelines.pull.canonical`).

    A row whose image lies in a file of the input is read from there, and held to the same limits of size and pixels.

    Only public addresses are connected to, by name, literal or redirect. A row that cannot be fetched or decoded
    leaves with its reason; final URL, status, content type, attempts, time, size and SHA-256 stay with it where they
    are known.
    """

    stage: Literal["pull"] = "pull"
    name: str | None = None
    engine: PullEngineName = "shardmill"
    """who makes the exchanges: shardmill itself, or img2dataset (`pipelines.pull.img2dataset`), an extra"""
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
    proxies: bool = False
    """whether to go through the proxies that the environment names (``HTTP_PROXY``, ``HTTPS_PROXY``, ``NO_PROXY``)"""
    contact: Operational[Annotated[str, Field(pattern=r"^[ -~]*$", max_length=200)]] = ""
    """a URL or mail address for the User-Agent, so that a webmaster can reach whoever runs this"""
    tries: Operational[Annotated[int, Field(ge=1, le=10)]] = 3
    """exchanges for a URL that is answered 429 or 503, or gets no connection; each hop of a redirect has as many"""
    part_deadline_s: Operational[Annotated[float, Field(gt=0, le=86_400)]] = 900.0
    """seconds for a part, from when its first rows begin; what is left of it then fails as ``deadline``"""
    concurrency: Operational[Annotated[int, Field(ge=1, le=4096)]] = 64
    """exchanges at once"""
    per_host: Operational[Annotated[int, Field(ge=1, le=4096)]] = 8
    """exchanges at once with one host"""
    per_host_rate: Operational[Annotated[float, Field(gt=0, le=1000)] | None] = None
    """exchanges a second with one host"""
    nameservers: Operational[tuple[Annotated[str, Field(pattern=_NAMESERVER)], ...]] = ()
    """name servers to ask in place of the system's, by address, with a port (``192.0.2.1:5353``) or without"""

    version: ClassVar[int] = 3
    worker: ClassVar[Worker] = "async"
    reads: ClassVar[tuple[str, ...]] = ("url", "image_at", "input_error", "input_reason")
    adds: ClassVar[pa.Schema] = PULLED

    @field_validator("allow")
    @classmethod
    def _networks(cls, allow: tuple[str, ...]) -> tuple[str, ...]:
        for network in allow:
            ipaddress.ip_network(network)
        return allow

    @model_validator(mode="after")
    def _engine_can(self) -> "Pull":
        if self.engine == "img2dataset":
            if self.nameservers:
                raise ValueError("img2dataset asks the system's name servers: leave out `nameservers`")
            if self.proxies:
                raise ValueError("img2dataset uses no proxies here: leave out `proxies`")
            if find_spec("img2dataset") is None:
                raise ValueError("`engine: img2dataset` needs that package: pip install 'shardmill[img2dataset]'")
        return self

    @property
    def user_agent(self) -> str:
        """What servers are told: ``shardmill/<version> (+<contact>)``."""
        product = f"{AGENT}/{installed_version('shardmill')}"
        return f"{product} (+{self.contact})" if self.contact else product

    @property
    def workers(self) -> int:
        """How many workers pull by this spec: what a host asks of all of them is shared out."""
        return 1

    @property
    def max_workers(self) -> int:
        """As many as `per_host`: each has one exchange with a host at least."""
        return self.per_host

    def share(self, workers: int) -> "Pull":
        """`per_host` and `per_host_rate` hold over all workers, so each gets its share; `concurrency` is its own.

        Raises `ValueError` for more than `max_workers` workers.
        """
        if workers > self.max_workers:
            raise ValueError(f"{self.per_host} exchanges at once cannot be shared among {workers} workers")
        rate = self.per_host_rate and self.per_host_rate / workers
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        own |= {"per_host": self.per_host // workers, "per_host_rate": rate}
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


async def describe(spec: Pull, urls: Sequence[str]) -> AsyncIterator[dict[str, object]]:
    """Pull each URL and tell what came of it, in the order given.

    Keys: url, outcome, reason (None when kept), value, final_url, status, bytes (as served), format (of the canonical
    image), width, height, sha256 (hex, of the served bytes), phash (16 hex digits), ms, attempts (exchanges, None where
    there was none), detail.
    """
    engine = spec.load()
    tasks = [asyncio.ensure_future(engine.pull(Row(url))) for url in urls]
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
        "attempts": row.fetched.attempts or None,
        "detail": verdict and verdict.detail,
    }

"""The ceiling: what one hand-written loop needs for the same work, with nothing that makes it a program for others.

    benchmarks/.peers/ceiling/bin/python benchmarks/ceiling.py --input URLS.parquet --output DIR [--full]

One process, one thread: libcurl's multi interface → status → header and end-of-image check → SHA-256 → perceptual
hash of a decode at the smallest scale that serves (or in full, and in colour) → uncompressed Parquet. No deadline over
redirects, no address rules, no canonical pixels, no commit, no resume. It runs in an environment of its own (pycurl is
no dependency of ours) and therefore imports nothing of the project.
"""

import argparse
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pycurl  # type: ignore[import-untyped]
import simplejpeg
from PIL import Image

CONNECTIONS = 32
_ROWS_A_GROUP = 200
_SCHEMA = pa.schema(
    [
        pa.field("url", pa.string()),
        pa.field("outcome", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("sha256", pa.binary()),
        pa.field("phash", pa.binary()),
        pa.field("image", pa.large_binary()),
    ]
)
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_TAIL = 64 * 1024  # where the end marker is looked for: some writers append metadata behind it
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD8)})
_COSINES = np.cos(np.pi * (2 * np.arange(32)[None] + 1) * np.arange(8)[:, None] / 64).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Row:
    """One URL's outcome: ``kept``, or why not."""

    url: str
    outcome: str
    width: int | None = None
    height: int | None = None
    sha256: bytes | None = None
    phash: bytes | None = None
    image: bytes | None = None


def fetch(urls: Sequence[str], connections: int = CONNECTIONS) -> Iterator[tuple[str, int, bytes]]:
    """URL, HTTP status (0 where there was no answer) and body of each, in the order in which they end."""
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_MAXCONNECTS, connections)
    idle = [_handle() for _ in range(connections)]
    pending = iter(urls)
    running: dict[pycurl.Curl, tuple[str, io.BytesIO]] = {}
    while True:
        while idle and (url := next(pending, None)) is not None:
            handle, body = idle.pop(), io.BytesIO()
            handle.setopt(pycurl.URL, url)
            handle.setopt(pycurl.WRITEFUNCTION, body.write)
            running[handle] = url, body
            multi.add_handle(handle)
        if not running:
            return
        while multi.perform()[0] == pycurl.E_CALL_MULTI_PERFORM:
            pass
        queued = 1
        while queued:
            queued, done, broken = multi.info_read()
            for handle in (*done, *(failure[0] for failure in broken)):
                multi.remove_handle(handle)
                idle.append(handle)
                url, body = running.pop(handle)
                yield url, handle.getinfo(pycurl.RESPONSE_CODE) if handle in done else 0, body.getvalue()
        if running:
            multi.select(1.0)


def judge(url: str, status: int, body: bytes, *, full: bool = False) -> Row:
    """What the answer is worth."""
    if status != 200:
        return Row(url, f"http_{status}")
    try:
        width, height, grey = _decode_jpeg(body, full=full) if body.startswith(_JPEG_START) else _decode(body)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        return Row(url, type(error).__name__)
    return Row(url, "kept", width, height, hashlib.sha256(body).digest(), perceptual_hash(grey), body)


def perceptual_hash(grey: npt.NDArray[np.uint8]) -> bytes:
    """64 bits: the 8×8 lowest cosine terms of the 32×32 image over their median."""
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    terms = (_COSINES @ small @ _COSINES.T).ravel()
    return np.packbits(terms > np.median(terms)).tobytes()


def _handle() -> pycurl.Curl:
    handle = pycurl.Curl()
    handle.setopt(pycurl.NOSIGNAL, 1)
    handle.setopt(pycurl.TIMEOUT, 20)
    handle.setopt(pycurl.BUFFERSIZE, 256 * 1024)
    handle.setopt(pycurl.MAXFILESIZE, 50_000_000)
    return handle


def _decode_jpeg(body: bytes, *, full: bool) -> tuple[int, int, npt.NDArray[np.uint8]]:
    width, height = _jpeg_size(body)
    if body.rfind(_JPEG_END, max(0, len(body) - _TAIL)) < 0:
        raise ValueError("no end of image")
    if full:
        pixels = simplejpeg.decode_jpeg(body, colorspace="RGB")
        return width, height, np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    grey = simplejpeg.decode_jpeg(body, colorspace="GRAY", min_height=64, min_width=64, min_factor=1)
    return width, height, grey[..., 0]


def _decode(body: bytes) -> tuple[int, int, npt.NDArray[np.uint8]]:
    with Image.open(io.BytesIO(body)) as image:
        return *image.size, np.asarray(image.convert("L"))


def _jpeg_size(body: bytes) -> tuple[int, int]:
    """Width and height from the frame header."""
    at = 2
    while at + 9 < len(body):
        marker = body[at + 1]
        if body[at] != 0xFF or marker == 0xFF:
            at += 1
        elif marker in _FRAME_HEADERS:
            return int.from_bytes(body[at + 7 : at + 9]), int.from_bytes(body[at + 5 : at + 7])
        elif marker in _BARE_MARKERS:
            at += 2
        else:
            at += 2 + int.from_bytes(body[at + 2 : at + 4])
    raise ValueError("no frame header")


def main() -> None:
    parser = argparse.ArgumentParser(description="The ceiling of one hand-written loop.")
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--full", action="store_true", help="decode every pixel, in colour")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    urls = pq.read_table(options.input, columns=["url"])["url"].to_pylist()
    options.output.mkdir(parents=True)
    rows: list[Row] = []
    with pq.ParquetWriter(
        options.output / "images.parquet", _SCHEMA, compression="none", use_dictionary=False, write_statistics=False
    ) as writer:
        for url, status, body in fetch(urls):
            rows.append(judge(url, status, body, full=options.full))
            if len(rows) == _ROWS_A_GROUP:
                writer.write_table(pa.Table.from_pylist([asdict(row) for row in rows], _SCHEMA))
                rows.clear()
        if rows:
            writer.write_table(pa.Table.from_pylist([asdict(row) for row in rows], _SCHEMA))


if __name__ == "__main__":
    main()

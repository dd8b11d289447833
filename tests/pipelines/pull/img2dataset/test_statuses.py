"""What img2dataset says of a row is read as one of our reasons: first its real words, then those it has elsewhere."""

import asyncio
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.pull.img2dataset.statuses import verdict_of_row
from pipelines.stage import Verdict
from tests.pipelines.pull.hostile import Hostile, response
from tests.pipelines.pull.pictures import file, scene
from tests.support.img2dataset import download

PICTURE = file(scene(), "JPEG")


async def never(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def stalling(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    await never(writer)


async def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


def nobody() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/"


def looping(server: Hostile) -> str:
    url = server.page()
    server.redefine(url, response(302, headers={"Location": url}))
    return url


def raw(payload: bytes) -> Callable[[Hostile], str]:
    return lambda server: server.raw(payload, close=True)


def page(status: int = 200, body: bytes = b"", **headers: str) -> Callable[[Hostile], str]:
    return lambda server: server.page(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


CASES: dict[str, tuple[Callable[[Hostile], str], str | None, float | None]] = {
    "an image": (page(body=PICTURE), None, None),
    "404": (page(404), "http_gone", 404),
    "410": (page(410), "http_gone", 410),
    "401": (page(401), "http_denied", 401),
    "403": (page(403), "http_denied", 403),
    "451": (page(451), "http_denied", 451),
    "429": (page(429), "rate_limited", 429),
    "500": (page(500), "http_error", 500),
    "503": (page(503), "http_error", 503),
    "304": (page(304), "http_error", 304),
    "a redirect to nowhere": (page(302), "http_error", 302),
    "a redirect to itself": (looping, "redirect_loop", None),
    "a redirect to a file": (page(302, Location="file:///etc/hostname"), "blocked_scheme", None),
    "noai": (page(body=PICTURE, X_Robots_Tag="noai"), "opted_out", None),
    "a server that never answers": (lambda server: server.acting(never), "timeout", None),
    "a body that stalls": (lambda server: server.acting(stalling), "timeout", None),
    "a reset": (lambda server: server.acting(reset), "connect", None),
    "a server that hangs up": (raw(b""), "connect", None),
    "nobody there": (lambda _: nobody(), "connect", None),
    "no such name": (lambda _: "http://nowhere.invalid/", "dns_not_found", None),
    "no TLS": (lambda s: f"https://127.0.0.1:{s.blurting(b'no TLS')}/", "tls", None),
    "a short body": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), "body_short", None),
    "no HTTP": (raw(b"garbage\r\n\r\n"), "http_error", None),
    "a long header": (raw(b"HTTP/1.1 200 OK\r\nX: " + bytes(70_000)), "http_error", None),
    "many headers": (raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200), "http_error", None),
    "nothing": (lambda _: "", "invalid_url", None),
    "nonsense": (lambda _: "nonsense", "invalid_url", None),
    "a port that is none": (lambda _: "http://127.0.0.1:abc/", "invalid_url", None),
    "half an address": (lambda _: "http://[::1", "invalid_url", None),
    "a space": (lambda _: "http://127.0.0.1/a b", "invalid_url", None),
    "a label too long": (lambda _: f"http://{'a' * 70}.invalid/", "invalid_url", None),
    "an unknown scheme": (lambda _: "foo://127.0.0.1/", "blocked_scheme", None),
    "a file that is not there": (lambda _: "file:///nowhere", "blocked_scheme", None),
    "a page": (page(body=b"<!doctype html>"), "truncated_image", None),
    "half an image": (page(body=PICTURE[: len(PICTURE) // 8]), "truncated_image", None),
    "a small image": (page(body=file(scene(30, 20), "JPEG")), "min_side", None),
    "a narrow image": (page(body=file(scene(400, 48), "JPEG")), "aspect_ratio", None),
    "a large image": (page(body=file(scene(200, 200), "JPEG")), "too_many_pixels", None),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict | None]:
    """What img2dataset says of each case, in our words."""
    folder: Path = tmp_path_factory.mktemp("i2d")
    server = Hostile()
    try:
        urls = [url(server) for url, _, _ in CASES.values()]
        pairs = pa.table({"url": urls, "caption": list(CASES)})
        limits = {"min_image_size": 32, "max_aspect_ratio": 4, "max_image_area": 30_000}
        output = download(pairs, folder / "work", resize_mode="no", skip_reencode=True, **limits)
    finally:
        server.stop()
    rows = pq.read_table(output / "00000.parquet").to_pylist()
    return {row["caption"]: verdict_of_row(row["status"], row["error_message"]) for row in rows}


@pytest.mark.parametrize("case", CASES)
def test_its_real_words_are_read(said: dict[str, Verdict | None], case: str) -> None:
    _, reason, value = CASES[case]
    verdict = said[case]
    assert (verdict and verdict.reason, verdict and verdict.value) == (reason, value), verdict
    assert verdict is None or verdict.detail


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("<urlopen error [Errno -3] Temporary failure in name resolution>", "dns_error"),
        ("<urlopen error [Errno -5] No address associated with hostname>", "dns_not_found"),
        ("<urlopen error [Errno -8] Servname not supported for ai_socktype>", "dns_error"),
        ("<urlopen error [Errno 110] Connection timed out>", "connect"),
        ("<urlopen error [Errno 113] No route to host>", "connect"),
        ("<urlopen error [Errno 101] Network is unreachable>", "connect"),
        ("<urlopen error timed out>", "timeout"),
        ("The read operation timed out", "timeout"),
        ("<urlopen error _ssl.c:989: The handshake operation timed out>", "timeout"),
        (
            "<urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate>",
            "tls",
        ),
        ("<urlopen error EOF occurred in violation of protocol (_ssl.c:1007)>", "tls"),
        ("<urlopen error no host given>", "invalid_url"),
        ("'ascii' codec can't encode character '\\xe4' in position 5: ordinal not in range(128)", "invalid_url"),
        ("<urlopen error ftp error: TimeoutError('timed out')>", "blocked_scheme"),
        ("", "http_error"),
        ("words that nobody knows", "http_error"),
    ],
)
def test_words_of_other_networks_are_read(words: str, reason: str) -> None:
    verdict = verdict_of_row("failed_to_download", words)
    assert verdict is not None
    assert (verdict.reason, verdict.detail) == (reason, words or None)


def test_a_status_that_it_does_not_have_is_a_failure() -> None:
    assert verdict_of_row(None, None) == Verdict("engine_error", detail="status None: ")


def test_what_a_server_wrote_is_fit_to_be_stored() -> None:
    verdict = verdict_of_row("failed_to_download", "\udcff" + "x" * 10_000)
    assert verdict
    assert verdict.detail
    assert len(verdict.detail.encode()) <= 2_048

"""Whatever a server does, the row ends in time and with the reason that fits."""

import asyncio
import gzip
import socket
import zlib
from collections.abc import Callable

import pytest
from aiohttp import ClientConnectionError
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from pipelines.pull.urls import parse_url
from pipelines.pull.verdicts import verdict_of, verdict_of_status
from schemas.reasons import REASONS
from tests.pipelines.pull.hostile import NXDOMAIN, SERVFAIL, Answer, Hostile, pull, pull_all, response
from tests.pipelines.pull.pictures import file, scene

PICTURE = file(scene(), "JPEG")


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_picture_is_kept_as_it_was_sent(hostile: Hostile) -> None:
    url = hostile.page(PICTURE, headers={"Content-Type": "image/jpeg"})
    row = pull(url)
    assert (row["reason"], row["image"]) == (None, PICTURE)
    assert (row["final_url"], row["status"], row["content_type"]) == (url, 200, "image/jpeg")


@pytest.mark.parametrize("status", [200, 203])
def test_success_needs_no_particular_number_or_type(hostile: Hostile, status: int) -> None:
    assert pull(hostile.page(PICTURE, status, {"Content-Type": "text/html"}))["reason"] is None


def test_the_request_says_who_asks_and_nothing_that_tells_rows_apart(hostile: Hostile) -> None:
    target = hostile.page(PICTURE, headers={"Set-Cookie": "b=2"})
    start = hostile.page(status=302, headers={"Location": target, "Set-Cookie": "a=1"})
    pull_all([start, target], contact="mailto:me@example.org")
    assert len(hostile.requests) == 3
    for request in hostile.requests:
        assert request.keys() <= {"path", "host", "user-agent", "accept", "accept-encoding", "connection"}
        assert request["user-agent"].startswith("shardmill/")
        assert request["user-agent"].endswith(" (+mailto:me@example.org)")
        assert request["accept-encoding"] == "identity"


STATUSES = {
    400: "http_gone", 404: "http_gone", 405: "http_gone", 410: "http_gone", 418: "http_gone", 499: "http_gone",
    401: "http_denied", 403: "http_denied", 407: "http_denied", 451: "http_denied",
    408: "rate_limited", 425: "rate_limited", 429: "rate_limited",
    500: "http_error", 502: "http_error", 503: "http_error", 504: "http_error", 599: "http_error",
    300: "http_error", 304: "http_error", 302: "http_error",
}  # fmt: skip


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_becomes_its_reason(hostile: Hostile, status: int) -> None:
    row = pull(hostile.page(b"sorry" if status != 304 else b"", status))
    assert (row["reason"], row["value"], row["status"]) == (STATUSES[status], status, status)
    assert row["image"] is None


@given(st.integers(100, 999))
def test_every_status_has_an_answer(status: int) -> None:
    verdict = verdict_of_status(status)
    assert (verdict is None) == (200 <= status < 300)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (None, "invalid_url"),
        ("", "invalid_url"),
        ("  ", "invalid_url"),
        ("example.org/picture.jpg", "invalid_url"),
        ("//example.org/picture.jpg", "invalid_url"),
        ("http://", "invalid_url"),
        ("http:///picture.jpg", "invalid_url"),
        ("http://user:word@127.0.0.1/", "invalid_url"),
        ("http://user@127.0.0.1/", "invalid_url"),
        ("http://:word@127.0.0.1/", "invalid_url"),
        ("http://127.0.0.1:99999/", "invalid_url"),
        ("http://127.0.0.1:0/", "invalid_url"),
        ("http://127.0.0.1:http/", "invalid_url"),
        ("http://[::1/", "invalid_url"),
        ("http://exa mple.org/", "invalid_url"),
        ("http://a..b/", "invalid_url"),
        (f"http://{'x' * 64}.example/", "invalid_url"),
        ("http://1.2.3.4.5/", "invalid_url"),
        ("http://134744072/", "invalid_url"),
        ("http://\udcff.example/", "invalid_url"),
        ("ftp://example.org/picture.jpg", "blocked_scheme"),
        ("file:///etc/passwd", "blocked_scheme"),
        ("data:image/gif;base64,R0lGODlhAQABAAAAACw=", "blocked_scheme"),
        ("javascript:alert(1)", "blocked_scheme"),
        ("http://10.0.0.1/", "blocked_address"),
        ("http://169.254.169.254/latest/meta-data/", "blocked_address"),
        ("http://[::1]/", "blocked_address"),
        ("http://[::ffff:10.0.0.1]/", "blocked_address"),
        ("http://[fe80::1%25eth0]/", "blocked_address"),
        ("http://167772161/", "blocked_address"),
        ("http://0xa.1/", "blocked_address"),
        ("http://012.0.0.1/", "blocked_address"),
        ("http://10.0.0.1./", "blocked_address"),
    ],
)
def test_some_urls_are_not_asked_at_all(url: str | None, reason: str) -> None:
    row = pull(url if url is None else url.encode("utf-8", "replace").decode())
    assert (row["reason"], row["status"]) == (reason, None)


def test_loopback_is_blocked_unless_allowed(hostile: Hostile) -> None:
    url = hostile.page(PICTURE)
    for spelled in (url, url.replace("127.0.0.1", "localhost")):
        assert pull(spelled, allow=())["reason"] == "blocked_address"
        assert pull(spelled)["reason"] is None
    assert len(hostile.requests) == 2


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40))
def test_a_url_is_sent_as_it_is_or_normalised_but_never_breaks_the_request(tail: str) -> None:
    url = parse_url(f"http://example.org/{tail}")
    assert url.host == "example.org"
    assert not set(url.raw_path_qs) & set(' \r\n\t"<>')


def test_a_signed_query_arrives_untouched(hostile: Hostile) -> None:
    url = "http://example.org/a%2Fb/%7Ec.jpg?sig=a%2Fb%2Bc%3D&x=1+2"
    assert str(parse_url(url)) == url
    assert parse_url("?w=1", base=URL("http://example.org/a?b")) == URL("http://example.org/a?w=1")


# names


def test_a_name_that_does_not_exist_is_rejected_and_a_broken_server_is_not(hostile: Hostile) -> None:
    resolvers = hostile.names({"gone.example": NXDOMAIN, "empty.example": [], "broken.example": SERVFAIL})
    assert pull("http://gone.example/", resolvers)["reason"] == "dns_not_found"
    assert pull("http://empty.example/", resolvers)["reason"] == "dns_not_found"
    assert pull("http://broken.example/", resolvers)["reason"] == "dns_error"


def test_a_name_is_judged_by_what_it_resolves_to(hostile: Hostile) -> None:
    resolvers = hostile.names({"inner.example": ["10.0.0.7"], "meta.example": ["169.254.169.254"]})
    assert pull("http://inner.example/", resolvers)["reason"] == "blocked_address"
    assert pull("http://meta.example/", resolvers)["reason"] == "blocked_address"


def test_of_a_name_with_several_addresses_only_the_permitted_are_tried(hostile: Hostile) -> None:
    resolvers = hostile.names({"both.example": ["10.0.0.7", "127.0.0.1"]})
    url = hostile.page(PICTURE).replace("127.0.0.1", "both.example")
    assert pull(url, resolvers)["reason"] is None


def test_a_redirect_to_a_name_that_resolves_inwards_is_blocked(hostile: Hostile) -> None:
    resolvers = hostile.names({"inner.example": ["192.168.0.1"]})
    row = pull(hostile.page(status=302, headers={"Location": "http://inner.example/"}), resolvers)
    assert row["reason"] == "blocked_address"


# redirects


def chain(hostile: Hostile, hops: int, end: str) -> str:
    for _ in range(hops):
        end = hostile.page(b"over there", 301, {"Location": end})
    return end


def test_redirects_are_followed_up_to_the_cap(hostile: Hostile) -> None:
    target = hostile.page(PICTURE)
    row = pull(chain(hostile, 5, target))
    assert (row["reason"], row["final_url"]) == (None, target)
    row = pull(chain(hostile, 6, target))
    assert (row["reason"], row["value"], row["status"]) == ("redirect_loop", 6, 301)
    assert pull(chain(hostile, 1, target), max_redirects=0)["reason"] == "redirect_loop"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_kind_of_redirect_may_be_relative(hostile: Hostile, status: int) -> None:
    target = hostile.page(PICTURE)
    path = "/" + target.rpartition("/")[2]
    assert pull(hostile.page(status=status, headers={"Location": path}))["final_url"] == target


def test_a_loop_ends(hostile: Hostile) -> None:
    url = hostile.page()
    hostile.redefine(url, response(302, headers={"Location": url}))
    assert pull(url)["reason"] == "redirect_loop"
    assert len(hostile.requests) == 6


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://10.0.0.1/", "blocked_address"),
        ("http://[fd00::1]/", "blocked_address"),
        ("http://2852039166/", "blocked_address"),
        ("//169.254.169.254/", "blocked_address"),
        ("ftp://example.org/", "blocked_scheme"),
        ("file:///etc/passwd", "blocked_scheme"),
        ("http://me:secret@127.0.0.1/", "invalid_url"),
        ("http://[broken/", "invalid_url"),
    ],
)
def test_every_hop_is_held_to_the_same_rules(hostile: Hostile, location: str, reason: str) -> None:
    row = pull(chain(hostile, 2, hostile.page(status=302, headers={"Location": location})))
    assert row["reason"] == reason


# bodies


def test_a_body_may_be_as_large_as_the_cap_and_no_larger(hostile: Hostile) -> None:
    url = hostile.page(PICTURE)
    assert pull(url, max_bytes=len(PICTURE))["reason"] is None
    row = pull(url, max_bytes=len(PICTURE) - 1)
    assert (row["reason"], row["value"], row["detail"]) == ("body_too_large", len(PICTURE), "as declared")


def test_a_body_without_a_declared_length_is_cut_off_at_the_cap(hostile: Hostile) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n")
        while True:
            writer.write(bytes(1 << 16))
            await writer.drain()

    row = pull(hostile.acting(endless), max_bytes=1_000_000)
    assert (row["reason"], row["value"]) == ("body_too_large", 1_000_001)


def test_a_chunked_body_is_held_to_the_cap_too(hostile: Hostile) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"8000\r\n" + bytes(0x8000) + b"\r\n")
            await writer.drain()

    assert pull(hostile.acting(endless), max_bytes=1_000_000)["reason"] == "body_too_large"


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def test_lengths_that_lie(hostile: Hostile) -> None:
    longer = hostile.raw(response(200, PICTURE, {"Content-Length": len(PICTURE) + 10}), close=True)
    assert pull(longer)["reason"] == "body_short"
    shorter = hostile.page(PICTURE, headers={"Content-Length": len(PICTURE) - 10})
    assert pull(shorter)["reason"] in ("truncated_image", "http_error")  # as the surplus comes later or at once
    assert pull(hostile.raw(chunked(PICTURE), close=True))["reason"] is None
    assert pull(hostile.raw(chunked(PICTURE, end=b""), close=True))["reason"] == "body_short"
    until_close = b"HTTP/1.1 200 OK\r\n\r\n" + PICTURE
    assert pull(hostile.raw(until_close, close=True))["reason"] is None


@pytest.mark.parametrize("payload", [response(200), response(204), chunked(), b"HTTP/1.1 200 OK\r\n\r\n"])
def test_no_bytes_are_an_empty_body(hostile: Hostile, payload: bytes) -> None:
    row = pull(hostile.raw(payload, close=True))
    assert (row["reason"], row["n_bytes"]) == ("empty_body", None)


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("", bytes)])
def test_compression_that_nobody_asked_for_is_undone(
    hostile: Hostile, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    row = pull(hostile.page(pack(PICTURE), headers={"Content-Encoding": encoding}))
    assert (row["reason"], row["image"], row["n_bytes"]) == (None, PICTURE, len(PICTURE))


def test_compression_gone_wrong(hostile: Hostile) -> None:
    def reason(body: bytes, encoding: str = "gzip") -> str:
        row = pull(hostile.page(body, headers={"Content-Encoding": encoding}), max_bytes=100_000)
        return str(row["reason"])

    packed = gzip.compress(PICTURE)
    assert reason(gzip.compress(bytes(50_000_000))) == "body_too_large"
    assert reason(packed[:-20]) == "body_short"
    assert reason(packed[:40] + bytes(40) + packed[80:]) == "http_error"
    assert reason(gzip.compress(b"")) == "empty_body"
    assert reason(PICTURE, "br") == "http_error"
    assert reason(PICTURE) == "None"  # called gzip, and is not: the bytes speak for themselves


# servers that break the protocol, or break off


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "connect"),
        (b"HTTP/1.1 200 OK\r\nContent-", "connect"),
        (b"220 this is not a web server\r\n", "http_error"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "http_error"),
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n", "http_error"),
        (b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(50_000)) + b"\r\n", "http_error"),
        (b"HTTP/1.1 302 Found\r\nLocation: /" + b"x" * 20_000 + b"\r\n\r\n", "http_error"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a number\r\n", "http_error"),
    ],
)
def test_a_broken_answer_has_a_reason(hostile: Hostile, payload: bytes, reason: str) -> None:
    assert pull(hostile.raw(payload, close=True))["reason"] == reason


def test_headers_may_hold_any_byte(hostile: Hostile) -> None:
    payload = response(200, PICTURE).replace(b"\r\n", b"\r\nContent-Type: \xff\xfe\xe9\r\n", 1)
    row = pull(hostile.raw(payload))
    assert row["reason"] is None
    assert row["content_type"] == "???"
    location = response(302).replace(b"\r\n", b"\r\nLocation: http://\xff\xfe/\r\n", 1)
    assert pull(hostile.raw(location))["reason"] == "invalid_url"


def test_nobody_listens() -> None:
    assert pull(f"http://127.0.0.1:{unused_port()}/")["reason"] == "connect"


def test_tls_that_is_none(hostile: Hostile) -> None:
    port = hostile.blurting(b"HTTP/1.0 400 Bad Request\r\n\r\n")
    assert pull(f"https://127.0.0.1:{port}/")["reason"] == "tls"


def test_a_connection_that_is_never_accepted_ends_at_its_own_limit() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        row = pull(f"http://127.0.0.1:{address[1]}/", connect_timeout_s=0.3, deadline_s=1)
        for filler in fillers:
            filler.close()
    assert row["reason"] in ("connect", "timeout")
    assert row["seconds"] < 2


async def silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def dripping_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n\xff\xd8\xff")
    while True:
        writer.write(b"\0")
        await writer.drain()
        await asyncio.sleep(0.05)


async def dripping_header(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def endless_information(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("answer", [silence, dripping_body, dripping_header, endless_information])
def test_the_deadline_is_the_deadline(hostile: Hostile, answer: Answer) -> None:
    row = pull(hostile.acting(answer), deadline_s=0.5)
    assert row["reason"] == "timeout"
    assert row["seconds"] < 1.5
    assert 400 <= row["ms"] < 1500


def test_redirects_share_one_deadline(hostile: Hostile) -> None:
    async def slow_redirect(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        writer.write(response(302, headers={"Location": "/0"}))

    row = pull(hostile.acting(slow_redirect), deadline_s=0.7)
    assert row["reason"] == "timeout"
    assert row["seconds"] < 1.7


# sharing


async def slow_picture(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.05)
    writer.write(response(200, PICTURE))


def test_one_host_is_never_asked_more_at_once_than_allowed(hostile: Hostile) -> None:
    rows = pull_all([hostile.acting(slow_picture) for _ in range(12)], per_host=3)
    assert {row["reason"] for row in rows} == {None}
    assert hostile.most_open == 3


def test_all_hosts_together_stay_below_the_limit(hostile: Hostile) -> None:
    urls = [hostile.acting(slow_picture).replace("127.0.0.1", host) for host in ("127.0.0.1", "localhost") * 6]
    rows = pull_all(urls, per_host=6, concurrency=4)
    assert {row["reason"] for row in rows} == {None}
    assert hostile.most_open == 4


def test_waiting_for_a_slot_costs_no_deadline(hostile: Hostile) -> None:
    async def a_while(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.25)
        writer.write(response(200, PICTURE))

    rows = pull_all([hostile.acting(a_while) for _ in range(5)], per_host=1, deadline_s=0.8)
    assert [row["reason"] for row in rows] == [None] * 5


def test_a_slow_host_does_not_hold_up_the_others(hostile: Hostile) -> None:
    slow = [hostile.acting(silence) for _ in range(20)]
    fast = hostile.page(PICTURE).replace("127.0.0.1", "localhost")
    rows = pull_all([*slow, fast], per_host=2, concurrency=4, deadline_s=0.1)
    assert rows[-1]["reason"] is None
    assert rows[-1]["ms"] < 1000


def test_a_connection_is_used_again_while_others_wait_for_it(hostile: Hostile) -> None:
    pull_all([hostile.page(PICTURE) for _ in range(10)], per_host=2)
    asked_to_close = [request for request in hostile.requests if request.get("connection") == "close"]
    assert 1 <= len(asked_to_close) <= 2  # the last ones, whose connections nobody waits for


def test_every_exception_has_a_reason() -> None:
    for error in (KeyError("x"), ClientConnectionError(), OSError(), UnicodeError(), TimeoutError(), zlib.error()):
        assert verdict_of(error).reason in REASONS

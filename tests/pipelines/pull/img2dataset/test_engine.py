"""With `engine: img2dataset` rows end as they do with our own: what the library cannot do is done around it."""

import asyncio
import gzip
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import ValidationError

from pipelines.pull import stage
from pipelines.pull.img2dataset import library
from pipelines.pull.img2dataset.guard import Rules
from pipelines.pull.img2dataset.library import Answer, Library, StartError
from pipelines.pull.stage import Pull
from pipelines.stage import semantic_fields
from tests.pipelines.pull.hostile import LOOPBACK, Hostile, pull, pull_all, response
from tests.pipelines.pull.pictures import exif, file, scene
from tests.support.tables import to_pull

PICTURE = file(scene(), "JPEG")
OTHER = file(scene(seed=1), "PNG")
RULES = Rules("test", LOOPBACK, deadline_s=60, max_bytes=100_000, opt_out=True)


def with_img2dataset(url: str | None, **fields: Any) -> dict[str, Any]:
    return pull(url, engine="img2dataset", **fields)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def until(done: Callable[[], bool]) -> None:
    while not done():
        time.sleep(0.01)


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(300):
        writer.write(b"x")
        await asyncio.sleep(0.1)


async def drip_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(300):
        writer.write(b"x")
        await asyncio.sleep(0.1)


def test_rows_end_as_with_our_own_engine(hostile: Hostile, scratch: Path) -> None:
    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"ffff\r\n" + bytes(0xFFFF) + b"\r\n") * 4
    hostile.robots = response(200, b"User-agent: *\nDisallow: /*?secret")
    urls: dict[str, str | None] = {
        "an image": hostile.page(PICTURE),
        "a turned image": hostile.page(file(scene(), "JPEG", exif=exif(6))),
        "an image by way of redirects": hostile.page(
            b"", 302, {"Location": hostile.page(b"", 301, {"Location": "/0"})}
        ),
        "a page": hostile.page(b"<!doctype html>"),
        "half an image": hostile.page(PICTURE[: len(PICTURE) // 2]),
        "nothing": hostile.page(),
        "gone": hostile.page(b"", 410),
        "denied": hostile.page(b"", 403),
        "broken": hostile.page(b"", 500),
        "reserved": hostile.page(PICTURE, headers={"X-Robots-Tag": "noimageai"}),
        "reserved for text and data mining": hostile.page(PICTURE, headers={"tdm-reservation": "1"}),
        "disallowed": hostile.page(PICTURE) + "?secret",
        "disallowed behind a redirect": hostile.page(b"", 302, {"Location": hostile.page(PICTURE) + "?secret"}),
        "a private address": "http://10.0.0.1/",
        "a private address behind a redirect": hostile.page(b"", 302, {"Location": "http://169.254.169.254/"}),
        "a file behind a redirect": hostile.page(b"", 302, {"Location": "file:///etc/hostname"}),
        "a file": "file:///etc/hostname",
        "credentials": "http://user:secret@127.0.0.1/",
        "none": None,
        "no name": "http://nowhere.invalid/",
        "a loop": hostile.page(b"", 302, {}),
        "a long body": hostile.page(bytes(100_001)),
        "a longer body than it says": hostile.raw(endless + b"0\r\n\r\n"),
        "a short body": hostile.raw(response(200, b"abc", {"Content-Length": 9}), close=True),
        "no HTTP": hostile.raw(b"garbage\r\n\r\n", close=True),
        "unasked gzip": hostile.page(gzip.compress(PICTURE), headers={"Content-Encoding": "gzip"}),
        "a gzip bomb": hostile.page(gzip.compress(bytes(1_000_000)), headers={"Content-Encoding": "gzip"}),
        "letters beyond ASCII": hostile.page(b"", 302, {"Location": "/é"}),
    }
    hostile.redefine("/%C3%A9", response(200, OTHER))
    hostile.redefine(urls["a loop"] or "", response(302, b"", {"Location": urls["a loop"] or ""}))
    fields = {"max_bytes": 100_000, "deadline_s": 10}
    ours, theirs = (pull_all(list(urls.values()), engine=engine, **fields) for engine in ("shardmill", "img2dataset"))
    same = ("reason", "value", "sha256", "image_sha256", "n_bytes", "canonical", "final_url", "status")
    same += ("content_type", "attempts")
    for name, own, their in zip(urls, ours, theirs, strict=True):
        told = set(same) - ({"value"} if name == "a longer body than it says" else set())  # it is how much was read
        assert {key: their[key] for key in told} == {key: own[key] for key in told}, name
    assert not list(scratch.iterdir())


def test_servers_are_told_who_asks(hostile: Hostile) -> None:
    with_img2dataset(hostile.page(PICTURE), contact="mail@example.org")
    (request,) = hostile.requests
    assert request["user-agent"] == Pull(contact="mail@example.org").user_agent.lower()
    assert not request.keys() & {"cookie", "referer"}


def test_a_name_that_resolves_inwards_is_not_connected_to(hostile: Hostile) -> None:
    url = hostile.page(PICTURE).replace("127.0.0.1", "localhost")
    row = with_img2dataset(url, allow=(), robots=False)
    assert (row["reason"], hostile.requests) == ("blocked_address", [])


def test_proxies_of_the_environment_are_passed_by(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:3128")
    assert with_img2dataset(hostile.page(PICTURE))["reason"] is None


@pytest.mark.slow
def test_what_drips_ends_in_time_and_keeps_nothing_from_going_on(hostile: Hostile) -> None:
    urls = [hostile.acting(drip), hostile.acting(drip_headers), hostile.page(PICTURE)]
    rows = pull_all(urls, engine="img2dataset", deadline_s=6)
    assert [row["reason"] for row in rows] == ["timeout", "timeout", None]


@pytest.mark.slow
def test_what_is_left_when_the_part_s_time_is_over_is_retriable(hostile: Hostile, scratch: Path) -> None:
    async def go() -> list[Any]:
        engine = Pull(engine="img2dataset", allow=LOOPBACK).load()
        try:
            first = await engine.process(to_pull([{"url": hostile.page(PICTURE)}]))  # it is running now
            nearly_over = asyncio.get_running_loop().time() - Pull().part_deadline_s + 2
            urls = [hostile.acting(drip), hostile.acting(drip_headers)]
            second = await engine.process(to_pull([{"url": url} for url in urls]), nearly_over)
        finally:
            await engine.close()
        return [*first.verdicts.reason.to_pylist(), *second.verdicts.reason.to_pylist()]

    assert asyncio.run(go()) == [None, "deadline", "deadline"]
    assert not list(scratch.iterdir())


def test_a_hung_process_is_replaced(hostile: Hostile, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> Answer:
        own = Library(RULES)
        try:
            hung = asyncio.create_task(own.ask(hostile.acting(drip_headers)))
            await asyncio.to_thread(until, lambda: bool(hostile.requests))
            (process,) = children()
            hung.cancel()
            await asyncio.to_thread(process.wait)
            return await own.ask(hostile.page(PICTURE))
        finally:
            await own.close()

    monkeypatch.setattr(library, "MAX_ABANDONED", 0)
    assert asyncio.run(go()).body == PICTURE
    assert not list(scratch.iterdir())


def test_what_waits_when_all_is_closed_starts_nothing_anew(hostile: Hostile, scratch: Path) -> None:
    async def go() -> Answer:
        own = Library(RULES)
        waiting = asyncio.create_task(own.ask(hostile.acting(drip_headers)))
        await asyncio.to_thread(until, lambda: bool(hostile.requests))
        await own.close()
        return await waiting

    verdict = asyncio.run(go()).verdict
    assert verdict is not None
    assert verdict.reason == "engine_error"
    assert children() == []


def children() -> list[psutil.Process]:
    """The processes in which img2dataset pulls; others of this one's children are none of them."""
    found = psutil.Process().children()
    return [process for process in found if "pipelines.pull.img2dataset.child" in process.cmdline()]


def kill_img2dataset() -> None:
    for process in children():
        process.kill()


@pytest.mark.parametrize(("deaths", "reason"), [(1, None), (2, "engine_error")])
def test_a_row_is_asked_for_again_once_when_the_process_dies_over_it(
    hostile: Hostile, scratch: Path, deaths: int, reason: str | None
) -> None:
    async def deadly(writer: asyncio.StreamWriter) -> None:
        if len(hostile.requests) <= deaths:
            kill_img2dataset()
        writer.write(response(200, PICTURE))

    assert with_img2dataset(hostile.acting(deadly))["reason"] == reason
    assert not list(scratch.iterdir())


def patched(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Run `code` in the process before img2dataset is started there."""
    text = f"from pipelines.pull.img2dataset import child\n{code}\nchild.main()"
    monkeypatch.setattr(library, "_COMMAND", (*library._COMMAND[:2], "-c", text))


def test_a_row_that_the_library_loses_is_not_lost(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    lose = """
write = child.Shards.write
def losing(self, image, key, caption, meta):
    if image is None:
        raise OSError("no space left on device")
    write(self, image, key, caption, meta)
child.Shards.write = losing
"""
    patched(monkeypatch, lose)
    rows = pull_all([hostile.page(PICTURE), hostile.page(b"", 404), hostile.page(OTHER)], engine="img2dataset")
    assert [row["reason"] for row in rows] == [None, "engine_error", None]


def test_a_process_that_is_killed_while_it_comes_up_is_started_again(
    hostile: Hostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_once = f"""
import os, pathlib, signal
mark = pathlib.Path({str(tmp_path / "started")!r})
if not mark.exists():
    mark.touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    patched(monkeypatch, die_once)
    assert with_img2dataset(hostile.page(PICTURE))["reason"] is None


def test_a_library_that_does_not_come_up_stops_the_run_and_says_why(
    hostile: Hostile, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patched(monkeypatch, "raise SystemExit('half installed')")
    with pytest.raises(ExceptionGroup) as raised:
        with_img2dataset(hostile.page(PICTURE))
    assert raised.group_contains(StartError, match="half installed")
    assert not list(scratch.iterdir())


def test_a_missing_extra_is_named_before_anything_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "find_spec", lambda _: None)
    Pull()
    with pytest.raises(ValidationError, match=r"pip install 'shardmill\[img2dataset\]'"):
        Pull(engine="img2dataset")


def test_name_servers_of_the_recipe_cannot_be_had() -> None:
    with pytest.raises(ValidationError, match="leave out `nameservers`"):
        Pull(engine="img2dataset", nameservers=("192.0.2.1",))


def test_the_engine_is_part_of_what_is_asked_for() -> None:
    assert semantic_fields(Pull())["engine"] != semantic_fields(Pull(engine="img2dataset"))["engine"]

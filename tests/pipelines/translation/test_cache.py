import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.translation.cache import FILE, AnswerCache, Stored, account_of, batches, key_of, opened
from pipelines.translation.merging import export, merge
from pipelines.translation.protocol import Request


def stored(key: bytes, text: str = "狗", account: str = "run", tokens: int = 3) -> Stored:
    return Stored(key.ljust(32, b"."), text, "stop", tokens, 2, "m-1", "p@1", "zh", account, 1, 12.5, 1.7e9)


def put(folder: Path, *answers: Stored) -> list[Stored]:
    async def run() -> list[Stored]:
        cache = AnswerCache(folder)
        try:
            return await asyncio.gather(*(cache.put(answer) for answer in answers))
        finally:
            await cache.close()

    return asyncio.run(run())


def held(folder: Path) -> dict[bytes, Stored]:
    connection = opened(folder)
    try:
        return {answer.key: answer for batch in batches(connection) for answer in batch}
    finally:
        connection.close()


def test_an_answer_is_found_again_as_it_was(tmp_path: Path) -> None:
    answer = stored(b"a", "«狗» 'dog' \x00 \U0001f415")
    assert put(tmp_path, answer) == [answer]
    assert held(tmp_path) == {answer.key: answer}


def test_the_first_answer_counts(tmp_path: Path) -> None:
    put(tmp_path, stored(b"a", "first"))
    assert put(tmp_path, stored(b"a", "second"))[0].text == "first"


def test_what_cannot_be_written_is_told_to_who_waits_and_to_nobody_else(tmp_path: Path) -> None:
    async def run() -> None:
        cache = AnswerCache(tmp_path)
        with pytest.raises(OverflowError):
            await cache.put(stored(b"a", tokens=1 << 64))
        gone = asyncio.create_task(cache.put(stored(b"b")))
        await asyncio.sleep(0)
        gone.cancel()
        assert await cache.put(stored(b"c")) == stored(b"c")
        await cache.close()

    asyncio.run(run())
    assert set(held(tmp_path)) >= {stored(b"c").key}


def test_tokens_are_counted_by_who_paid(tmp_path: Path) -> None:
    put(tmp_path, stored(b"a", account="x"), stored(b"b", account="x"), stored(b"c", account="y"))
    cache = AnswerCache(tmp_path)
    assert [cache.spent(account) for account in "xyz"] == [(6, 4), (3, 2), (0, 0)]
    asyncio.run(cache.close())


def test_who_pays_is_told_by_the_folder(tmp_path: Path) -> None:
    account = account_of(tmp_path / "run")
    tmp_path.joinpath("run").rename(tmp_path / "moved")
    assert account_of(tmp_path / "moved") == account != account_of(tmp_path / "run")


@given(st.lists(st.text(max_size=20), max_size=4), st.lists(st.text(max_size=20), max_size=4))
def test_other_questions_have_other_keys(one: list[str], other: list[str]) -> None:
    def key(texts: list[str]) -> bytes:
        return key_of("m", {}, Request("p@1", tuple(("user", text) for text in texts), "en", "zh"))

    assert (key(one) == key(other)) == (one == other)


def test_everything_that_decides_an_answer_is_in_its_key() -> None:
    request = Request("p@1", (("user", "a dog"),), "en", "zh")
    others = [
        key_of("n", {}, request),
        key_of("m", {"seed": 1}, request),
        key_of("m", {}, request._replace(prompt="p@2")),
        key_of("m", {}, request._replace(messages=(("system", "a dog"),))),
        key_of("m", {}, request._replace(source="de")),
        key_of("m", {}, request._replace(target="de")),
        key_of("m", {}, request._replace(attempt=1)),
        key_of("m", {}, request),
    ]
    assert len(set(others)) == len(others)
    assert key_of("m", {"a": 1, "b": 2}, request) == key_of("m", {"b": 2, "a": 1}, request)


_WRITER = """
import asyncio, sys
from pathlib import Path
from pipelines.translation.cache import AnswerCache
from tests.pipelines.translation.test_cache import stored

async def run(folder, name, n):
    cache = AnswerCache(Path(folder))

    async def one(at):
        answer = await cache.put(stored(f"{at}".encode(), f"{name} {at}"))
        sys.stdout.write(f"{at} {answer.text}\\n")
        sys.stdout.flush()

    for at in range(0, n, 20):
        await asyncio.gather(*(one(at + more) for more in range(20)))
    await cache.close()

asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def writer(folder: Path, name: str, n: int) -> "subprocess.Popen[str]":
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", _WRITER, str(folder), name, str(n)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root, env=os.environ)


def told(output: str) -> dict[str, str]:
    """Answers by number, as a writer has seen them; a line that was cut off is none."""
    whole = output[: output.rfind("\n") + 1]
    return dict(line.split(" ", 1) for line in whole.splitlines())


def test_writers_at_once_see_the_same_answers(tmp_path: Path) -> None:
    writers = [writer(tmp_path, name, 400) for name in "abc"]
    seen = [told(one.communicate(timeout=120)[0]) for one in writers]
    assert [one.returncode for one in writers] == [0, 0, 0]
    assert seen[0] == seen[1] == seen[2]
    assert len(seen[0]) == len(held(tmp_path)) == 400


def test_what_was_handed_out_outlives_a_kill(tmp_path: Path) -> None:
    chance = random.Random(7)
    for attempt in range(3):
        one = writer(tmp_path, f"w{attempt}", 1_000_000)
        assert one.stdout is not None
        first = one.stdout.readline()
        time.sleep(chance.random() / 2)
        one.send_signal(signal.SIGKILL)
        seen = told(first + one.communicate()[0])
        kept = {answer.key: answer.text for answer in held(tmp_path).values()}
        assert seen
        assert all(kept[f"{at}".encode().ljust(32, b".")] == text for at, text in seen.items())
    with sqlite3.connect(tmp_path / FILE) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


keys = st.binary(min_size=1, max_size=3).filter(lambda key: b"." not in key)
caches = st.dictionaries(keys, st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=6)


@settings(max_examples=25, deadline=None)
@given(st.lists(caches, min_size=1, max_size=3))
def test_merging_holds_every_answer_and_the_first_of_two(
    tmp_path_factory: pytest.TempPathFactory, many: list[dict[bytes, str]]
) -> None:
    folder = tmp_path_factory.mktemp("caches")
    for at, answers in enumerate(many):
        put(folder / str(at), *(stored(key, text) for key, text in answers.items()))
    sources = [str(folder / str(at)) for at in range(1, len(many))]
    merge(sources, folder / "0")
    expected: dict[bytes, str] = {}
    for answers in reversed(many):
        expected |= {key.ljust(32, b"."): text for key, text in answers.items()}
    assert {key: answer.text for key, answer in held(folder / "0").items()} == expected
    assert merge(sources, folder / "0") == 0


def test_a_cache_goes_to_object_storage_and_back(tmp_path: Path) -> None:
    put(tmp_path / "here", *(stored(f"{n}".encode(), f"text {n}") for n in range(2500)))
    url = f"file://{tmp_path}/bucket"
    name = export(tmp_path / "here", url)
    assert export(tmp_path / "here", url) == name
    assert merge([url], tmp_path / "there") == 2500
    assert held(tmp_path / "there") == held(tmp_path / "here")


def test_an_empty_cache_exports_nothing(tmp_path: Path) -> None:
    assert export(tmp_path / "here", f"file://{tmp_path}/bucket") is None


def test_merging_from_nowhere_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        merge([str(tmp_path / "nowhere")], tmp_path / "here")

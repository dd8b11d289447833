"""robots.txt is read as RFC 9309 says, once a host, and obeyed."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from pipelines.pull.robots import ALLOW_ALL, MAX_BYTES, Robots, RobotsCache, parse
from tests.pipelines.pull.hostile import NXDOMAIN, Hostile, pull, pull_all, response
from tests.pipelines.pull.pictures import file, scene

PICTURE = file(scene(), "JPEG")


def allowed(text: str, path: str, agent: str = "shardmill") -> bool:
    return parse(text.encode(), agent).forbids(path) is None


# the file

SIMPLE = """\
User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot
"""


@pytest.mark.parametrize(
    ("agent", "path", "expected"),
    [
        ("shardmill", "/a.gif", False),
        ("shardmill", "/a.gif?x", True),
        ("shardmill", "/example/page.html", False),
        ("shardmill", "/publications/a", True),
        ("shardmill", "/", True),
        ("foobot", "/", False),
        ("foobot", "/example/page.html", True),
        ("foobot", "/example/allowed.gif", True),
        ("foobot", "/example/other.gif", False),
        ("barbot", "/example/page.html", False),
        ("bazbot", "/example/page.html", False),
        ("barbot", "/a.gif", True),
        ("quxbot", "/example/a.gif", True),
    ],
)
def test_the_simple_example_of_the_rfc(agent: str, path: str, expected: bool) -> None:
    assert allowed(SIMPLE, path, agent) is expected


def test_the_longest_match_of_the_rfc() -> None:
    text = "User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n"
    assert allowed(text, "/example/page/a.gif", "foobot")
    assert not allowed(text, "/example/page/disallowed.gif", "foobot")


def rules(*lines: str) -> str:
    return "\n".join(["User-agent: *", *lines])


def test_of_two_rules_as_long_the_one_that_allows_wins() -> None:
    for lines in (("Allow: /a", "Disallow: /a"), ("Disallow: /a", "Allow: /a"), ("Disallow: /%61", "Allow: /a")):
        assert allowed(rules(*lines), "/abc")


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/a", "/abc", True),
        ("/a", "/b/a", False),
        ("/A", "/a", False),
        ("/a$", "/a", True),
        ("/a$", "/ab", False),
        ("/a$b", "/a$bc", True),
        ("/a%24", "/a$", True),
        ("/*.jpg", "/x/y.jpg?z", True),
        ("/*.jpg$", "/x/y.jpg?z", False),
        ("/*.jpg$", "/x.jpg/y.jpg", True),
        ("*/b/*/d", "/a/b/c/d/e", True),
        ("/a*a$", "/a", False),
        ("/a**c", "/abc", True),
        ("/*", "/", True),
        ("/a%2Ab", "/a*bc", True),
        ("/a%2Ab", "/axbc", False),
        ("/foo/bar?baz=quz", "/foo/bar?baz=quz", True),
        ("/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https%3A%2F%2Ffoo.bar", True),
        ("/foo/bar/ツ", "/foo/bar/%E3%83%84", True),
        ("/foo/bar/%E3%83%84", "/foo/bar/%e3%83%84", True),
        ("/foo/bar/%62%61%7A", "/foo/bar/baz", True),
        ("/foo/bar/baz", "/foo/bar/%62%61%7A", True),
        ("/a/b", "/a%2Fb", False),
        ("/a b", "/a%20b", True),
        ("/100%", "/100%", True),
        ("private", "/private", False),
        ("", "/a", False),
    ],
)
def test_patterns(pattern: str, path: str, matches: bool) -> None:
    assert allowed(rules(f"Disallow: {pattern}"), path) is not matches


@pytest.mark.parametrize(
    "text",
    [
        "User-agent: shardmill\nDisallow: /",
        "user-AGENT : ShardMill # that one\n disallow :/#all",
        "User-agent: shardmill/1.0\nDisallow: /",
        "\ufeffUser-agent: shardmill\nDisallow: /",
        "User-agent: *\nDisallow: /",
        "User-agent: * (everybody)\nDisallow: /",
        "User-agent: shardmill\rDisallow: /\r",
        "User-agent: shardmill\r\n\r\nDisallow: /\r\n",
        "User-agent: otherbot\nUser-agent: shardmill\nDisallow: /",
        "User-agent: shardmill\nSitemap: http://a/\nUser-agent: otherbot\nDisallow: /",
        "User-agent: shardmill\nAllow: /b\nUser-agent: otherbot\nAllow: /\nUser-agent: shardmill\nDisallow: /",
        "User-agent: *\nAllow: /\n\nUser-agent: shardmill\nDisallow: /",
        "<html>\nUser-agent: *\n<p>\nDisallow: /",
    ],
)
def test_groups_that_shut_us_out(text: str) -> None:
    assert not allowed(text, "/a")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Disallow: /",
        "User-agent: otherbot\nDisallow: /",
        "User-agent: shard\nDisallow: /",
        "User-agent: shardmillion\nDisallow: /",
        "User-agent:\nDisallow: /",
        "User-agent: *\nDisallow:",
        "User-agent: *\nDisallow /",
        "User-agent: shardmill\n\nUser-agent: *\nAllow: /\nUser-agent: otherbot\nDisallow: /",
        "User-agent: *\nDisallow: /\n\nUser-agent: shardmill\nDisallow:",
        "<!doctype html><title>no such page</title>",
    ],
)
def test_groups_that_let_us_in(text: str) -> None:
    assert allowed(text, "/a")


def test_what_lies_beyond_500_kib_is_not_read_and_no_line_is_cut() -> None:
    head = b"User-agent: *\nDisallow: /a\n"
    filler = b"#" + b"x" * (MAX_BYTES - len(head) - 12) + b"\n"
    cut = parse(head + filler + b"Disallow: /bcdefg\nDisallow: /c\n", "shardmill")
    assert cut.forbids("/a")
    assert not cut.forbids("/b")
    assert not cut.forbids("/c")
    assert parse(b"x" * (MAX_BYTES + 1), "shardmill") == ALLOW_ALL


def test_many_groups_for_many_rules_take_no_more_than_their_length() -> None:
    agents = "".join(f"User-agent: {number}\n" for number in range(12_000))
    assert not allowed(f"{agents}User-agent: shardmill\n{'Disallow: /a' + chr(10)} " * 2, "/a")
    assert not allowed(rules(*["Allow: /*a*a*a*a*a*a*a*a*a*b"] * 1000, "Disallow: /"), "/" + "a" * 5000)


@given(st.binary(max_size=300), st.text(max_size=30))
def test_any_file_and_any_path_have_an_answer(body: bytes, path: str) -> None:
    parse(body, "shardmill").forbids(path)
    parse(b"User-agent: *\nDisallow: /" + body, "shardmill").forbids(path)


@given(st.text("/ab*$", max_size=12), st.text("/ab*$%2F", max_size=12))
def test_a_rule_matches_itself_and_all_that_it_begins(pattern: str, more: str) -> None:
    pattern = pattern.rstrip("$")
    assert not allowed(rules(f"Disallow: /{pattern}"), f"/{pattern}{more}")


# the host

SHUT = response(200, b"User-agent: shardmill\nDisallow: /")


def test_a_url_that_is_disallowed_is_not_asked_for(hostile: Hostile) -> None:
    url = hostile.page(PICTURE)
    hostile.robots = response(200, b"User-agent: *\nDisallow: " + url.rpartition("/")[2].encode().join([b"/", b"$"]))
    row = pull(url)
    assert (row["reason"], row["status"], row["ms"]) == ("robots", None, None)
    assert row["detail"].startswith("Disallow: /")
    assert not hostile.requests
    assert pull(hostile.page(PICTURE))["reason"] is None
    assert pull(url, robots=False)["reason"] is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (response(404), None),
        (response(401), None),
        (response(403), None),
        (response(410, b"gone"), None),
        (response(200), None),
        (response(204), None),
        (response(200, PICTURE), None),
        (response(302, headers={"Location": "/robots.txt"}), None),
        (response(302, headers={"Location": "http://10.0.0.1/robots.txt"}), None),
        (response(302, headers={"Location": "ftp://127.0.0.1/robots.txt"}), None),
        (response(302, headers={"Location": "http://[/"}), None),
        (response(302, headers={"Location": "http://127.0.0.1:1/"}), "robots_unreachable"),
        (response(500), "robots_unreachable"),
        (response(408), "robots_unreachable"),
        (b"not http at all\r\n\r\n", "robots_unreachable"),
        (response(200, b"", {"Content-Encoding": "br"}), "robots_unreachable"),
        (SHUT, "robots"),
    ],
)
def test_what_the_host_answers_decides(hostile: Hostile, answer: bytes, reason: str | None) -> None:
    hostile.robots = answer
    assert pull(hostile.page(PICTURE))["reason"] == reason


def test_a_failing_server_says_how_it_failed(hostile: Hostile) -> None:
    hostile.robots = response(500)
    row = pull(hostile.page(PICTURE))
    assert (row["value"], row["detail"]) == (500, "robots.txt: http_error")


def test_the_file_may_lie_behind_five_redirects_and_holds_for_the_host_that_was_asked(hostile: Hostile) -> None:
    location = hostile.page(b"User-agent: *\nDisallow: /")
    for _ in range(4):
        location = hostile.page(status=301, headers={"Location": location})
    hostile.robots = response(301, headers={"Location": location})
    url = hostile.page(PICTURE)
    assert pull(url)["reason"] == "robots"
    hostile.robots = response(301, headers={"Location": hostile.page(status=301, headers={"Location": location})})
    assert pull(url)["reason"] is None


def test_a_file_without_end_is_read_as_far_as_it_counts(hostile: Hostile) -> None:
    hostile.robots = b"HTTP/1.1 200 OK\r\n\r\nUser-agent: *\nDisallow: /\n" + b"# and so on\n" * 100_000
    assert pull(hostile.page(PICTURE))["reason"] == "robots"


def test_a_host_that_cannot_be_reached_gives_its_rows_that_very_reason(hostile: Hostile) -> None:
    resolvers = hostile.names({"gone.example": NXDOMAIN, "inner.example": ["10.0.0.7"]})
    for name, reason in {"gone.example": "dns_not_found", "inner.example": "blocked_address"}.items():
        row = pull(f"http://{name}/", resolvers)
        assert row["reason"] == reason
        assert row["detail"].startswith(f"robots.txt: {reason}: {name}")


def test_a_host_is_asked_once_however_many_rows_want_to_know(hostile: Hostile) -> None:
    rows = pull_all([hostile.page(PICTURE) for _ in range(20)])
    assert {row["reason"] for row in rows} == {None}
    assert hostile.robots_asked == 1


def test_every_hop_is_held_to_the_file_of_its_own_host(hostile: Hostile) -> None:
    resolvers = hostile.names({"a.example": ["127.0.0.1"]})
    elsewhere = hostile.page(PICTURE).replace("127.0.0.1", "a.example")
    rows = pull_all([hostile.page(status=302, headers={"Location": elsewhere})], resolvers)
    assert rows[0]["reason"] is None
    assert hostile.robots_asked == 2
    hostile.robots = SHUT
    assert pull(elsewhere, resolvers)["reason"] == "robots"


def test_rows_that_are_dropped_leave_the_question_to_those_that_stay() -> None:
    asked = []

    async def load(root: URL) -> Robots:
        asked.append(root)
        await asyncio.sleep(0.05)
        return ALLOW_ALL

    async def go() -> None:
        cache = RobotsCache(load)
        url = URL("http://example.org/a")
        first, second = (asyncio.ensure_future(cache.check(url)) for _ in range(2))
        await asyncio.sleep(0.01)
        first.cancel()
        assert await second is ALLOW_ALL
        assert await cache.check(URL("http://example.org/b")) is ALLOW_ALL
        await cache.check(URL("https://example.org/a"))
        await cache.close()

    asyncio.run(go())
    assert asked == [URL("http://example.org/"), URL("https://example.org/")]


def test_what_is_remembered_is_bounded() -> None:
    asked = []
    large = parse(b"User-agent: *\n" + b"Disallow: /aaaa\n" * 30_000, "shardmill")

    async def load(root: URL) -> Robots:
        asked.append(root.host)
        return large

    async def go() -> None:
        cache = RobotsCache(load)
        for host in [*range(10), 9, 0]:
            await cache.check(URL(f"http://host{host}/b"))

    asyncio.run(go())
    assert asked == [f"host{host}" for host in [*range(10), 0]]

"""Headers that reserve an image from machine use are honoured before its bytes are read."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.pull.opt_out import opted_out, parse_date
from tests.pipelines.pull.hostile import Hostile, pull
from tests.pipelines.pull.pictures import file, scene

PICTURE = file(scene(), "JPEG")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def asked(*tags: str, tdm: tuple[str, ...] = ()) -> str | None:
    return opted_out(tags, tdm, "shardmill", NOW)


@pytest.mark.parametrize("directive", ["noai", "noimageai", "noindex", "noimageindex", "none"])
def test_each_directive_counts_in_any_case_and_place(directive: str) -> None:
    found = f"X-Robots-Tag: {directive}"
    spellings = [directive, directive.upper(), f" {directive} ", f"nofollow, {directive}", f"{directive},noarchive"]
    for tag in [*spellings, f"shardmill: {directive}", f"ShardMill:{directive}", f"*: nofollow, {directive}"]:
        assert asked(tag) == found, tag
    assert asked("all", f"otherbot: nofollow, shardmill: {directive}") == found


@pytest.mark.parametrize(
    "tag",
    [
        "",
        ",,,:,",
        "all",
        "nofollow, noarchive, nosnippet",
        "noaixyz",
        "otherbot: noai",
        "otherbot: nofollow, noai",
        "shardmill2: none",
        "shardmill: all, otherbot: noindex",
        "max-snippet: 20, max-image-preview: none",
        "unavailable_after: noai",
    ],
)
def test_what_does_not_concern_us_says_nothing(tag: str) -> None:
    assert asked(tag) is None


def test_a_directive_behind_one_with_a_value_counts() -> None:
    assert asked("max-image-preview: large, noai") == "X-Robots-Tag: noai"
    assert asked("unavailable_after: some day, noai") == "X-Robots-Tag: noai"
    assert asked("unavailable_after: Friday, 25-Jun-38 15:00:00 GMT, noai") == "X-Robots-Tag: noai"


PAST = ["25 Jun 2010 15:00:00 PST", "Fri, 25 Jun 2010 15:00:00 GMT", "Friday, 25-Jun-10 15:00:00 GMT"]
PAST += ["2010-06-25T15:00:00Z", "2010-06-25T15:00:00+02:00", "2010-06-25", "Fri, 25 Jun 2010 15:00:00 -0000"]


@pytest.mark.parametrize("date", PAST)
def test_after_its_date_an_image_is_unavailable(date: str) -> None:
    found = f"X-Robots-Tag: unavailable_after: {date}"
    assert asked(f"unavailable_after: {date}") == asked(f"nofollow, shardmill: UNAVAILABLE_AFTER:{date}") == found
    assert asked(f"otherbot: unavailable_after: {date}") is None
    assert asked(f"unavailable_after: {date.replace('2010', '2040').replace('Jun-10', 'Jun-40')}") is None


def test_the_minute_matters_in_the_zone_that_is_named() -> None:
    assert parse_date("Thu, 01 Jan 2026 00:30:00 +0100") == NOW - timedelta(minutes=30)
    assert asked("unavailable_after: Thu, 01 Jan 2026 00:30:00 +0100")
    assert asked("unavailable_after: Thu, 01 Jan 2026 00:30:00 GMT") is None


def test_a_reservation_is_the_number_one() -> None:
    assert asked(tdm=("1",)) == asked(tdm=("0", " 1 ")) == "tdm-reservation: 1"
    assert asked(tdm=("0", "true", "")) is None


@given(st.lists(st.text(max_size=60), max_size=3), st.lists(st.text(max_size=5), max_size=2))
def test_any_header_has_an_answer(tags: list[str], tdm: list[str]) -> None:
    assert opted_out(tags, tdm, "shardmill", NOW) is None or tags or tdm


@given(st.text("unavailable_after:,- 0123456789JunFriGMT+TZ", max_size=60))
def test_any_date_has_an_answer(text: str) -> None:
    opted_out([f"unavailable_after: {text}"], [], "shardmill", NOW)


@pytest.mark.parametrize("header", ["X-Robots-Tag", "x-robots-tag"])
def test_an_image_that_is_reserved_is_rejected_and_not_read(hostile: Hostile, header: str) -> None:
    async def head_only(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n{header}: all\r\n{header}: noai\r\n\r\n".encode())
        await writer.drain()
        await asyncio.sleep(30)

    row = pull(hostile.acting(head_only))
    assert (row["reason"], row["detail"], row["status"]) == ("opted_out", "X-Robots-Tag: noai", 200)
    assert row["image"] is row["sha256"] is None


def test_a_recipe_may_say_otherwise(hostile: Hostile) -> None:
    url = hostile.page(PICTURE, headers={"tdm-reservation": 1})
    assert pull(url)["reason"] == "opted_out"
    assert pull(url, opt_out=False)["reason"] is None


def test_the_page_that_is_kept_is_asked_and_not_the_way_there(hostile: Hostile) -> None:
    free, reserved = hostile.page(PICTURE), hostile.page(PICTURE, headers={"X-Robots-Tag": "noindex"})
    shortener = hostile.page(status=301, headers={"Location": free, "X-Robots-Tag": "noindex"})
    assert pull(shortener)["reason"] is None
    assert pull(hostile.page(status=301, headers={"Location": reserved}))["reason"] == "opted_out"
    assert pull(hostile.page(status=404, headers={"X-Robots-Tag": "noindex"}))["reason"] == "http_gone"

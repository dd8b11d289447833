"""What is on a list is not kept, nor anything that was seen of it; a list that is none is refused."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import ValidationError

from pipelines.pull.blocklists import BlockList, BlockListError, read_hashes
from pipelines.pull.canonical import Canonical, Found, canonicalise, identify
from pipelines.pull.pdq import pdq_of_file
from pipelines.pull.stage import Pull, describe
from pipelines.stage import semantic_fields
from schemas.tables import PULLED
from tests.pipelines.pull.hostile import LOOPBACK, Hostile, Row, pull, pull_all
from tests.pipelines.pull.pictures import exif, file, textured

PICTURE = file(textured(), "JPEG", quality=90)
OTHER = file(textured(seed=1), "JPEG", quality=90)
TURNED = file(textured(), "JPEG", exif=exif(6))
COPIES = {
    "a copy of low quality": file(textured(), "JPEG", quality=30),
    "a copy of half the size": file(Image.fromarray(textured()).resize((250, 166)), "JPEG"),
    "a PNG": file(textured(), "PNG"),
    "a WebP": file(textured(), "WEBP"),
    "a GIF, decoded and written anew": file(Image.fromarray(textured()).quantize(256), "GIF"),
}


def canonical(body: bytes) -> Canonical:
    found = identify(body, 10**6)
    assert isinstance(found, Found)
    made = canonicalise(body, found, max_pixels=10**6, animation="first_frame")
    assert isinstance(made, Canonical)
    return made


def flipped(hashed: bytes, bits: int) -> str:
    """A hash that differs in so many bits, spread over its width, in hexadecimal."""
    number = int.from_bytes(hashed, "big")
    for bit in range(bits):
        number ^= 1 << (bit * 8 * len(hashed) // bits)
    return f"{number:0{2 * len(hashed)}x}"


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def phash(body: bytes) -> bytes:
    return canonical(body).phash.to_bytes(8, "big")


def pdq(body: bytes) -> bytes:
    return pdq_of_file(body, "jpeg")[0]


@pytest.fixture
def listed(tmp_path: Path) -> Any:
    """Makes a list of hashes."""

    def make(kind: str, *lines: str, **fields: Any) -> dict[str, Any]:
        path = tmp_path / f"{kind}.txt"
        path.write_text("".join(f"{line}\n" for line in lines))
        return {"kind": kind, "path": str(path), **fields}

    return make


def assert_nothing_is_told(row: Row) -> None:
    assert row["reason"] == "blocked_hash"
    assert {row[name] for name in ("value", "detail", *PULLED.names)} == {None}


def test_a_listed_file_leaves_nothing_but_its_reason(hostile: Hostile, listed: Any) -> None:
    blocked = listed("sha256", sha256(PICTURE))
    target = hostile.page(PICTURE, headers={"Content-Type": "image/jpeg"})
    moved = hostile.page(status=302, headers={"Location": target})
    row, led_there, other = pull_all([target, moved, hostile.page(OTHER)], blocklists=[blocked])
    assert_nothing_is_told(row)
    assert_nothing_is_told(led_there)
    assert other["reason"] is None


def test_a_listed_file_need_not_be_an_image(hostile: Hostile, listed: Any) -> None:
    blocked = listed("sha256", sha256(b"<html>"), sha256(PICTURE[:500]))
    for body in (b"<html>", PICTURE[:500]):
        assert_nothing_is_told(pull(hostile.page(body), blocklists=[blocked]))


def test_the_canonical_file_is_looked_up_as_well_as_the_served_one(hostile: Hostile, listed: Any) -> None:
    blocked = listed("sha256", sha256(canonical(TURNED).image))
    assert_nothing_is_told(pull(hostile.page(TURNED), blocklists=[blocked]))


@pytest.mark.parametrize("body", COPIES.values(), ids=COPIES.keys())
@pytest.mark.parametrize(("kind", "hash_of"), [("phash", phash), ("pdq", pdq)])
def test_a_copy_in_other_bytes_is_caught(hostile: Hostile, listed: Any, kind: str, hash_of: Any, body: bytes) -> None:
    blocked = listed(kind, hash_of(PICTURE).hex())
    copy, other = pull_all([hostile.page(body), hostile.page(OTHER)], blocklists=[blocked])
    assert_nothing_is_told(copy)
    assert other["reason"] is None


@pytest.mark.parametrize(
    ("kind", "hash_of", "given", "distance"),
    [
        ("phash", phash, None, 4),
        ("phash", phash, 0, 0),
        ("phash", phash, 8, 8),
        ("pdq", pdq, None, 31),
        ("pdq", pdq, 3, 3),
    ],
)
def test_the_distance_is_exact(
    hostile: Hostile, listed: Any, kind: str, hash_of: Any, given: int | None, distance: int
) -> None:
    url = hostile.page(PICTURE)
    assert pull(url, blocklists=[listed(kind, flipped(hash_of(PICTURE), distance), distance=given)])["reason"]
    row = pull(url, blocklists=[listed(kind, flipped(hash_of(PICTURE), distance + 1), distance=given)])
    assert row["reason"] is None


def test_any_of_several_lists_blocks(hostile: Hostile, listed: Any) -> None:
    lists = [listed("sha256", sha256(OTHER)), listed("phash", phash(TURNED).hex()), listed("pdq", pdq(PICTURE).hex())]
    rows = pull_all([hostile.page(body) for body in (OTHER, TURNED, PICTURE)], blocklists=lists)
    assert [row["reason"] for row in rows] == ["blocked_hash"] * 3


def test_a_picture_with_nothing_in_it_matches_no_pdq_hash(hostile: Hostile, listed: Any) -> None:
    flat = file(Image.new("RGB", (300, 200), "teal"), "JPEG")
    assert pull(hostile.page(flat), blocklists=[listed("pdq", pdq(flat).hex())])["reason"] is None


def test_try_fetch_tells_nothing_either(hostile: Hostile, listed: Any) -> None:
    spec = Pull(allow=LOOPBACK, blocklists=(BlockList(**listed("sha256", sha256(PICTURE))),))

    async def go() -> list[dict[str, object]]:
        return [told async for told in describe(spec, [hostile.page(PICTURE)])]

    (told,) = asyncio.run(go())
    assert (told.pop("outcome"), told.pop("reason")) == ("rejected", "blocked_hash")
    del told["url"]  # which is what was asked
    assert set(told.values()) == {None}


ONE, TWO = "ab" * 32, "0123456789ABCDEF" * 4
SPELLINGS = {
    "bare": f"{ONE}\n{TWO}\n",
    "no line feed at the end": f"{ONE}\n{TWO}",
    "from Windows, with a byte order mark": f"\ufeff{ONE}\r\n{TWO}\r\n",
    "comments and empty lines": f"# known\n\n{ONE}\n  \n# more\n  {TWO} \n",
    "sha256sum": f"{ONE}  a.jpg\n{TWO}  b c.jpg\n",
    "CSV": f"id,sha256,why\n1,{ONE},none\n2,{TWO},\n",
    "CSV, quoted": f'"SHA-256";"why"\n"{ONE}";"a;b"\n"{TWO}";""\n',
    "TSV": f"why\thash\nfirst\t{ONE}\nsecond\t{TWO}\n",
    "CSV without a header": f"{ONE},1\n{TWO},2\n",
    "comments over a header": f"# exported\nsha256\n{ONE}\n{TWO}\n",
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_lists_come_in_many_spellings(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list"
    path.write_bytes(text.encode())
    found = read_hashes(BlockList(kind="sha256", path=str(path)))
    assert [row.tobytes().hex() for row in found] == [ONE, TWO.lower()]


WRONG = {
    "nothing": ("", "holds no hash"),
    "comments alone": ("# none yet\n", "holds no hash"),
    "a header alone": ("sha256\n", "holds no hash"),
    "a shorter hash": (f"{ONE}\n{ONE[:-1]}\n", "line 2"),
    "a longer hash": (f"{ONE}0\n", "line 1"),
    "a header that names no hash": (f"id,digest\n1,{ONE}\n", "line 1"),
    "an empty column": (f"id,sha256\n1,{ONE}\n2,\n", "line 3"),
    "a row that is too short": (f"id,sha256\n1,{ONE}\n2\n", "line 3"),
    "no text": ("\0\1\2\3", "line 1"),
}


@pytest.mark.parametrize(("text", "says"), WRONG.values(), ids=WRONG.keys())
def test_what_is_no_list_is_refused_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "list"
    path.write_text(text)
    with pytest.raises(ValidationError, match=says):
        BlockList(kind="sha256", path=str(path))


def test_a_mistake_far_down_is_found_when_the_list_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text(f"{ONE}\n" * 40_000 + "oops\n")
    spec = BlockList(kind="sha256", path=str(path))
    with pytest.raises(BlockListError, match="line 40001: no sha256 hash, but 'oops'"):
        Pull(blocklists=(spec,)).load()


def test_a_recipe_is_held_to_what_makes_sense(listed: Any) -> None:
    def problem(**fields: Any) -> str:
        with pytest.raises(ValidationError) as caught:
            BlockList(**fields)
        return str(caught.value)

    assert "does not exist" in problem(kind="sha256", path="/nowhere")
    assert "line 1: no phash hash" in problem(**listed("phash", ONE))
    assert "8 bits apart at most" in problem(**listed("phash", "0" * 16, distance=9))
    assert "0 bits apart at most" in problem(**listed("sha256", ONE, distance=1))
    assert "greater than or equal to 0" in problem(**listed("pdq", ONE, distance=-1))


def test_what_a_list_holds_is_fingerprinted_and_not_where_it_lies(tmp_path: Path) -> None:
    def fields(name: str, text: str, **more: Any) -> dict[str, Any]:
        path = tmp_path / name
        path.write_text(text)
        return semantic_fields(Pull(blocklists=(BlockList(kind="phash", path=str(path), **more),)))

    one = fields("one", "0" * 16)
    assert fields("two", "0" * 16) == one
    assert fields("two", "0" * 16, distance=4) == one
    assert fields("two", "0" * 16, distance=3) != one
    assert fields("one", "1" * 16) != one
    assert str(tmp_path) not in str(one)

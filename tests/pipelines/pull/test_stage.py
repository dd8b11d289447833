"""The stage answers every row of a table, whatever is in it, with the columns that the schema promises."""

import asyncio
import hashlib

import pyarrow as pa
import pytest
from PIL import Image
from pydantic import ValidationError

from pipelines.pull.stage import Pull, describe
from pipelines.stage import AsyncEngine, Processed, Stage, semantic_fields
from schemas.tables import PULLED
from tests.pipelines.pull.hostile import LOOPBACK, Hostile, pull_all
from tests.pipelines.pull.pictures import exif, file, scene
from tests.support.tables import to_pull

PICTURE = file(scene(), "JPEG")
TURNED = file(scene(), "JPEG", exif=exif(6))


def test_it_is_a_stage_whose_operational_fields_stay_out_of_the_fingerprint() -> None:
    spec = Pull()
    assert isinstance(spec, Stage)
    operational = {"contact", "concurrency", "per_host", "per_host_rate", "tries", "part_deadline_s", "nameservers"}
    assert not semantic_fields(spec).keys() & operational
    semantic = {"deadline_s", "max_bytes", "allow", "animation", "max_pixels", "opt_out", "robots"}
    assert semantic_fields(spec).keys() >= semantic


@pytest.mark.parametrize(
    "wrong",
    [
        {"deadline_s": 0},
        {"max_bytes": 0},
        {"allow": ("10.0.0.0/33",)},
        {"allow": ("10.0.0.1/8",)},
        {"allow": ("localhost",)},
        {"contact": "me\r\nX-Evil: yes"},
        {"animation": "all"},
        {"max_pixels": 10**9},
        {"timeout": 3},
        {"nameservers": ("dns.example",)},
        {"nameservers": ("192.0.2.1:port",)},
        {"per_host_rate": 0},
        {"tries": 0},
    ],
)
def test_a_wrong_field_is_an_error(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Pull(**wrong)  # type: ignore[arg-type]


def test_the_engine_is_loaded_outside_of_any_event_loop() -> None:
    engine: AsyncEngine = Pull().load()
    asyncio.run(engine.close())


def test_columns_are_those_of_the_schema_and_null_where_they_are_not_known(hostile: Hostile) -> None:
    page = b"<!doctype html>"
    kept, turned, rejected, gone, nowhere = pull_all(
        [hostile.page(PICTURE), hostile.page(TURNED), hostile.page(page), hostile.page(b"no", 404), "ftp://x/"]
    )
    assert set(kept) == {"reason", "value", "detail", *PULLED.names}
    assert None not in [kept[name] for name in PULLED.names if name != "content_type"]
    assert (kept["image"], kept["image_bytes"], kept["n_bytes"]) == (PICTURE, len(PICTURE), len(PICTURE))
    assert (kept["format"], kept["served_format"], kept["canonical"]) == ("jpeg", "jpeg", "")
    assert (kept["width"], kept["height"], kept["frames"]) == (72, 48, 1)
    assert kept["sha256"] == hashlib.sha256(PICTURE).digest()
    assert (turned["width"], turned["height"], turned["canonical"]) == (48, 72, "exif_transpose,jpeg_q95")
    assert turned["sha256"] == hashlib.sha256(TURNED).digest()
    assert kept["image_sha256"] == kept["sha256"]
    assert turned["image_sha256"] == hashlib.sha256(turned["image"]).digest() != turned["sha256"]
    assert (turned["n_bytes"], turned["image_bytes"]) == (len(TURNED), len(turned["image"]))

    assert (rejected["reason"], rejected["status"], rejected["n_bytes"]) == ("not_an_image", 200, len(page))
    assert rejected["sha256"] == hashlib.sha256(page).digest()
    assert (gone["reason"], gone["status"], gone["sha256"]) == ("http_gone", 404, None)
    assert (nowhere["reason"], nowhere["final_url"], nowhere["ms"]) == ("blocked_scheme", None, None)
    of_the_image = {"image", "format", "image_bytes", "width", "height", "phash", "frames", "canonical"}
    for row in (rejected, gone, nowhere):
        assert {row[name] for name in of_the_image} == {None}


def process(spec: Pull, *tables: pa.Table) -> list[Processed]:
    async def go() -> list[Processed]:
        engine = spec.load()
        try:
            return await asyncio.gather(*(engine.process(table) for table in tables))
        finally:
            await engine.close()

    return asyncio.run(go())


def rows(urls: list[str | None], errors: list[str | None] | None = None) -> pa.Table:
    errors = errors or [None] * len(urls)
    return to_pull([{"url": url, "input_error": error} for url, error in zip(urls, errors, strict=True)])


def test_a_record_that_could_not_be_parsed_is_not_fetched(hostile: Hostile) -> None:
    (done,) = process(Pull(allow=LOOPBACK), rows([hostile.page(PICTURE)], ["line 7: no comma"]))
    assert done.verdicts.reason.to_pylist() == ["invalid_record"]
    assert done.verdicts.detail.to_pylist() == ["line 7: no comma"]
    assert not hostile.requests


def test_no_rows_are_answered_with_no_rows() -> None:
    (done,) = process(Pull(), rows([]))
    assert done.columns is not None
    assert (len(done.verdicts.reason), done.columns.num_rows) == (0, 0)
    assert done.columns.schema.equals(PULLED)


def test_tables_handed_in_together_share_the_limits_and_keep_their_order(hostile: Hostile) -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")

    tables = [rows([hostile.acting(slow), hostile.page(PICTURE), None] * 3) for _ in range(3)]
    answers = process(Pull(allow=LOOPBACK, per_host=2), *tables)
    assert hostile.most_open <= 2
    for done in answers:
        assert done.verdicts.reason.to_pylist() == ["http_gone", None, "invalid_url"] * 3


def test_the_pixel_cap_and_the_policy_on_animations_reach_the_decoder(hostile: Hostile) -> None:
    frames = [Image.fromarray(scene(seed=seed)) for seed in range(2)]
    gif = file(frames[0], "GIF", save_all=True, append_images=frames[1:])
    spec = {"max_pixels": 72 * 48}
    assert [row["reason"] for row in pull_all([hostile.page(PICTURE), hostile.page(gif)], **spec)] == [None, None]
    large = pull_all([hostile.page(PICTURE)], max_pixels=72 * 48 - 1)[0]
    assert (large["reason"], large["value"]) == ("too_many_pixels", 72 * 48)
    assert pull_all([hostile.page(gif)], animation="reject")[0]["reason"] == "animated"


def test_describe_tells_what_came_of_each_url_in_order(hostile: Hostile) -> None:
    async def go() -> list[dict[str, object]]:
        urls = [hostile.page(PICTURE), hostile.page(b"", 404), "nonsense"]
        return [told async for told in describe(Pull(allow=LOOPBACK), urls)]

    kept, gone, nonsense = asyncio.run(go())
    keys = "url outcome reason value final_url status bytes format width height sha256 phash ms attempts detail"
    assert list(kept) == list(gone) == keys.split()
    assert (kept["outcome"], kept["reason"], kept["bytes"]) == ("kept", None, len(PICTURE))
    assert (kept["attempts"], gone["attempts"], nonsense["attempts"]) == (1, 1, None)
    assert kept["sha256"] == hashlib.sha256(PICTURE).hexdigest()
    assert len(str(kept["phash"])) == 16
    assert (gone["outcome"], gone["reason"], gone["value"], gone["format"]) == ("rejected", "http_gone", 404, None)
    assert (nonsense["outcome"], nonsense["reason"]) == ("rejected", "invalid_url")

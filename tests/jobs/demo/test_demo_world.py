"""The world is as its truth says, and the truth is what pulling finds."""

import asyncio
import hashlib
import io
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image, ImageOps

from jobs.demo import photographs
from jobs.demo import world as demo_world
from jobs.demo.odd_pixels import STORED_AS
from jobs.demo.photographs import MissingPhotographsError
from jobs.demo.scenes import COLOURS
from jobs.demo.truth import Duplicates, Truth, expected, read_truth
from jobs.demo.web import Behaviour, Web, read_behaviours
from jobs.demo.world import DEMO_LIMITS, World, build
from pipelines.pull.engine import Pulled, Row
from pipelines.pull.stage import Pull
from schemas.reasons import Outcome

RECIPE = Path(demo_world.__file__).parents[2] / "pipelines" / "recipes" / "demo.yaml"
Served = Callable[[Truth], bytes]

AFTER_PULL = {"aspect_ratio", "min_side", "min_bytes", "no_caption"}


def of_kind(world: World, kind: str) -> list[Truth]:
    return [row for row in world.truth if row.kind == kind]


@pytest.fixture(scope="session")
def files(world: World) -> dict[str, bytes]:
    """All that is served, by SHA-256."""
    bodies = (file.read_bytes() for file in (world.folder / "www").rglob("*") if file.is_file())
    return {hashlib.sha256(body).hexdigest(): body for body in bodies}


@pytest.fixture
def served(files: dict[str, bytes]) -> Callable[[Truth], bytes]:
    """The bytes of a row's image, wherever redirects may lead to it."""
    return lambda row: files[str(row.sha256)]


class TestTable:
    def test_holds_a_row_for_every_truth_in_its_order(self, world: World) -> None:
        pairs = pq.read_table(world.pairs).to_pylist()
        assert [(row["url"], row["caption"], row["license"]) for row in pairs] == [
            (truth.url, truth.caption, truth.license) for truth in world.truth
        ]
        assert [truth.row for truth in world.truth] == list(range(300))

    def test_carries_columns_of_its_own(self, world: World) -> None:
        schema = pq.read_schema(world.pairs)
        assert schema.names == ["url", "caption", "license", "similarity", "collection"]
        assert str(schema.field("similarity").type) == "double"

    def test_the_truth_reads_back(self, world: World) -> None:
        assert read_truth(world.folder / "truth.jsonl") == world.truth

    def test_most_rows_are_fine(self, world: World) -> None:
        assert expected(world.truth)["kept"] >= 0.8 * len(world.truth)

    def test_what_went_wrong_is_spread_over_the_table(self, world: World) -> None:
        halves = [sum(row.reason is not None for row in part) for part in (world.truth[:150], world.truth[150:])]
        assert min(halves) >= 10

    def test_photographs_and_drawings_are_both_there_in_number(self, world: World) -> None:
        collections = Counter(row.collection for row in world.truth)
        assert collections["photographs"] >= 100
        assert collections["shapes"] >= 100

    def test_pages_are_there_in_english_and_chinese_with_what_is_written_on_them(self, world: World) -> None:
        lines = [line for row in of_kind(world, "pages") for line in row.lines]
        assert len(of_kind(world, "pages")) == 6
        assert sum(line.isascii() for line in lines) >= 10
        assert sum("\u4e00" <= line[0] <= "\u9fff" for line in lines) >= 10

    def test_is_small(self, world: World) -> None:
        assert sum(file.stat().st_size for file in (world.folder / "www").rglob("*") if file.is_file()) < 25_000_000


class TestKinds:
    @pytest.mark.parametrize("outcome", Outcome)
    def test_every_outcome_is_expected_of_some_row(self, world: World, outcome: Outcome) -> None:
        assert any(row.outcome == outcome for row in world.truth)

    @pytest.mark.parametrize(
        "reason",
        [
            *("invalid_url", "blocked_scheme", "blocked_address"),
            *("connect", "timeout", "http_gone", "http_denied", "http_error", "rate_limited", "redirect_loop"),
            *("body_too_large", "body_short", "empty_body"),
            *("not_an_image", "unsupported_format", "truncated_image", "too_many_pixels"),
            *("aspect_ratio", "min_side", "min_bytes", "duplicate_image", "duplicate_pair", "no_caption"),
        ],
    )
    def test_every_reason_that_an_ordinary_web_gives_is_planted(self, world: World, reason: str) -> None:
        assert expected(world.truth)[reason] >= 1

    def test_the_truth_is_told_by_the_limits_of_the_demo_recipe(self) -> None:
        stages = {stage["stage"]: stage for stage in yaml.safe_load(RECIPE.read_text("utf-8"))["stages"]}
        assert dict(DEMO_LIMITS) == {
            "deadline_s": stages["pull"]["deadline_s"],
            "max_bytes": stages["pull"]["max_bytes"],
            "max_ratio": stages["aspect_ratio"]["max_ratio"],
            "min_side": stages["min_side"]["pixels"],
            "min_bytes": stages["min_bytes"]["bytes"],
        }

    def test_images_that_stay_are_within_the_limits(self, world: World, served: Served) -> None:
        for row in (row for row in world.truth if row.reason is None):
            assert row.width is not None
            assert row.height is not None
            assert min(row.width, row.height) >= DEMO_LIMITS["min_side"], row.url
            assert max(row.width, row.height) <= DEMO_LIMITS["max_ratio"] * min(row.width, row.height), row.url
            assert DEMO_LIMITS["min_bytes"] <= len(served(row)) <= DEMO_LIMITS["max_bytes"], row.url

    def test_exactly_six_to_one_stays_and_a_pixel_more_does_not(self, world: World) -> None:
        (exact,), (over,) = of_kind(world, "exactly_6_1"), of_kind(world, "just_over_6_1")
        assert (exact.width, exact.height, exact.reason) == (600, 100, None)
        assert (over.width, over.height, over.reason) == (601, 100, "aspect_ratio")

    @pytest.mark.parametrize("orientation", STORED_AS)
    def test_an_oriented_photograph_is_upright_once_its_tag_is_heeded(
        self, world: World, served: Served, orientation: int
    ) -> None:
        (row,) = of_kind(world, f"exif_{orientation}")
        stored = Image.open(io.BytesIO(served(row)))
        upright = ImageOps.exif_transpose(stored)
        assert stored.getexif()[0x0112] == orientation
        assert upright.size == (row.width, row.height)
        assert row.as_served == (orientation == 1)
        for drawn in row.objects:
            x1, y1, x2, y2 = drawn.box
            centre = upright.getpixel(((x1 + x2) // 2, (y1 + y2) // 2))
            np.testing.assert_allclose(centre, COLOURS[drawn.colour], atol=6)

    @pytest.mark.parametrize(
        ("kind", "mode"),
        [("cmyk", "CMYK"), ("transparent", "RGBA"), ("png_16_bit_grey", "I;16"), ("animated", "P")],
    )
    def test_odd_pixels_are_odd(self, world: World, served: Served, kind: str, mode: str) -> None:
        assert {Image.open(io.BytesIO(served(row))).mode for row in of_kind(world, kind)} == {mode}

    def test_sixteen_bits_of_colour(self, world: World, served: Served) -> None:
        (row,) = of_kind(world, "png_16_bit")
        assert served(row)[24:26] == b"\x10\x02"  # bit depth 16, colour type RGB

    def test_the_animation_moves(self, world: World, served: Served) -> None:
        (row,) = of_kind(world, "animated")
        assert getattr(Image.open(io.BytesIO(served(row))), "n_frames", 1) == 6


class TestDuplicates:
    def test_only_the_planted_rows_share_a_file(self, world: World) -> None:
        files = Counter(row.sha256 for row in world.truth if row.sha256)
        twice = {row.kind for row in world.truth if row.sha256 and files[row.sha256] > 1}
        assert twice == {"same_file", "same_row"}

    def test_only_the_planted_rows_share_a_caption(self, world: World) -> None:
        captions = Counter(row.caption for row in world.truth if row.caption)
        twice = {row.kind for row in world.truth if row.caption and captions[row.caption] > 1}
        assert twice == {"same_row", "same_pixels"}

    def test_equal_pixels_under_other_words_both_stay(self, world: World, served: Served) -> None:
        rows = of_kind(world, "other_words")
        pixels = {Image.open(io.BytesIO(served(row))).tobytes() for row in rows}
        assert len(rows) == 2
        assert len(pixels) == 1
        assert len({row.caption for row in rows}) == 2
        assert all(row.reason is None and row.duplicates is None for row in rows)

    def test_are_counted_by_group(self) -> None:
        rows = [
            Truth(url=None, caption=None, collection="misfits", kind="twin", duplicates=Duplicates("g", 1, reason))
            for reason in ["duplicate_image"] * 3
        ]
        assert expected(rows) == {"kept": 1, "duplicate_image": 2}

    def test_a_group_of_survivors_alone_is_refused(self) -> None:
        alone = Truth(url=None, caption=None, collection="m", kind="m", duplicates=Duplicates("g", 1, "duplicate_pair"))
        with pytest.raises(ValueError, match="only 1"):
            expected([alone])


class TestBuilding:
    def files(self, folder: Path) -> dict[str, bytes]:
        return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    def test_equal_arguments_give_equal_bytes(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            build(tmp_path / name, base_url="http://127.0.0.1:9", rows=90, seed=5)
        assert self.files(tmp_path / "a") == self.files(tmp_path / "b")

    def test_another_seed_draws_another_world(self, tmp_path: Path) -> None:
        one, other = (build(tmp_path / str(seed), base_url="http://127.0.0.1:9", rows=90, seed=seed) for seed in (1, 2))
        assert {row.sha256 for row in one.truth if row.kind == "shapes"}.isdisjoint(
            row.sha256 for row in other.truth if row.kind == "shapes"
        )
        assert [row.kind for row in one.truth] != [row.kind for row in other.truth]

    def test_rows_are_as_many_as_asked_for_beyond_the_photographs_too(self, tmp_path: Path) -> None:
        big = build(tmp_path, base_url="http://127.0.0.1:9", rows=420)
        assert len(big.truth) == 420
        captions = Counter(row.caption for row in big.truth if row.collection != "misfits")
        assert max(captions.values()) == 1

    def test_fewer_rows_than_misfits_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="too few"):
            build(tmp_path, base_url="http://127.0.0.1:9", rows=10)
        assert not (tmp_path / "pairs.parquet").exists()

    def test_a_flaky_page_fails_once_unless_told_otherwise(self, tmp_path: Path, world: World) -> None:
        flaky = build(tmp_path, base_url="http://127.0.0.1:9", rows=90)
        assert read_behaviours(flaky.folder)["/misfits/flaky-0.png"] == Behaviour(fail_first=1)
        assert "/misfits/flaky-0.png" not in read_behaviours(world.folder)
        assert [row.outcome for row in of_kind(flaky, "flaky")] == [Outcome.KEPT] * 2

    def test_without_scikit_image_the_extra_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "skimage", None)  # as the import system itself marks what cannot be had
        with pytest.raises(MissingPhotographsError, match=r"pip install 'shardmill\[demo\]'"):
            photographs.folder()


@pytest.fixture(scope="session")
def pulled(served_world: tuple[World, Web]) -> dict[int, Pulled]:
    """Every row of the world, pulled over HTTP with the demo recipe's limits."""
    world, _ = served_world
    limits = {name: DEMO_LIMITS[name] for name in ("deadline_s", "max_bytes")}

    async def pull() -> dict[int, Pulled]:
        engine = Pull(allow=("127.0.0.1/32",), **limits).load()
        try:
            ends = await asyncio.gather(*(engine.pull(Row(row.url)) for row in world.truth))
        finally:
            await engine.close()
        return dict(enumerate(ends))

    return asyncio.run(pull())


class TestPulled:
    """The truth against the real pull: each planted defect comes out under its own reason."""

    def test_each_row_ends_as_planted(self, world: World, pulled: dict[int, Pulled]) -> None:
        ends = {row.kind: set[str | None]() for row in world.truth}
        planted = {row.kind: set[str | None]() for row in world.truth}
        for row in world.truth:
            verdict = pulled[row.row].verdict
            ends[row.kind].add(verdict and verdict.reason)
            planted[row.kind].add(None if row.reason in AFTER_PULL else row.reason)
        assert ends == planted

    def test_sizes_and_files_are_the_true_ones(self, world: World, pulled: dict[int, Pulled]) -> None:
        for row in (row for row in world.truth if row.width is not None):
            end = pulled[row.row]
            assert end.image is not None
            assert end.sha256 is not None
            assert (end.image.width, end.image.height, end.sha256.hex()) == (row.width, row.height, row.sha256)
            assert (end.image.steps == "") == row.as_served, row.kind

    def test_canonical_pixels_are_the_true_ones(self, world: World, pulled: dict[int, Pulled]) -> None:
        rows = [row for row in world.truth if row.reference]
        assert {row.as_served for row in rows} == {False}
        for row in rows:
            image = pulled[row.row].image
            assert image is not None
            assert row.reference is not None
            stored = np.asarray(Image.open(io.BytesIO(image.image)).convert("RGB"), np.int16)
            true = np.asarray(Image.open(world.folder / row.reference).convert("RGB"), np.int16)
            assert np.abs(stored - true).mean() <= row.tolerance, row.kind

    def test_pixels_under_one_caption_are_not_alike_but_where_planted(
        self, world: World, pulled: dict[int, Pulled]
    ) -> None:
        groups: dict[tuple[int, str], list[Truth]] = {}
        for row in world.truth:
            image = pulled[row.row].image
            if image is not None and row.caption is not None:
                groups.setdefault((image.phash, row.caption), []).append(row)
        alike = [{row.kind for row in rows} for rows in groups.values() if len(rows) > 1]
        assert sorted(alike, key=min) == [{"same_pixels"}, {"same_row"}]

    def test_pages_of_sound_images_were_asked_once(self, served_world: tuple[World, Web], pulled: object) -> None:
        world, server = served_world
        counts = {
            path: n for path, n in server.counts().items() if path.startswith(("/photographs/", "/shapes/", "/pages/"))
        }
        assert set(counts.values()) == {1}
        assert len(counts) == sum(row.collection != "misfits" for row in world.truth)

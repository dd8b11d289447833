"""`shardmill demo`, compared row by row with what was planted in its web."""

import io
import itertools
import json
import os
import re
import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlcroissant
import numpy as np
import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard
from PIL import Image

from jobs.demo.bilingual import translate
from jobs.demo.cards import SHIPPED, comparable
from jobs.demo.phrasebook import MODEL
from jobs.demo.truth import Truth, expected, read_truth
from jobs.demo.world import DEMO_LIMITS
from jobs.store.commit import read_footer
from pipelines.recipe_text import load
from tests.support.grounding import iou
from tests.support.runs import files, shardmill


@dataclass(frozen=True)
class Demo:
    """A finished demo."""

    folder: Path
    said: str
    truth: dict[int, Truth]

    @property
    def run(self) -> Path:
        return self.folder / "run"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    done = shardmill("demo", str(folder), "--engine", "inline", timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return Demo(folder, done.stdout, {row.row: row for row in read_truth(folder / "web/truth.jsonl")})


@pytest.fixture(scope="module")
def ends(demo: Demo) -> dict[int, str]:
    """How each row of the URL table ended: the reason, or ``kept``. Read from the layers, the last verdict wins."""
    rows = {}
    for window in sorted((demo.run / "input").glob("*.parquet")):
        table = pq.read_table(window, columns=["id", "source_row"])
        rows.update(zip(table["id"].to_pylist(), table["source_row"].to_pylist(), strict=True))
    found = {}
    for layer in ("layers/pull", "layers/filter", "sets/exact_duplicates", "layers/pack"):
        for file in sorted((demo.run / layer).glob("part-*.parquet")):
            for row in pq.read_table(file, columns=["id", "reason"]).to_pylist():
                found[rows[row["id"]]] = row["reason"] or "kept"
    return found


@pytest.fixture(scope="module")
def images(demo: Demo) -> dict[int, tuple[bytes, Any]]:
    """Stored bytes and the image that `datasets` decodes, by row of the URL table."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import datasets

    cache = str(demo.folder / "cache")
    decoded = datasets.load_dataset(str(demo.run / "dataset"), split="train", cache_dir=cache)
    stored = pq.read_table(demo.run / "dataset/data", columns=["images", "provenance"])
    row_of = [int(re.search(r'"source_row":(\d+)', text)[1]) for text in stored["provenance"].to_pylist()]
    contents = [held[0]["bytes"] for held in stored["images"].to_pylist()]
    return {
        row: (content, decoded[at]["images"][0]) for at, (row, content) in enumerate(zip(row_of, contents, strict=True))
    }


def test_the_recipe_holds_images_to_what_the_truth_is_told_by() -> None:
    stages = {stage.stage: stage for stage in load("demo").stages}
    held_to = {
        "deadline_s": stages["pull"].deadline_s,
        "max_bytes": stages["pull"].max_bytes,
        "max_ratio": stages["aspect_ratio"].max_ratio,
        "min_side": stages["min_side"].pixels,
        "min_bytes": stages["min_bytes"].bytes,
    }
    assert held_to == dict(DEMO_LIMITS)


def test_every_row_ends_as_planted(demo: Demo, ends: dict[int, str]) -> None:
    assert Counter(ends.values()) == expected(demo.truth.values())
    wrong = {
        (row.kind, row.url, ends[number], row.reason)
        for number, row in demo.truth.items()
        if row.duplicates is None and ends[number] != (row.reason or "kept")
    }
    assert wrong == set()


def test_of_each_group_of_duplicates_as_many_survive_as_should(demo: Demo, ends: dict[int, str]) -> None:
    groups = {row.duplicates for row in demo.truth.values() if row.duplicates}
    for group in groups:
        members = Counter(ends[number] for number, row in demo.truth.items() if row.duplicates == group)
        assert members == {"kept": group.survivors, group.reason: members.total() - group.survivors}


def test_status_and_card_tell_the_same(demo: Demo, ends: dict[int, str]) -> None:
    counted = Counter(ends.values())
    status = shardmill("status", str(demo.run)).stdout
    card = (demo.run / "dataset/README.md").read_text()
    for reason, rows in counted.items():
        if reason != "kept":
            assert re.search(rf"\b{reason} +\w+ +{rows}\b", status), reason
            assert re.search(rf"`{reason}` \|.*\| {rows} \|", card), reason
    assert f"300 rows = {counted['kept']} kept" in status
    assert f"| **in all** | 300 | {counted['kept']} |" in card


def test_each_layer_file_counts_its_own_rows(demo: Demo) -> None:
    for file in [*demo.run.glob("layers/*/part-*.parquet"), *demo.run.glob("sets/*/part-*.parquet")]:
        rows = pq.read_table(file, columns=["outcome", "stage", "reason"]).to_pylist()
        named = Counter("kept" if row["reason"] is None else f"{row['stage']}/{row['reason']}" for row in rows)
        assert read_footer(file)["counts"] == named


def test_what_every_decoder_reads_alike_is_stored_as_served(demo: Demo, images: dict[int, tuple[bytes, Any]]) -> None:
    kept = {number: row for number, row in demo.truth.items() if number in images and row.as_served}
    assert len(kept) > 200
    served = {row.url: row for row in kept.values()}
    for number, row in kept.items():
        path = demo.folder / "web/www" / row.url.split("/", 3)[3]
        if path.exists():
            assert images[number][0] == path.read_bytes(), row.url
    assert served


def test_what_was_made_canonical_shows_the_true_pixels(demo: Demo, images: dict[int, tuple[bytes, Any]]) -> None:
    made = {number: row for number, row in demo.truth.items() if number in images and row.reference}
    assert {"exif_2", "exif_8", "cmyk", "deep"} <= {Path(row.reference).stem for row in made.values()}
    for number, row in made.items():
        truth = np.asarray(Image.open(demo.folder / "web" / row.reference).convert("RGB"), np.int16)
        for shown in (Image.open(io.BytesIO(images[number][0])), images[number][1]):
            pixels = np.asarray(shown.convert("RGB"), np.int16)
            assert pixels.shape == truth.shape, row.url
            assert np.abs(pixels - truth).mean() <= row.tolerance, row.url


def test_images_have_the_size_that_was_planted(demo: Demo, images: dict[int, tuple[bytes, Any]]) -> None:
    sizes = {number: shown.size for number, (_, shown) in images.items()}
    assert sizes == {number: (demo.truth[number].width, demo.truth[number].height) for number in sizes}


def test_it_says_where_things_are_and_what_to_do_next(demo: Demo) -> None:
    assert str(demo.run / "dataset") in demo.said
    assert "shardmill verify" in demo.said
    (read,) = (shlex.split(line) for line in demo.said.splitlines() if " try ocr " in line)
    assert len(json.loads(shardmill(*read[1:-2]).stdout)["lines"]) == 3
    (ground,) = (shlex.split(line) for line in demo.said.splitlines() if " try ground " in line)
    done = shardmill(*ground[1:-1], str(demo.folder / "boxes.png"))
    assert json.loads(done.stdout)["regions"]
    assert (demo.folder / "boxes.png").exists()


def test_the_text_of_its_pages_is_read_and_shown(demo: Demo) -> None:
    pages = [row for row in demo.truth.values() if row.lines]
    read = {
        row["image_meta"][0]["url"]: [region["label"] for region in row["regions"]]
        for file in (demo.run / "dataset/data").glob("*.parquet")
        for row in pq.read_table(file, columns=["task", "image_meta", "regions"]).to_pylist()
        if row["task"] == "read_text"
    }
    assert {page.url: read[page.url] for page in pages} == {page.url: list(page.lines) for page in pages}
    for page in pages:
        (shown,) = (line for line in demo.said.splitlines() if f"/{Path(page.url).name} " in line and "try" not in line)
        assert all(line in shown for line in page.lines)


def test_a_second_demo_finds_everything_committed(demo: Demo) -> None:
    before = files(demo.run / "layers") | files(demo.run / "dataset")
    again = shardmill("demo", str(demo.folder), "--engine", "inline")
    assert again.returncode == 0
    assert files(demo.run / "layers") | files(demo.run / "dataset") == before


def test_the_run_is_sound(demo: Demo) -> None:
    assert shardmill("verify", str(demo.run)).returncode == 0


def test_drawn_scenes_have_the_boxes_that_were_drawn(demo: Demo) -> None:
    rows = {}
    for window in sorted((demo.run / "input").glob("*.parquet")):
        table = pq.read_table(window, columns=["id", "source_row"])
        rows.update(zip(table["id"].to_pylist(), table["source_row"].to_pylist(), strict=True))
    wanted = found = right = 0
    for file in sorted((demo.run / "layers/ground").glob("part-*.parquet")):
        for row in pq.read_table(file, columns=["id", "regions"]).to_pylist():
            truth = demo.truth[rows[row["id"]]]
            if not truth.phrases or not truth.width or not truth.height:
                continue
            true = [(one.start, one.end, truth.objects[at].box) for one in truth.phrases for at in one.objects]
            wanted += len(true)
            sides = (truth.width, truth.height) * 2
            for region in row["regions"]:
                found += 1
                box = tuple(value * side for value, side in zip(region["box"], sides, strict=True))
                right += any([start, end] == region["phrase"] and iou(box, other) > 0.9 for start, end, other in true)
    assert wanted > 200
    assert right / found > 0.98
    assert right / wanted > 0.97


def test_captions_of_drawn_scenes_are_bilingual_and_no_others(demo: Demo) -> None:
    rows = {}
    for window in sorted((demo.run / "input").glob("*.parquet")):
        table = pq.read_table(window, columns=["id", "source_row"])
        rows.update(zip(table["id"].to_pylist(), table["source_row"].to_pylist(), strict=True))
    chinese = agreed = 0
    for file in sorted((demo.run / "layers/translate").glob("part-*.parquet")):
        for row in pq.read_table(file, columns=["id", "captions", "regions", "translations"]).to_pylist():
            truth = demo.truth[rows[row["id"]]]
            translated = [one for one in row["captions"] if one["role"] == "translated"]
            assert not translated or truth.objects
            if truth.kind == "shapes":
                (caption,) = translated
                known = translate(truth.caption or "")
                assert known is not None
                assert (caption["text"], caption["lang"], caption["model"]) == (known.text, "zh", MODEL)
                place = row["captions"].index(caption)
                named = {
                    caption["text"][slice(*one["phrase"])] for one in row["regions"] if one["caption_index"] == place
                }
                assert named
                chinese += 1
                agreed += sum(
                    one["chrf"] == pytest.approx(100) for one in row["translations"] if one["chrf"] is not None
                )
    assert chinese == agreed > 100


def test_the_card_in_the_repository_is_that_of_this_demo(demo: Demo) -> None:
    """`make cards` makes it anew."""
    made = (demo.run / "dataset/README.md").read_text("utf-8")
    assert comparable(made) == comparable(SHIPPED.read_text("utf-8"))


def test_the_card_shows_boxes_read_text_and_both_languages(demo: Demo) -> None:
    page = (demo.run / "dataset/card.html").read_text("utf-8")
    kept = page.split('<h3 class="kept">')[1].split('<h3 class="rejected">')[0]
    assert '<polygon class="mark"' in kept
    assert re.search(r"<li>“(?:(?!</li>|left out).)+</li>", kept), "a line of text that counts"
    assert {'<bdi lang="en"', '<bdi lang="zh"'} <= set(re.findall(r'<bdi lang="\w+"', kept))
    assert len(page) < 3_000_000


def test_the_libraries_that_read_data_sets_take_it(demo: Demo) -> None:
    folder = demo.run / "dataset"
    croissant = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    assert croissant.metadata.issues.errors == set()
    records = list(itertools.islice(croissant.records("default"), 20))
    assert all(image.getbbox() for record in records for image in record["default/images"])
    assert DatasetCard.load(folder / "README.md").data.language == ["en", "zh"]

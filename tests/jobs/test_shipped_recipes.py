"""Each shipped recipe, run on a small table of its own shape: every row ends as its system's rules say."""

import csv
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from jobs import commands
from tests.support.served import served
from tests.support.written import CHINESE, LATIN, write

LONG = "a small brown dog runs over the green grass of a park"


def picture(number: int, width: int, height: int) -> Image.Image:
    noise = np.random.default_rng(number).integers(0, 256, (12, 16, 3), np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


class Table:
    """Rows whose images lie in a folder, each with the reason it must end with (None for kept)."""

    def __init__(self, folder: Path, columns: dict[str, str], **usual: Any) -> None:
        self.folder, self._columns, self._usual = folder, columns, usual
        self.rows: list[dict[str, Any]] = []
        self.expected: list[str | None] = []
        self.twins: dict[int, int] = {}

    def add(
        self,
        reason: str | None,
        *,
        size: tuple[int, int] = (400, 300),
        text: str | None = None,
        same: int | None = None,
        **said: Any,
    ) -> None:
        """A row; `same` gives it the URL of an earlier one, and of the two either may be the one that leaves.

        Its image shows `text`, or nothing in particular.
        """
        if same is not None:
            self.twins[len(self.rows)] = same
        number = len(self.rows) if same is None else same
        image = picture(number, *size) if text is None else write(((text, 20, 60, 32),), size)
        image.save(self.folder / f"{number}.jpg", quality=95)
        row = {"url": f"/{number}.jpg", "caption": f"{LONG}, number {len(self.rows)}", **self._usual, **said}
        self.rows.append({self._columns.get(name, name): value for name, value in row.items()})
        self.expected.append(reason)

    def run(self, recipe: str, *settings: str) -> list[str | None]:
        """The reason of each row."""
        with served(self.folder) as web:
            table = self.folder / "table.csv"
            url = self._columns.get("url", "url")
            with table.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(self.rows[0]))
                writer.writeheader()
                writer.writerows(row | {url: web + row[url]} for row in self.rows)
            run = self.folder / "run"
            settings = ("stages.pull.allow=[127.0.0.1/32]", "run.min_free_gb=0", *settings)
            options = commands.RunOptions(recipe, run, (str(table),), settings, engine="inline")
            assert commands.run(options) == 0
        found = reasons(run)
        for one, other in self.twins.items():
            if found[one] is None:
                found[one], found[other] = found[other], None
        return found


def reasons(run: Path) -> list[str | None]:
    of_row = {
        row["id"]: row["source_row"]
        for window in (run / "input").glob("*.parquet")
        for row in pq.read_table(window, columns=["id", "source_row"]).to_pylist()
    }
    found: dict[int, str | None] = {}
    for layer in [*run.glob("layers/*/*.parquet"), *run.glob("sets/*/*.parquet")]:
        for row in pq.read_table(layer, columns=["id", "reason"]).to_pylist():
            at = of_row[row["id"]]
            found[at] = found.get(at) or row["reason"]
    return [found[at] for at in sorted(found)]


LAION = {"url": "URL", "caption": "TEXT"}


def test_cogvlm_pretrain(tmp_path: Path) -> None:
    table = Table(tmp_path, LAION, punsafe="0.1")
    table.add(None)
    table.add(None, size=(600, 100))
    table.add("aspect_ratio", size=(601, 100))
    table.add("score", punsafe="0.5")
    table.add(None, punsafe="")
    table.add("caption_characters", caption="dogs")
    table.add("url_in_caption", caption=f"{LONG} www.example.org")
    table.add("file_name", caption="IMG_20230405_123456.jpg")
    table.add("political", caption="a rally of the Republican Party in Ohio")
    table.add("duplicate_image", same=0)
    assert table.run("cogvlm-pretrain") == table.expected


def test_laion_5b(tmp_path: Path) -> None:
    table = Table(tmp_path, LAION, similarity="0.3")
    table.add(None, caption="a dog", similarity="0.28")
    table.add("caption_characters", caption="dogs")
    table.add("score", similarity="0.27")
    table.add("min_bytes", size=(24, 24))
    table.add("duplicate_url", same=0, size=(400, 300))
    assert table.run("laion-5b") == table.expected


def test_datacomp_basic(tmp_path: Path) -> None:
    table = Table(tmp_path, {"caption": "text"})
    table.add(None, size=(600, 200))
    table.add("min_side", size=(600, 199))
    table.add("aspect_ratio", size=(603, 200))
    table.add("caption_words", caption="brown dogs")
    table.add("language", caption="ein kleiner brauner Hund läuft über die grüne Wiese im Park")
    assert table.run("datacomp-basic") == table.expected


def test_qwen_vl_clean(tmp_path: Path) -> None:
    table = Table(tmp_path, LAION, similarity="0.3")
    table.add(None, caption="<b>a dog</b> in the grass ||| 狗")
    table.add("aspect_ratio", size=(1000, 199))
    table.add("min_side", size=(100, 63))
    table.add("score", similarity="0.1")
    table.add("other_script", caption="маленькая собака бежит по траве")
    table.add("emoji_in_caption", caption=f"{LONG} 😀")
    table.add("caption_characters", caption="dog")
    assert table.run("qwen-vl-clean") == table.expected
    (shard,) = (tmp_path / "run/dataset/data").glob("*.parquet")
    (row,) = pq.read_table(shard).to_pylist()
    assert row["messages"][-1]["content"][0]["text"] == "a dog in the grass | 狗"


def test_wukong(tmp_path: Path) -> None:
    table = Table(tmp_path, {})
    captions = [f"公园草地上奔跑的小狗{number}" for number in "一二三四五"]
    table.add(None, caption=captions[0])
    table.add("min_side", caption=captions[1], size=(400, 200))
    table.add("aspect_ratio", caption=captions[2], size=(604, 201))
    table.add("han_characters", caption="狗" * 32)
    table.add(None, caption="狗" * 31)
    table.add("han_characters", caption="a dog")
    table.add("file_name", caption="图片_00123.jpg")
    for _ in range(11):
        table.add("caption_frequency", caption=captions[3])
    for _ in range(10):
        table.add(None, caption=captions[4])
    assert table.run("wukong") == table.expected


def test_academic_captions(tmp_path: Path) -> None:
    table = Table(tmp_path, {})
    table.add(None, caption=f"{LONG} <PERSON>")
    table.add("shorter_caption", caption="a dog", same=0)
    table.add(None, caption="a cat")
    assert table.run("academic-captions") == table.expected


def test_coyo_700m(tmp_path: Path) -> None:
    table = Table(tmp_path, {"caption": "text"}, nsfw_score_opennsfw2="0.1", nsfw_score_gantman="0.1")
    table.add(None, nsfw_score_opennsfw2="0.5", nsfw_score_gantman="0.5")
    table.add("score", nsfw_score_gantman="0.9")
    table.add("score", nsfw_score_opennsfw2="0.9")
    table.add("caption_characters", caption="a dog")
    table.add("caption_words", caption="brown dogs")
    table.add("no_noun", caption="running very quickly and happily")
    # the table is known to be in English, so nobody guesses
    table.add(None, caption="ein kleiner brauner Hund läuft über die grüne Wiese im Park")
    table.add("profanity", caption="what a fucking small brown dog in the park")
    table.add("min_bytes", size=(24, 24))
    table.add(None, size=(600, 200))
    table.add("aspect_ratio", size=(601, 200))
    table.add("min_side", size=(400, 199))
    table.add("duplicate_pair", same=0, caption=f"{LONG}, number 0")
    assert table.run("coyo-700m") == table.expected


each_engine = pytest.mark.parametrize("engine", ["paddle", "rapid"])
needs_fonts = pytest.mark.skipif(
    not (Path(CHINESE).exists() and Path(LATIN).exists()), reason="needs fonts-noto-cjk and fonts-dejavu"
)


def engine_of(name: str) -> tuple[str, ...]:
    """The setting that chooses an engine; none for the recipe's own."""
    if name == "paddle":
        if find_spec("paddleocr") is None:
            pytest.skip("needs the extra paddle")
        return ()
    return (f"stages.ocr.engine={name}",)


@needs_fonts
@each_engine
def test_wukong_ocr(tmp_path: Path, engine: str) -> None:
    table = Table(tmp_path, {}, caption="公园草地上奔跑的小狗")
    table.add(None, text="今日新茶")
    table.add(None, text="第5号车站ABC", caption="")
    table.add("no_text")
    table.add("text_script", text="fresh bread")
    table.add("too_little_text", text="茶")
    table.add("min_side", text="图书馆通知", size=(400, 200))
    table.add("aspect_ratio", text="图书馆通知", size=(604, 201))
    table.add("duplicate_image", text="今日新茶", same=0)
    assert table.run("wukong-ocr", *engine_of(engine)) == table.expected
    assert answers(tmp_path / "run", "read_text") == {"今日新茶", "第5号车站ABC"}


@needs_fonts
@each_engine
def test_laion_coco_ocr(tmp_path: Path, engine: str) -> None:
    table = Table(tmp_path, LAION, punsafe="0.1", pwatermark="0.1", all_captions="[]", top_caption="a shop")
    table.add(None, text="fresh bread")
    table.add(None, text="open until 18", punsafe="", pwatermark="")
    table.add("score", text="concert", punsafe="0.5")
    table.add("score", text="harbour", pwatermark="0.8")
    table.add("no_text")
    table.add("too_little_text", text="今日新茶")
    table.add("too_little_text", text="tea")
    table.add("min_side", text="library", size=(300, 200))
    table.add("aspect_ratio", text="library", size=(604, 201))
    table.add("duplicate_image", text="fresh bread", same=0)
    assert table.run("laion-coco-ocr", *engine_of(engine)) == table.expected
    assert answers(tmp_path / "run", "read_text") == {"fresh bread", "open until 18"}


def answers(run: Path, task: str) -> set[str]:
    """What the samples of a task answer."""
    return {
        row["messages_tagged"][1]["content"]
        for file in (run / "dataset/data").glob("*.parquet")
        for row in pq.read_table(file, columns=["task", "messages_tagged"]).to_pylist()
        if row["task"] == task
    }

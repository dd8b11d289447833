"""Runs over drawn pages of text, served on loopback: what is read is what was written, and rows end as planted."""

import csv
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.support.runs import SHARDMILL, files, shardmill
from tests.support.served import served
from tests.support.written import CHINESE, LATIN, write

pytestmark = pytest.mark.skipif(
    not (Path(CHINESE).exists() and Path(LATIN).exists()), reason="needs fonts-noto-cjk and fonts-dejavu"
)

CHINESE_WORDS = (
    *("今日新茶", "图书馆通知", "欢迎光临", "请勿吸烟", "营业时间"),
    *("新鲜面包", "春天花开", "北京大学", "高山流水", "四海一家"),
)
ENGLISH_WORDS = (
    *("fresh", "bread", "every", "morning", "open", "until", "evening"),
    *("summer", "concert", "old", "harbour", "reading", "room"),
)
ROWS = 1000


@dataclass
class Planted:
    """A Wukong-shaped table whose images lie in a folder, each row with how it must end."""

    folder: Path
    reasons: list[str | None] = field(default_factory=list)
    texts: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, reason: str | None, image: Image.Image | bytes | None, texts: tuple[str, ...] = ()) -> None:
        """A row; where `image` is None, nothing lies at its URL."""
        path = self.folder / f"{len(self.reasons)}.png"
        if isinstance(image, bytes):
            path.write_bytes(image)
        elif image is not None:
            image.save(path)
        self.reasons.append(reason)
        self.texts.append(texts)

    @contextmanager
    def table(self) -> Iterator[Path]:
        """The table, while its images are served."""
        with served(self.folder) as web:
            path = self.folder / "wukong.csv"
            with path.open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["url", "caption"])
                writer.writerows((f"{web}/{number}.png", f"图片{number}") for number in range(len(self.reasons)))
            yield path


def textless(number: int) -> Image.Image:
    """A ramp between two colours of its own, in which nothing can be taken for a letter."""
    ends = np.random.default_rng(number).integers(40, 215, (1, 2, 3), np.uint8)
    return Image.fromarray(ends).resize((400, 300), Image.Resampling.BILINEAR)


def chinese(number: int) -> tuple[Image.Image, tuple[str, ...]]:
    """A page of two lines that no other page has."""
    rng = random.Random(number)
    texts = ("".join(rng.sample(CHINESE_WORDS, 2)), rng.choice(CHINESE_WORDS) + str(1000 + number))
    lines = tuple((text, 20, 40 + 100 * at, 30 + number % 8) for at, text in enumerate(texts))
    return write(lines, (440, 240)), texts


def english(number: int) -> Image.Image:
    rng = random.Random(number)
    return write(((" ".join(rng.sample(ENGLISH_WORDS, 3)), 20, 60, 26), (f"number {number}", 20, 140, 26)), (520, 240))


def plant(folder: Path, rows: int) -> Planted:
    """Of twenty rows: twelve Chinese pages, four without text, two in English, one gone, one that is no image."""
    planted = Planted(folder)
    for number in range(rows):
        place = number % 20
        if place < 12:
            planted.add(None, *chinese(number))
        elif place < 16:
            planted.add("no_text", textless(number))
        elif place < 18:
            planted.add("text_script", english(number))
        elif place == 18:
            planted.add("http_gone", None)
        else:
            planted.add("not_an_image", b"<html>nothing here</html>")
    return planted


def command(table: Path, output: Path, *options: str) -> list[str]:
    settings = ["stages.pull.allow=[127.0.0.1/32]", "run.min_free_gb=0", "run.part_rows=50", *options]
    told = [option for setting in settings for option in ("--set", setting)]
    return [SHARDMILL, "run", "wukong-ocr", "--input", str(table), "--output", str(output), *told]


def rows_of(run: Path, pattern: str, columns: list[str]) -> dict[int, dict[str, Any]]:
    """Rows of layers by their place in the table; of several, the last says."""
    of_row = {
        row["id"]: row["source_row"]
        for window in (run / "input").glob("*.parquet")
        for row in pq.read_table(window, columns=["id", "source_row"]).to_pylist()
    }
    found: dict[int, dict[str, Any]] = {}
    for file in sorted(run.glob(pattern)):
        for row in pq.read_table(file, columns=["id", *columns]).to_pylist():
            found[of_row[row["id"]]] = row
    return found


def ends(run: Path) -> list[str | None]:
    """The reason of each row of the table."""
    found: dict[int, str | None] = {}
    for pattern in ("layers/*/part-*.parquet", "sets/*/part-*.parquet"):
        for file in run.glob(pattern):
            for at, row in rows_of(run, str(file.relative_to(run)), ["reason"]).items():
                found[at] = found.get(at) or row["reason"]
    return [found[at] for at in sorted(found)]


def samples(run: Path) -> Counter[str]:
    return Counter(
        task for file in (run / "dataset/data").glob("*.parquet") for task in pq.read_table(file)["task"].to_pylist()
    )


@pytest.mark.parametrize("engine", ["rapid", pytest.param("paddle", marks=pytest.mark.slow)])
def test_a_list_of_chinese_images_becomes_what_is_written_in_them(tmp_path: Path, engine: str) -> None:
    if engine == "paddle" and find_spec("paddleocr") is None:
        pytest.skip("needs the extra paddle")
    planted = plant(tmp_path, 20)
    with planted.table() as table:
        run = tmp_path / "run"
        done = subprocess.run(
            [*command(table, run, f"stages.ocr.engine={engine}"), "--engine", "inline"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ends(run) == planted.reasons
    read = rows_of(run, "layers/ocr/part-*.parquet", ["lines"])
    for at, texts in enumerate(planted.texts):
        if texts:
            assert tuple(line["text"] for line in read[at]["lines"]) == texts
    assert samples(run)["read_text"] == samples(run)["spot_text"] == 12
    assert shardmill("verify", str(run)).returncode == 0


def kill_when(command: list[str], layer: Path, parts: int) -> bool:
    """Run until so many parts of a layer are there, then kill -9 all of it."""
    driver = psutil.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    killed = False
    while driver.poll() is None and not killed:
        if len(list(layer.glob("part-*.parquet"))) >= parts:
            os.killpg(driver.pid, signal.SIGKILL)
            killed = True
        time.sleep(0.02)
    driver.wait(timeout=400)
    return killed


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(find_spec("paddleocr") is None, reason="needs the extra paddle")
def test_a_run_that_is_killed_twice_ends_as_one_that_was_left_alone(tmp_path: Path) -> None:
    planted = plant(tmp_path, ROWS)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    with planted.table() as table:
        for parts in (3, 11):
            assert kill_when([*command(table, killed), "--engine", "ray"], killed / "layers/ocr", parts)
        for run, engine in ((killed, "ray"), (whole, "inline")):
            done = subprocess.run(
                [*command(table, run), "--engine", engine], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
    assert files(killed / "dataset") == files(whole / "dataset")
    assert ends(killed) == planted.reasons
    assert Counter(ends(killed))["no_text"] == ROWS // 5
    assert shardmill("verify", str(killed)).returncode == 0

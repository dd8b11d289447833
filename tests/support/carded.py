"""A small run that has something of all that a card tells, made of drawn scenes without any network."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from jobs import commands
from tests.support.drawn import drawn

RECIPE = """\
name: carded
description: Drawn scenes, and what is wrong with some of them.
source: {columns: {url: url, image: image, caption: caption, lang: lang, license: license}}
origins:
  aspect_ratio.max_ratio: "published: CogVLM, > 6 or < 1/6 is removed"
  min_side: "ours: less shows nothing"
stages:
  - stage: pull
  - stage: aspect_ratio
  - stage: min_side
    pixels: 64
  - stage: caption_characters
    at_least: 6
  - stage: edit_captions
    edits: [whitespace]
  - stage: exact_duplicates
  - stage: ground
    without_boxes: keep
pack:
  tasks: [caption, grounded_caption, rec, reg]
  shard_mb: 1
  split: {validation: 0.2}
run: {part_rows: 16, min_free_gb: 0}
"""


def png(pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def pairs() -> pa.Table:
    """60 rows: scenes, copies of some, and images and captions that rules refuse; hosts, languages and licences."""
    rows = []
    for number in range(60):
        scene = drawn(number % 45)
        image, caption = png(scene.pixels), scene.caption
        if number % 10 == 3:
            image = png(np.full((90, 700, 3), number, np.uint8))
        if number % 20 == 7:
            image = png(np.full((40, 90, 3), number, np.uint8))
        if number % 20 == 11:
            image = b"no image"
        if number % 15 == 4:
            caption = "short"
        if number % 6 == 5:
            caption = f"  {caption}  \n"
        rows.append(
            {
                "url": f"https://{'ab'[number % 2]}.example/{number}.png" if number % 12 else None,
                "image": image,
                "caption": caption,
                "lang": ("en", "en", None, "de")[number % 4] if number % 9 else None,
                "license": ("CC0-1.0", None, "CC-BY-4.0")[number % 3],
            }
        )
    return pa.Table.from_pylist(rows)


def run(folder: Path, *settings: str) -> Path:
    """Run it in this process; the run's folder."""
    pq.write_table(pairs(), folder / "pairs.parquet")
    (folder / "carded.yaml").write_text(RECIPE)
    options = commands.RunOptions(
        str(folder / "carded.yaml"), folder / "run", (str(folder / "pairs.parquet"),), settings, engine="inline"
    )
    assert commands.run(options) == 0
    return folder / "run"

"""Runs over drawn scenes, and how well what they ground is what was drawn."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from pipelines.chatml.dialects import DIALECTS
from tests.support.drawn import Drawn, Named

Box = tuple[float, float, float, float]
RECIPE = """\
name: drawn
source: {caption_lang: en, columns: {image: image}}
stages:
  - stage: pull
  - stage: ground
pack:
  tasks: [grounded_caption, rec, reg]
  shard_mb: 64
run: {part_rows: 64, min_free_gb: 0}
"""


def write_table(scenes: list[Drawn], path: Path) -> None:
    """The scenes as a table of pictures and captions; the URL is the scene's number."""
    images = []
    for scene in scenes:
        out = io.BytesIO()
        Image.fromarray(scene.pixels).save(out, "PNG")
        images.append(out.getvalue())
    urls = [f"http://drawn.example/{number}" for number in range(len(scenes))]
    pq.write_table(pa.table({"url": urls, "image": images, "caption": [scene.caption for scene in scenes]}), path)


@dataclass
class Score:
    """Counts over all scenes; `mistakes` are for people."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    rec: int = 0
    reg: int = 0
    mistakes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """rec and reg samples that are wrong or ambiguous"""

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.right + self.missed)

    def regions(self, scene: Drawn, regions: list[dict[str, Any]]) -> None:
        """Each region must be a thing that its chunk names, at IoU 0.5, and each such thing must have one."""
        height, width = scene.pixels.shape[:2]
        wanted = [(named, at) for named in scene.named for at in named.things]
        for region in regions:
            x1, y1, x2, y2 = region["box"]
            box = (x1 * width, y1 * height, x2 * width, y2 * height)
            span = tuple(region["phrase"])
            found = next(
                (
                    (named, at)
                    for named, at in wanted
                    if (named.start, named.end) == span and iou(scene.things[at].box, box) >= 0.5
                ),
                None,
            )
            if found is None:
                self.wrong += 1
                self.mistakes.append(f"{scene.caption!r}: {scene.caption[slice(*span)]!r} at {box}")
            else:
                self.right += 1
                wanted.remove(found)
        self.missed += len(wanted)
        self.mistakes += [f"{scene.caption!r}: no {scene.caption[one.start : one.end]!r}" for one, _ in wanted]

    def sample(self, scene: Drawn, task: str, turns: list[dict[str, str]]) -> None:
        """Each question must be about the one thing that its expression names, and answered so."""
        dialect = DIALECTS["qwen2_vl"]
        height, width = scene.pixels.shape[:2]
        for asked, answered in zip(turns[::2], turns[1::2], strict=True):
            (found,) = dialect.read((answered if task == "rec" else asked)["content"])
            ((x1, y1, x2, y2),) = found.coordinates
            box = (x1 * width / 1000, y1 * height / 1000, x2 * width / 1000, y2 * height / 1000)
            text = found.label if task == "rec" else answered["content"]
            named = named_by(scene, text or "")
            if named is None or len(named.things) != 1 or iou(scene.things[named.things[0]].box, box) < 0.9:
                self.errors.append(f"{task} of {scene.caption!r}: {asked['content']} {answered['content']}")
        if task == "rec":
            self.rec += len(turns) // 2
        else:
            self.reg += len(turns) // 2


def named_by(scene: Drawn, expression: str) -> Named | None:
    """The chunk that an expression grew from; None where none did, or several could have."""
    said = expression.lower()
    found = [
        one
        for one in scene.named
        if said.startswith(scene.caption[one.start : one.end].lower()) and said.rstrip(".") in scene.caption.lower()
    ]
    return found[0] if len(found) == 1 else None


def iou(first: Box, second: Box) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    common = max(width, 0) * max(height, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return common / (areas - common)


def score(scenes: list[Drawn], run: Path) -> Score:
    """How a finished run compares with what was drawn."""
    found = Score()
    numbers: dict[int, int] = {}
    for file in sorted((run / "input").rglob("*.parquet")):
        for row in pq.read_table(file, columns=["id", "url"]).to_pylist():
            numbers[row["id"]] = int(row["url"].rpartition("/")[2])
    assert sorted(numbers.values()) == list(range(len(scenes)))
    for file in sorted((run / "layers/ground").glob("*.parquet")):
        for row in pq.read_table(file, columns=["id", "regions"]).to_pylist():
            found.regions(scenes[numbers[row["id"]]], row["regions"] or [])
    for file in sorted((run / "dataset/data").glob("*.parquet")):
        columns = ["task", "messages_tagged", "image_meta"]
        for row in pq.read_table(file, columns=columns).to_pylist():
            if row["task"] in ("rec", "reg"):
                number = int(row["image_meta"][0]["url"].rpartition("/")[2])
                found.sample(scenes[number], row["task"], row["messages_tagged"])
    return found

"""Runs that translate the captions of small drawn images."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from jobs import commands
from tests.support.llm_faults import MODEL
from tests.support.runs import SHARDMILL
from tests.support.wordbook import captions

RECIPE = """\
name: bilingual
source: {caption_lang: en, columns: {image: image, caption: caption}}
stages:
  - stage: pull
  - stage: translate
pack: {shard_mb: 4, tasks: [caption]}
run: {part_rows: PART_ROWS, min_free_gb: 0, collapse_pause_s: 0.05}
"""


@dataclass
class TranslatedRun:
    """A table of so many images with captions, and the folders of its runs."""

    folder: Path
    url: str
    rows: int
    part_rows: int = 16
    settings: tuple[str, ...] = ()
    output: str = "run"
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def run_folder(self) -> Path:
        """Where the run is."""
        return self.folder / self.output

    @property
    def table(self) -> Path:
        """The pairs."""
        path = self.folder / "pairs.parquet"
        if not path.exists():
            pq.write_table(pa.table({"image": _images(self.rows), "caption": captions(self.rows)}), path)
        return path

    @property
    def recipe_path(self) -> Path:
        """The recipe."""
        path = self.folder / "bilingual.yaml"
        path.write_text(RECIPE.replace("PART_ROWS", str(self.part_rows)))
        return path

    @property
    def _llm(self) -> tuple[str, ...]:
        return (f"llm.url={self.url}", f"llm.model={MODEL}", "llm.backoff_s=0.01", "llm.pause_s=0.05", *self.settings)

    def run(self, *settings: str, **options: Any) -> int:
        """Run inline in this process; the exit status."""
        given = {"inputs": (str(self.table),), "engine": "inline", **self.options, **options}
        return commands.run(
            commands.RunOptions(str(self.recipe_path), self.run_folder, settings=(*self._llm, *settings), **given)
        )

    def command(self, *options: str, verb: str = "run") -> list[str]:
        """The same as a command line."""
        where = ["--input", str(self.table), "--output", str(self.run_folder)]
        return [SHARDMILL, verb, str(self.recipe_path), *where, *(f"--set={one}" for one in self._llm), *options]

    def layer(self) -> list[dict[str, Any]]:
        """Every row of the layer that holds translations."""
        files = sorted((self.run_folder / "layers/translate").glob("*.parquet"))
        return [row for file in files for row in pq.read_table(file).to_pylist()]

    def trained(self) -> set[str]:
        """What assistants say in the shards."""
        found = set()
        for shard in sorted((self.run_folder / "dataset/data").glob("*.parquet")):
            for messages in pq.read_table(shard, columns=["messages_tagged"])["messages_tagged"].to_pylist():
                found |= {message["content"] for message in messages if message["role"] == "assistant"}
        return found


def _images(n: int) -> list[bytes]:
    made = []
    for number in range(n):
        file = io.BytesIO()
        Image.new("RGB", (8, 8), (number % 256, number // 256 % 256, 99)).save(file, "PNG")
        made.append(file.getvalue())
    return made

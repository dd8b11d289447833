"""Runs over the small web, in this process or through the command line."""

import io
import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs import commands
from jobs.cli import app
from tests.support.web import KINDS, Web

RECIPE = """\
name: small
source: {caption_lang: en}
stages:
  - stage: pull
    allow: ["127.0.0.0/8"]
    deadline_s: 30
  - stage: aspect_ratio
  - stage: min_side
    pixels: 64
  - stage: exact_duplicates
pack: {shard_mb: 1}
run: {part_rows: 16, parts_in_flight: 3, min_free_gb: 0, collapse_pause_s: 0.05}
"""
Done = subprocess.CompletedProcess[str]
SHARDMILL = str(Path(sys.executable).with_name("shardmill"))


@dataclass
class Case:
    """A table of pairs over the small web, and the folder of its run."""

    web: Web
    folder: Path
    urls: list[str]
    recipe: str = RECIPE
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
            captions = [f"picture number {number}" for number in range(len(self.urls))]
            pq.write_table(pa.table({"url": self.urls, "caption": captions}), path)
        return path

    @property
    def recipe_path(self) -> Path:
        """The recipe."""
        path = self.folder / "small.yaml"
        path.write_text(self.recipe)
        return path

    def run(self, *settings: str, **options: Any) -> int:
        """Run inline in this process; the exit status."""
        given = {"inputs": (str(self.table),), "engine": "inline", **self.options, **options}
        return commands.run(
            commands.RunOptions(str(self.recipe_path), self.run_folder, settings=(*self.settings, *settings), **given)
        )

    def command(self, *options: str) -> list[str]:
        """The same as a command line."""
        settings = [f"--set={setting}" for setting in self.settings]
        where = ["--input", str(self.table), "--output", str(self.run_folder)]
        return [SHARDMILL, "run", str(self.recipe_path), *where, *settings, *options]

    def status(self) -> dict[str, Any]:
        """What `status --json` says."""
        with redirect_stdout(io.StringIO()) as said:
            assert commands.status(self.run_folder, as_json=True) == 0
        found: dict[str, Any] = json.loads(said.getvalue())
        return found

    def reasons(self) -> Counter[str]:
        """Rows by reason over all hops, ``kept`` for those that reached the shards."""
        return reasons(self.run_folder)

    def dataset(self) -> dict[str, bytes]:
        """Every file of the data set."""
        return files(self.run_folder / "dataset")


def shardmill(*arguments: str, cwd: Path | None = None, timeout: float | None = None) -> Done:
    """Run the command line: in this process, for starting another takes longer than most commands.

    Where there is a `timeout`, in seconds, it is a process of its own.
    """
    if timeout is not None:
        environment = {**os.environ, "COLUMNS": "200"}
        command = [SHARDMILL, *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=cwd, timeout=timeout, env=environment, check=False
        )
    said, complained, code = io.StringIO(), io.StringIO(), 0
    with (
        pytest.MonkeyPatch.context() as patched,
        redirect_stdout(said),
        redirect_stderr(complained),
        chdir(cwd or Path.cwd()),
    ):
        patched.setenv("COLUMNS", "200")
        try:
            app(list(arguments), prog_name="shardmill")
        except SystemExit as end:
            code = int(end.code or 0)
    return Done(arguments, code, said.getvalue(), complained.getvalue())


def is_sound(run: Path) -> bool:
    """Whether `verify` finds nothing wrong, asked in this process: starting another takes longer than most checks."""
    return commands.verify(run) == 0


def reasons(run: Path) -> Counter[str]:
    """Rows by reason, from `verify`-independent reading of the layers: the last verdict of each id counts."""
    last: dict[int, str] = {}
    layers = [run / "layers/pull", run / "layers/filter", run / "sets/exact_duplicates", run / "layers/pack"]
    for layer in layers:
        for file in sorted(layer.glob("*.parquet")):
            rows = pq.read_table(file, columns=["id", "outcome", "reason"]).to_pylist()
            last.update({row["id"]: row["reason"] or "kept" for row in rows})
    return Counter(last.values())


def files(folder: Path) -> dict[str, bytes]:
    """Relative path to content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def urls(web: Web, **kinds: int) -> list[str]:
    """So many URLs of each kind, mixed by turns."""
    found = [(number, kind) for kind, n in kinds.items() for number in range(n)]
    return [web.url(kind, number) for number, kind in sorted(found)]


def truth(**kinds: int) -> Counter[str]:
    """The reasons that so many URLs of each kind must end with."""
    expected = Counter({KINDS.get(kind) or "kept": 0 for kind in kinds})
    for kind, n in kinds.items():
        survivors = 1 if kind == "copy" else 0
        expected[KINDS.get(kind) or "kept"] += n - survivors
        expected["kept"] += survivors
    return +expected

"""Collections of images that lie in files, from `run` to shards: the bytes in the shards are those of the files."""

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support.runs import Case
from tests.support.tars import write_tar
from tests.support.web import Web, picture

PAIRS = [(f"picture {n}", picture(n)) for n in range(20)]
RECIPE = """\
name: collection
source: {caption_lang: en}
stages:
  - stage: pull
  - stage: min_side
    pixels: 64
pack: {shard_mb: 1}
run: {part_rows: 8, parts_in_flight: 3, min_free_gb: 0, collapse_pause_s: 0.05}
"""


@pytest.fixture
def case(web: Web, tmp_path: Path) -> Case:
    return Case(web, tmp_path, [], recipe=RECIPE)


def webdataset(folder: Path) -> list[str]:
    for number in range(2):
        files = [
            (f"{n:04d}.{extension}", content)
            for n, (text, image) in enumerate(PAIRS)
            if n % 2 == number
            for extension, content in (("jpg", image), ("txt", text.encode()))
        ]
        write_tar(folder / f"{number}.tar", [*files, ("9999.txt", b"nothing to see")])
    return [str(folder)]


@pytest.mark.parametrize(
    ("collection", "lost"),
    [
        (webdataset, {"invalid_record": 2}),
    ],
)
def test_images_come_into_the_shards_as_they_lie_in_the_files(
    case: Case, tmp_path: Path, collection: Callable[[Path], list[str]], lost: dict[str, int]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()

    assert case.run(inputs=tuple(collection(folder))) == 0

    assert case.reasons() == {"kept": len(PAIRS), **lost}
    shards = [
        row for file in (case.run_folder / "dataset/data").glob("*.parquet") for row in pq.read_table(file).to_pylist()
    ]
    found = {row["messages"][-1]["content"][-1]["text"]: row["images"][0]["bytes"] for row in shards}
    assert found == dict(PAIRS)

"""Collections of images that lie in files, from `run` to shards: the bytes in the shards are those of the files."""

from collections.abc import Callable
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from jobs.cli import app
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


def webdataset(where: Path) -> list[str]:
    for number in range(2):
        files = [
            (f"{n:04d}.{extension}", content)
            for n, (text, image) in enumerate(PAIRS)
            if n % 2 == number
            for extension, content in (("jpg", image), ("txt", text.encode()))
        ]
        write_tar(where / f"{number}.tar", [*files, ("9999.txt", b"nothing to see")])
    return [str(where)]


def folder(where: Path) -> list[str]:
    for n, (text, image) in enumerate(PAIRS):
        at = where / f"sub{n % 2}"
        at.mkdir(exist_ok=True)
        (at / f"{n}.jpg").write_bytes(image)
        (at / f"{n}.txt").write_text(text)
    (where / "sub0" / "lonely.txt").write_text("nothing to see")
    return [str(where)]


def imagefolder(where: Path) -> list[str]:
    lines = [f"images/{n}.jpg,{text}" for n, (text, _) in enumerate(PAIRS)]
    (where / "metadata.csv").write_text("\n".join(["file_name,caption", *lines, "images/gone.jpg,x", "../out.jpg,y"]))
    (where / "images").mkdir()
    for n, (_, image) in enumerate(PAIRS):
        (where / "images" / f"{n}.jpg").write_bytes(image)
    return [str(where)]


def table_of_names(where: Path) -> list[str]:
    imagefolder(where)
    (where / "metadata.csv").rename(where / "pairs.csv")
    return [str(where / "pairs.csv"), "source.columns.image=file_name"]


def table_of_images(where: Path) -> list[str]:
    texts, images = zip(*PAIRS, strict=True)
    table = pa.table({"caption": [*texts, "no image"], "jpg": [*images, None]})
    pq.write_table(table, where / "pairs.parquet", row_group_size=5)
    return [str(where), "source.columns.image=jpg"]


def saved_data_set(where: Path) -> list[str]:
    made(PAIRS).save_to_disk(where / "saved", num_shards=3)
    return [str(where / "saved")]


def data_set_of_the_hub(where: Path) -> list[str]:
    (where / "data").mkdir()
    for split, pairs in (("train", PAIRS[:15]), ("test", PAIRS[15:])):
        made(pairs).to_parquet(where / "data" / f"{split}-00000-of-00001.parquet")
    return [f"file://{where}", "source.format=datasets"]


def made(pairs: list[tuple[str, bytes]]) -> datasets.Dataset:
    texts, images = zip(*pairs, strict=True)
    features = datasets.Features({"image": datasets.Image(), "caption": datasets.Value("string")})
    cells = [{"bytes": image, "path": None} for image in images]
    return datasets.Dataset.from_dict({"image": cells, "caption": texts}, features)


@pytest.mark.parametrize(
    ("collection", "lost"),
    [
        (webdataset, {"invalid_record": 2}),
        (folder, {"invalid_record": 1}),
        (imagefolder, {"file_missing": 1, "invalid_record": 1}),
        (table_of_names, {"file_missing": 1, "invalid_record": 1}),
        (table_of_images, {"file_missing": 1}),
        (saved_data_set, {}),
        (data_set_of_the_hub, {}),
    ],
)
def test_images_come_into_the_shards_as_they_lie_in_the_files(
    case: Case, tmp_path: Path, collection: Callable[[Path], list[str]], lost: dict[str, int]
) -> None:
    where = tmp_path / "in"
    where.mkdir()
    named, *settings = collection(where)

    assert case.run(*settings, inputs=(named,)) == 0

    assert case.reasons() == {"kept": len(PAIRS), **lost}
    shards = [
        row for file in (case.run_folder / "dataset/data").glob("*.parquet") for row in pq.read_table(file).to_pylist()
    ]
    found = {row["messages"][-1]["content"][-1]["text"]: row["images"][0]["bytes"] for row in shards}
    assert found == dict(PAIRS)


@pytest.mark.parametrize("collection", [webdataset, folder, imagefolder, table_of_names, saved_data_set])
def test_the_recipe_to_start_from_takes_each_of_them(tmp_path: Path, collection: Callable[[Path], list[str]]) -> None:
    where = tmp_path / "collection"
    where.mkdir()
    given, *settings = collection(where)
    sets = [word for setting in settings for word in ("--set", setting)]
    answer = CliRunner().invoke(app, ["plan", "web-captions", "-i", given, *sets, "-o", str(tmp_path / "run")])
    assert answer.exit_code == 0, answer.output


def test_a_folder_that_looks_like_one_before_is_another(case: Case, tmp_path: Path) -> None:
    for name, number in (("first", 1), ("second", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").write_bytes(picture(number)[:2_000].ljust(2_000, b"\0"))
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    for inputs, rows in (((first,), 1), ((first, second), 2), ((first, second), 2)):
        assert case.run(inputs=inputs) == 0
        assert case.status()["rows"] == rows

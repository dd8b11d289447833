"""The shard file in the readers that people use: every column readable, image bytes as they went in."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines.chatml.pack_spec import PackSpec
from pipelines.chatml.shard_writer import ShardWriter
from schemas.chatml import SHARD
from tests.support.packing import packed

FORMATS = ("JPEG", "PNG", "WEBP")
N = 150  # more than a row group
REGION = {"image_index": 0, "label": "a dog", "bbox": [1.0, 2.0, 3.5, 4.0], "score": 0.5, "source": "hand"}


@pytest.fixture(scope="module")
def files(image_file: Callable[..., bytes]) -> list[bytes]:
    return [image_file(format_=FORMATS[row % 3], shade=row) for row in range(N)]


@pytest.fixture(scope="module")
def shard(rows: Callable[..., pa.Table], files: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = rows(["a dog"] * N, image=files, format=[FORMATS[row % 3].lower() for row in range(N)])
    made = packed(table, PackSpec())
    # grounding fills `regions` later; readers must take filled and empty lists today
    regions = pa.array([[REGION] * (row % 3) for row in range(N)], SHARD.field("regions").type)
    made = made.set_column(SHARD.get_field_index("regions"), SHARD.field("regions"), regions)
    path = tmp_path_factory.mktemp("data") / "train-00000-of-00001.parquet"
    with ShardWriter(path) as writer:
        writer.write(made)
    return path


@pytest.fixture(scope="module")
def truth(shard: Path) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = pq.read_table(shard).to_pylist()
    return read


@pytest.fixture(scope="module")
def hub_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
        yield tmp_path_factory.mktemp("cache")


def load(shard: Path, cache: Path, **options: Any) -> Any:
    return datasets.load_dataset(
        "parquet", data_files=str(shard), split="train", cache_dir=str(cache), download_mode=None, **options
    )


def test_pyarrow(truth: list[dict[str, Any]], files: list[bytes]) -> None:
    assert [row["images"][0]["bytes"] for row in truth] == files
    assert truth[2]["regions"] == [REGION, REGION]


def test_datasets_maps_the_file_and_gives_bytes(
    shard: Path, truth: list[dict[str, Any]], hub_cache: Path, files: list[bytes]
) -> None:
    dataset = load(shard, hub_cache)
    assert dataset.features["images"].feature == datasets.Image(decode=False)
    assert dataset[:]["images"] == [
        [{"bytes": file, "path": truth[i]["images"][0]["path"]}] for i, file in enumerate(files)
    ]
    assert list(dataset) == truth


def test_datasets_streams_the_file_and_gives_bytes(shard: Path, truth: list[dict[str, Any]], hub_cache: Path) -> None:
    assert list(load(shard, hub_cache, streaming=True)) == truth


def test_datasets_decodes_on_request(shard: Path, hub_cache: Path, files: list[bytes]) -> None:
    decoding = load(shard, hub_cache).cast_column("images", datasets.List(datasets.Image()))
    (image,) = decoding[1]["images"]
    assert image.tobytes() == Image.open(io.BytesIO(files[1])).tobytes()


def test_pandas(shard: Path, files: list[bytes]) -> None:
    frame = pd.read_parquet(shard)
    assert list(frame.columns) == SHARD.names
    assert [images[0]["bytes"] for images in frame["images"]] == files
    assert frame["regions"][1][0]["bbox"].tolist() == REGION["bbox"]


def test_polars(shard: Path, truth: list[dict[str, Any]], files: list[bytes]) -> None:
    frame = pl.read_parquet(shard)
    assert frame.columns == SHARD.names
    assert [images[0]["bytes"] for images in frame["images"].to_list()] == files
    assert frame["messages"].to_list() == [row["messages"] for row in truth]
    assert frame["regions"].to_list() == [row["regions"] for row in truth]


def test_duckdb(shard: Path, truth: list[dict[str, Any]], files: list[bytes]) -> None:
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(shard))
        assert found.columns == SHARD.names
        rows = found.project("images[1].bytes, messages, image_meta, regions").fetchall()
    assert [row[0] for row in rows] == files
    assert [row[1:] for row in rows] == [(row["messages"], row["image_meta"], row["regions"]) for row in truth]

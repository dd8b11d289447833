"""A packed data set with its kit, and answers as a trainer that does all right would give them."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from jobs.check_trainer.environment import Answer
from jobs.check_trainer.sample import Sample, decoded, take
from pipelines.chatml.pack_spec import PackSpec
from pipelines.chatml.shard_writer import ShardWriter
from pipelines.chatml.trainers import kit
from schemas.chatml import SHARD
from tests.pipelines.pull.pictures import file, textured

MEAN, STD = [0.5, 0.4, 0.3], [0.25, 0.2, 0.3]
PROCESSOR: dict[str, Any] = {"patch": 14, "temporal": 2, "merge": 2, "image_mean": MEAN, "image_std": STD}


def patches(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Pixels as Qwen's image processor lays them down, written from the other side: patch by patch."""
    normal = (pixels / 255 - np.array(MEAN)) / np.array(STD)
    rows, columns = pixels.shape[0] // 14, pixels.shape[1] // 14
    found = [
        np.repeat(
            normal[14 * row : 14 * row + 14, 14 * column : 14 * column + 14].transpose(2, 0, 1)[:, None], 2, axis=1
        )
        for block_row in range(0, rows, 2)
        for block_column in range(0, columns, 2)
        for row in (block_row, block_row + 1)
        for column in (block_column, block_column + 1)
    ]
    return np.array([patch.ravel() for patch in found], np.float32)


def row(number: int, size: tuple[int, int] | None = (100, 80), box: list[int] | None = None) -> dict[str, Any]:
    """A sample: a question, with an image or without, and an answer that may be a box."""
    answer = f'[{{"bbox_2d": {box}, "label": "it"}}]' if box else f"Answer {number}."
    image = [{"type": "image", "text": None}] if size else []
    body = file(textured(*size, seed=number), "PNG") if size else None
    return {
        "id": f"row-{number}",
        "messages": [
            {"role": "user", "content": [*image, {"type": "text", "text": "What?"}]},
            {"role": "assistant", "content": [{"type": "text", "text": answer}]},
        ],
        "messages_tagged": [
            {"role": "user", "content": "<image>" * bool(size) + "What?"},
            {"role": "assistant", "content": answer},
        ],
        "images": [{"bytes": body, "path": "a.png"}] if body else [],
        "image_meta": [],
        "regions": [],
        "task": "caption",
    }


def write(folder: Path, rows: list[dict[str, Any]], spec: PackSpec, group_rows: int = 100) -> Path:
    """The rows as a data set with its kit."""
    (folder / "data").mkdir(parents=True)
    with ShardWriter(
        folder / "data/train-00000-of-00001.parquet", spec.shard_metadata(), group_rows=group_rows
    ) as writer:
        writer.write(pa.Table.from_pylist(rows, schema=SHARD))
    for name, text in kit(spec.dialect, spec.budget, ("train",)).items():
        path = folder / "trainers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def right_answer(sample: Sample) -> Answer:
    """What a trainer answers that does what the shards mean."""
    grid, laid, digests, pieces = [], [], [], []
    for stored, conversation in zip(sample.rows["images"].to_pylist(), sample.conversations, strict=True):
        tokens = []
        for image in stored:
            picture = decoded(image["bytes"])
            width, height = sample.dialect.resized(*np.array([[picture.width], [picture.height]]), sample.budget)  # type: ignore[misc]
            resized = np.asarray(picture.resize((int(width[0]), int(height[0]))))
            grid.append((1, resized.shape[0] // 14, resized.shape[1] // 14))
            laid.append(patches(resized))
            tokens.append(grid[-1][1] * grid[-1][2] // 4)
        digests.append([hashlib.sha256(image["bytes"]).hexdigest() for image in stored])
        meant = sample.dialect.training_text(conversation, tokens)
        ((start, end),) = meant.loss
        pieces.append([[meant.text[:start], False], [meant.text[start:end], True], [meant.text[end:], False]])
    facts = {
        **PROCESSOR,
        "versions": {"trl": "1"},
        "budget": {"min_pixels": 3136, "max_pixels": sample.budget.max_pixels},
        "image_digests": digests,
        "rows": pieces,
    }
    return Answer(
        facts, np.array(grid, np.int64).reshape(-1, 3), np.concatenate([np.zeros((0, 1176), np.float32), *laid])
    )


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three rows: an image that shrinks, with a box; a small one; none."""
    rows = [row(0, (400, 300), [28, 28, 84, 112]), row(1, (60, 90)), row(2, None)]
    spec = PackSpec(dialect="qwen2_5_vl", max_pixels=50_176)
    return write(tmp_path_factory.mktemp("packed") / "dataset", rows, spec)


@pytest.fixture
def sample(dataset: Path) -> Sample:
    """All of it."""
    return take(dataset, 10)


@pytest.fixture
def answer(sample: Sample) -> Answer:
    """A right one."""
    return right_answer(sample)

"""Scores of images: the threshold with a scorer of three lines, and NudeNet itself where it is installed."""

import io
from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from pipelines.filters.safety import NsfwEngine, NsfwImages
from pipelines.filters.scoring import Picture
from pipelines.recipe_text import RecipeError, parse
from pipelines.stage import Processed
from schemas.tables import NSFW_SCORED

installed = pytest.mark.skipif(find_spec("nudenet") is None, reason="NudeNet (AGPL) is installed by those who want it")


class Redness:
    """Finds red unsafe."""

    def scores(self, images: Sequence[Picture]) -> list[float]:
        return [float(np.asarray(image)[:, :, 0].mean() / 255) for image in images]


def flat(red: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16, 16), (red, 0, 0)).save(out, "PNG")
    return out.getvalue()


def judged(*images: bytes, at_most: float = 0.2) -> Processed:
    rows = pa.table({"image": pa.array(images, pa.large_binary())})
    return NsfwEngine(Redness(), at_most, 4).process(rows)


def test_the_threshold_itself_passes() -> None:
    found = judged(flat(50), flat(51), flat(52))
    assert found.verdicts.reason.to_pylist() == [None, None, "nsfw_image"]
    assert found.verdicts.value.to_pylist() == [None, None, pytest.approx(52 / 255)]


def test_every_score_is_kept_in_its_column() -> None:
    found = judged(flat(0), b"damaged", flat(255))
    assert found.columns is not None
    assert found.columns.schema.field("nsfw_score").type == NSFW_SCORED.field("nsfw_score").type
    assert found.columns["nsfw_score"].to_pylist() == [0.0, None, 1.0]
    assert found.verdicts.reason.to_pylist() == [None, "truncated_image", "nsfw_image"]


def test_a_scorer_that_fails_on_any_image_fails_at_once() -> None:
    class Broken:
        def scores(self, images: Sequence[Picture]) -> list[float]:
            raise RuntimeError("no weights")

    with pytest.raises(RuntimeError, match="no weights"):
        NsfwEngine(Broken(), 0.5, 4)


@pytest.mark.skipif(find_spec("nudenet") is not None, reason="NudeNet is installed here")
def test_without_the_extra_the_recipe_says_what_to_install_and_under_which_licence() -> None:
    with pytest.raises(RecipeError, match=r"line 4: .*AGPL-3.0: pip install 'shardmill\[nsfw\]'"):
        parse("name: mine\nstages:\n  - stage: pull\n  - stage: nsfw_images\n")


@pytest.mark.parametrize("setting", ["at_most: 1.5", "labels: []", "labels: [KNEES]", "resolution: 100", "engine: x"])
def test_settings_that_mean_nothing(setting: str) -> None:
    with pytest.raises(RecipeError, match=setting.partition(":")[0]):
        parse(f"name: mine\nstages:\n  - stage: pull\n  - stage: nsfw_images\n    {setting}\n")


def photograph() -> bytes:
    from skimage import data

    out = io.BytesIO()
    Image.fromarray(data.astronaut()).save(out, "JPEG", quality=90)
    return out.getvalue()


@installed
def test_nudenet_finds_what_it_is_asked_for() -> None:
    rows = pa.table({"image": pa.array([photograph(), flat(200), b"damaged"], pa.large_binary())})
    faces = NsfwImages(labels=("FACE_FEMALE", "FACE_MALE"), batch_size=2).load().process(rows)
    assert faces.verdicts.reason.to_pylist() == ["nsfw_image", None, "truncated_image"]
    assert faces.columns is not None
    surest, none, damaged = faces.columns["nsfw_score"].to_pylist()
    assert surest == pytest.approx(faces.verdicts.value[0].as_py())
    assert (surest > 0.5, none, damaged) == (True, 0.0, None)
    exposed = NsfwImages().load().process(rows)
    assert exposed.verdicts.reason.to_pylist() == [None, None, "truncated_image"]


@installed
def test_colours_are_handed_over_in_nudenets_order() -> None:
    from importlib import import_module

    with Image.open(io.BytesIO(photograph())) as opened:
        opened.load()
    rows = pa.table({"image": pa.array([photograph()], pa.large_binary())})
    faces = NsfwImages(labels=("FACE_FEMALE",)).load().process(rows)
    found = import_module("nudenet").NudeDetector().detect(photograph())
    assert faces.columns is not None
    assert faces.columns["nsfw_score"][0].as_py() == pytest.approx(
        max(one["score"] for one in found if one["class"] == "FACE_FEMALE"), abs=0.01
    )

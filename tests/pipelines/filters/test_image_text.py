"""Whether captions fit their images: what follows from a similarity. CLIP itself: tests/trainers/test_clip.py."""

import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image

from pipelines.filters.image_text import ClipSimilarity, SimilarityEngine
from pipelines.filters.scoring import Picture
from pipelines.recipe_text import RecipeError, parse
from pipelines.stage import Processed
from schemas.tables import INPUT, SIMILARITY


class Told:
    """A caption says its similarity itself; an image of 13 pixels is more than it can take."""

    def similarities(self, images: Sequence[Picture], texts: Sequence[Sequence[str]]) -> list[list[float]]:
        if any(image.width == 13 for image in images):
            raise RuntimeError("thirteen")
        return [[0.0 if text == "a photo" else float(text) for text in of_image] for of_image in texts]


def image(width: int = 8) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, 8)).save(out, "PNG")
    return out.getvalue()


def caption(text: str, **fields: Any) -> dict[str, Any]:
    return {"text": text, "role": "web", **fields}


def judged(*rows: tuple[bytes, list[dict[str, Any]] | None], at_least: float = 0.28) -> Processed:
    table = pa.table(
        {
            "image": pa.array([picture for picture, _ in rows], pa.large_binary()),
            "captions": pa.array([captions for _, captions in rows], INPUT.field("captions").type),
        }
    )
    return SimilarityEngine(Told(), at_least, 2).process(table)


def column(found: Processed, name: str) -> list[Any]:
    assert found.columns is not None
    values: list[Any] = found.columns[name].to_pylist()
    return values


def test_the_threshold_itself_passes() -> None:
    found = judged((image(), [caption("0.28")]), (image(), [caption("0.27")]), (image(), [caption("-1")]))
    assert found.verdicts.reason.to_pylist() == [None, "clip_similarity", "clip_similarity"]
    assert found.verdicts.value.to_pylist() == [None, 0.27, -1.0]
    assert column(found, "clip_similarity") == [[pytest.approx(0.28)], [pytest.approx(0.27)], [-1.0]]


def test_of_several_captions_those_that_do_not_fit_are_marked() -> None:
    found = judged(
        (image(), [caption("0.1"), caption("0.5"), caption("0.2")]), (image(), [caption("0.1"), caption("0.2")])
    )
    assert found.verdicts.reason.to_pylist() == [None, "clip_similarity"]
    assert found.verdicts.value.to_pylist() == [None, 0.1]
    assert [one["refused"] for one in column(found, "captions")[0]] == ["clip_similarity", None, "clip_similarity"]


def test_only_captions_that_count_are_asked_about() -> None:
    replaced = [caption("not a number"), caption("0.9", role="edited", of=0)]
    refused = [caption("nor this", refused="caption_words"), caption("0.1")]
    found = judged((image(), replaced), (image(), refused))
    assert found.verdicts.reason.to_pylist() == [None, "clip_similarity"]
    assert column(found, "clip_similarity") == [[None, pytest.approx(0.9)], [None, pytest.approx(0.1)]]


def test_a_row_without_captions_has_none_to_train_on() -> None:
    found = judged((image(), []), (image(), None), (image(), [caption("0.5")]))
    assert found.verdicts.reason.to_pylist() == ["no_caption", "no_caption", None]
    assert column(found, "clip_similarity") == [[], [], [0.5]]


def test_a_row_that_the_model_fails_on_fails_alone() -> None:
    rows = [(image(), [caption("0.5")]), (image(13), [caption("0.5"), caption("0.6")]), (b"", [caption("0.5")])]
    found = judged(*rows, (image(), [caption("0.1")]))
    assert found.verdicts.reason.to_pylist() == [None, "model_error", "truncated_image", "clip_similarity"]
    assert column(found, "clip_similarity") == [[0.5], [None, None], [None], [pytest.approx(0.1)]]


def test_no_rows_are_no_trouble() -> None:
    found = judged()
    assert len(found.verdicts.reason) == 0
    assert found.columns is not None
    assert found.columns.schema.field("clip_similarity").type == SIMILARITY.field("clip_similarity").type


def test_a_text_without_end_is_cut() -> None:
    found = judged((image(), [caption("0.5" + "0" * 1_000_000)]))
    assert found.verdicts.reason.to_pylist() == [None]


def test_columns_are_those_that_the_stage_says() -> None:
    found = judged((image(), [caption("0.5")]))
    assert found.columns is not None
    assert found.columns.schema.names == ClipSimilarity.adds.names


def recipe(settings: str) -> str:
    return f"name: mine\nstages:\n  - stage: pull\n  - {{stage: clip_similarity, {settings}}}\n"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("at_least: 0.3", "which model"),
        ("hub: a/b, weights: /tmp", "no config.json"),
        ("weights: /nowhere", "/nowhere holds no model"),
        ("at_least: 2, hub: a/b", "at_least"),
        ("device: tpu, hub: a/b", "device"),
    ],
)
def test_settings_that_mean_nothing(settings: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        parse(recipe(settings))


def test_one_model_and_not_two(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(RecipeError, match="which model"):
        parse(recipe(f"hub: a/b, weights: {tmp_path}"))
    with pytest.raises(RecipeError, match="goes with `hub`"):
        parse(recipe(f"weights: {tmp_path}, revision: main"))


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed here")
def test_without_the_extra_the_recipe_says_what_to_install() -> None:
    with pytest.raises(RecipeError, match=r"line 4: .*torch.*pip install 'shardmill\[detectors\]'"):
        parse(recipe("hub: openai/clip-vit-base-patch32"))

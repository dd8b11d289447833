"""The stage `ocr`: rows in, lines, text and verdicts out."""

import io
from collections.abc import Sequence

import pyarrow as pa
import pytest
from PIL import Image
from pydantic import ValidationError

from pipelines.filters.scoring import Picture
from pipelines.ocr.lines import LineRules
from pipelines.ocr.protocol import RawLine
from pipelines.ocr.settings import OcrSettings
from pipelines.ocr.stage import Ocr, OcrStageEngine
from pipelines.stage import ModelStage, Stage, semantic_fields
from schemas.tables import READ
from tests.support.written import draw


def rows(*images: Image.Image | bytes, size: tuple[int, int] = (64, 64)) -> pa.Table:
    files = []
    for image in images:
        out = io.BytesIO()
        if isinstance(image, Image.Image):
            image.save(out, "PNG")
        files.append(image if isinstance(image, bytes) else out.getvalue())
    sizes = [image.size if isinstance(image, Image.Image) else size for image in images]
    return pa.table(
        {
            "image": pa.array(files, pa.large_binary()),
            "width": pa.array([width for width, _ in sizes], pa.int32()),
            "height": pa.array([height for _, height in sizes], pa.int32()),
        }
    )


class Saying:
    """An engine that reads the same everywhere."""

    def __init__(self, *lines: RawLine) -> None:
        self.lines = list(lines)
        self.asked: list[int] = []

    def read(self, images: Sequence[Picture]) -> list[list[RawLine]]:
        self.asked.append(len(images))
        if any(image.size == (13, 13) for image in images):
            raise RuntimeError("thirteen")
        return [self.lines for _ in images]


HELLO = RawLine("hello", ((8, 8), (56, 8), (56, 24), (8, 24)), 0.99)


def test_lines_text_and_verdicts_of_a_page() -> None:
    page, written = draw()
    blank = Image.new("RGB", (200, 100), "white")
    done = Ocr().load().process(rows(page, blank, b"no image"))
    assert done.verdicts.reason.to_pylist() == [None, "no_text", "truncated_image"]
    assert done.columns is not None
    assert done.columns.schema == READ
    lines, none, _ = done.columns["lines"].to_pylist()
    assert [line["text"] for line in lines] == [line.text for line in written]
    assert none == []
    assert done.columns["text"][0].as_py().startswith(written[0].text)
    for line, truth in zip(lines, written, strict=True):
        x1, y1 = line["quad"][0] * 640, line["quad"][1] * 300
        assert abs(x1 - truth.box[0]) < 14 and abs(y1 - truth.box[1]) < 14
        assert all(0 <= value <= 1 for value in line["quad"])


@pytest.mark.parametrize(
    ("without_text", "lines", "reason"),
    [
        ("reject", [], "no_text"),
        ("keep", [], None),
        ("reject", [HELLO], None),
        ("reject", [HELLO._replace(text="x")], "too_little_text"),
        ("keep", [HELLO._replace(text="x")], None),
        ("keep", [HELLO._replace(score=0.3)], None),
        ("keep", [HELLO._replace(score=0.65)], "low_text_score"),
    ],
)
def test_what_becomes_of_images_without_text(without_text: str, lines: list[RawLine], reason: str | None) -> None:
    spec = Ocr(without_text=without_text)  # type: ignore[arg-type]
    done = OcrStageEngine(spec, Saying(*lines)).process(rows(Image.new("RGB", (64, 64))))
    assert done.verdicts.reason.to_pylist() == [reason]


def test_of_an_image_that_stays_without_text_no_line_counts() -> None:
    spec = Ocr(without_text="keep", rules=LineRules(min_characters=9))
    done = OcrStageEngine(spec, Saying(HELLO)).process(rows(Image.new("RGB", (64, 64))))
    assert done.columns is not None
    assert done.columns["text"].to_pylist() == [""]
    assert [line["dropped"] for line in done.columns["lines"][0].as_py()] == ["too_little_text"]


def test_rules_reach_the_lines() -> None:
    spec = Ocr(rules=LineRules(scripts=("Hani",)))
    done = OcrStageEngine(spec, Saying(HELLO)).process(rows(Image.new("RGB", (64, 64))))
    assert done.verdicts.reason.to_pylist() == ["too_little_text"]
    assert done.columns is not None
    assert [line["dropped"] for line in done.columns["lines"][0].as_py()] == ["other_script"]


def test_an_image_on_which_the_model_fails_fails_alone() -> None:
    spec = Ocr(device="cuda")
    engine = Saying(HELLO)
    done = OcrStageEngine(spec, engine).process(rows(*(Image.new("RGB", (n, n)) for n in (64, 13, 32))))
    assert done.verdicts.reason.to_pylist() == [None, "model_error", None]
    assert done.verdicts.detail.to_pylist()[1] == "RuntimeError: thirteen"
    assert engine.asked == [3, 1, 1, 1]


def test_on_a_cpu_images_are_read_one_by_one() -> None:
    engine = Saying(HELLO)
    OcrStageEngine(Ocr(), engine).process(rows(*(Image.new("RGB", (64, 64)) for _ in range(3))))
    assert engine.asked == [1, 1, 1]


def test_no_rows() -> None:
    done = OcrStageEngine(Ocr(), Saying(HELLO)).process(rows())
    assert len(done.verdicts.reason) == 0


def test_it_is_a_stage_of_a_model() -> None:
    assert isinstance(Ocr(), Stage)
    assert isinstance(Ocr(), ModelStage)
    assert not Ocr().on_gpu
    assert Ocr(device="cuda:1").on_gpu


def test_device_and_batch_are_not_part_of_what_it_is() -> None:
    assert "device" not in semantic_fields(Ocr())
    assert {"batch", "cache"} & semantic_fields(Ocr())["settings"].keys() == set()


def test_weights_are_part_of_what_it_is_default_or_not() -> None:
    assert len(semantic_fields(Ocr(), chosen=True)["settings"]["det_model"]) == 64


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ValidationError, match="rapid"):
        Ocr(engine="tesseract")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["det_name", "rec_name"])
def test_models_that_paddleocr_publishes_are_not_for_the_other_engine(name: str) -> None:
    settings = OcrSettings(**{name: "PP-OCRv5_server"})  # type: ignore[arg-type]
    assert Ocr(engine="paddle", settings=settings).settings == settings
    with pytest.raises(ValidationError, match="take the engine paddle"):
        Ocr(settings=settings)

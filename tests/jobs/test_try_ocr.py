"""`shardmill try ocr`: pictures in, lines of text out."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.runs import shardmill
from tests.support.written import draw, write


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.png"
    write().save(path)
    return path


def test_lines_of_pictures_in_reading_order(page: Path, tmp_path: Path) -> None:
    blank = tmp_path / "blank.png"
    Image.new("RGB", (90, 60), "white").save(blank)
    done = shardmill("try", "ocr", str(page), str(blank))
    assert done.returncode == 0, done.stderr
    found, empty = map(json.loads, done.stdout.splitlines())
    assert list(found) == ["image", "width", "height", "lines", "text"]
    assert (found["image"], found["width"], found["height"]) == (str(page), 640, 300)
    assert [line["text"] for line in found["lines"]] == [line.text for line in draw()[1]]
    for line, truth in zip(found["lines"], draw()[1], strict=True):
        assert list(line) == ["text", "score", "quad"]
        quad = np.array(line["quad"])
        assert quad.shape == (4, 2) and quad.min() >= 0 and quad.max() <= 1
        assert np.abs(quad[0] * (640, 300) - truth.box[:2]).max() < 14
        assert truth.text in found["text"]
    assert empty == {"image": str(blank), "width": 90, "height": 60, "lines": [], "text": ""}


def test_the_lines_are_drawn(page: Path, tmp_path: Path) -> None:
    out = tmp_path / "lines.png"
    done = shardmill("try", "ocr", str(page), "--out", str(out))
    assert done.returncode == 0, done.stderr
    drawn, plain = np.asarray(Image.open(out)), np.asarray(write())
    assert drawn.shape == plain.shape
    assert (drawn == (228, 0, 43)).all(-1).sum() > 500
    assert not (plain == (228, 0, 43)).all(-1).any()


def test_settings_without_a_recipe_are_of_the_stage_alone(page: Path) -> None:
    done = shardmill("try", "ocr", str(page), "--set", "stages.ocr.rules.scripts=[Hani]")
    assert {line["text"] for line in json.loads(done.stdout)["lines"]} == {
        line.text for line in draw()[1] if not line.text.isascii()
    }


def test_what_a_run_would_refuse_is_said(page: Path) -> None:
    done = shardmill("try", "ocr", str(page), "--set", "stages.ocr.rules.max_lines=2")
    assert done.returncode == 0
    assert "a run would refuse it: dense_text 6" in done.stderr
    assert len(json.loads(done.stdout)["lines"]) == 6


def test_lines_that_do_not_count_are_said(page: Path, tmp_path: Path) -> None:
    done = shardmill("try", "ocr", str(page), "--set", "stages.ocr.rules.scripts=[Latn]")
    assert done.stderr == f"{page}: lines that do not count: 2 other_script\n"
    blank = tmp_path / "blank.png"
    Image.new("RGB", (90, 60), "white").save(blank)
    done = shardmill("try", "ocr", str(blank))
    assert done.stderr == f"{blank}: a run would refuse it: no_text\n"


@pytest.mark.skipif(find_spec("paddleocr") is None or find_spec("paddle") is not None, reason="no paddle, or all of it")
def test_settings_are_of_the_engine_that_is_asked_for(page: Path) -> None:
    name = "stages.ocr.settings.det_name=PP-OCRv5_server_det"
    done = shardmill("try", "ocr", str(page), "--engine", "paddle", "--set", name)
    assert done.returncode == 2
    assert "pip install paddlepaddle" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.png"], "nowhere.png"),
        ([__file__], "not_an_image"),
        (["PICTURE", "--out", "lines.jpg"], ".png"),
        (["PICTURE", "--out", "nowhere/lines.png"], "nowhere is no folder"),
        (["PICTURE", "PICTURE", "--out", "lines.png"], "give one"),
        (["PICTURE", "--engine", "tesseract"], "neither rapid nor paddle"),
        (["PICTURE", "--set", "stages.ocr.settings.det_name=PP-OCRv5_server_det"], "take the engine paddle"),
        (
            [
                *("PICTURE", "--engine", "rapid", "--recipe", "wukong-ocr"),
                *("--set", "stages.ocr.settings.det_name=PP-OCRv5_server_det"),
            ],
            "take the engine paddle",
        ),
        (["PICTURE", "--recipe", "wukong"], "no stage `ocr`"),
        (["PICTURE", "--set", "stages.ocr.settings.det_sides=736"], "det_side"),
        (["PICTURE", "--set", "stages.ocr.settings.det_model=/nowhere.onnx"], "PP-OCRv6_small_det"),
        (["PICTURE", "--set", f"stages.ocr.settings.rec_model={Path(__file__).parent}"], "take the engine paddle"),
        (["PICTURE", "--set", f"stages.ocr.settings.rec_model={__file__}"], "test_try_ocr.py"),
    ],
)
def test_mistakes_are_one_message(page: Path, arguments: list[str], said: str) -> None:
    done = shardmill("try", "ocr", *(str(page) if word == "PICTURE" else word for word in arguments))
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr

"""PaddleOCR over the same weights: it reads the same, reaches nobody, and writes where it is told to."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.ocr import paddle
from pipelines.ocr.models import DETECTOR, RECOGNISER, resolve_weights
from pipelines.ocr.paddle import lacking, load_paddle
from pipelines.ocr.paddle_models import detector_folder, name_of, recogniser_folder
from pipelines.ocr.protocol import RawLine
from pipelines.ocr.rapid import load_rapid
from pipelines.ocr.reader import Reader
from pipelines.ocr.settings import OcrSettings
from tests.support.written import PAGE, column, draw, write

pytestmark = pytest.mark.skipif(paddle.find_spec("paddleocr") is None, reason="the extra `paddle` is not installed")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("paddle"))


@pytest.fixture(scope="module")
def reader(cache: str) -> Reader:
    return load_paddle(OcrSettings(cache=cache), "cpu")


PAGES = {
    "level": write(),
    "upside down": write().transpose(Image.Transpose.ROTATE_180),
    "to the right": write().transpose(Image.Transpose.ROTATE_270),
    "slanted": write().rotate(6, fillcolor=(246, 244, 238)),
    "a column": column("欢迎光临本店营业", 100, 30, 40, (240, 420)),
    "small": write(PAGE[:1], (400, 60)),
    "nothing": Image.new("RGB", (320, 200), "white"),
}


def ordered(lines: list[RawLine]) -> list[RawLine]:
    return sorted(lines)


@pytest.mark.parametrize("kind", PAGES)
def test_both_engines_read_the_same(reader: Reader, kind: str) -> None:
    (ours,) = load_rapid(OcrSettings(), "cpu").read([PAGES[kind]])
    (theirs,) = reader.read([PAGES[kind]])
    ours, theirs = ordered(ours), ordered(theirs)
    assert [line.text for line in ours] == [line.text for line in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert np.abs(np.array(one.quad) - np.array(other.quad)).max() <= 1


def test_settings_reach_it(cache: str) -> None:
    settings = OcrSettings(det_side=128, det_side_type="max", box_threshold=0.8, unclip=1.2, cache=cache)
    (ours,) = load_rapid(settings, "cpu").read([write()])
    (theirs,) = load_paddle(settings, "cpu").read([write()])
    assert [line.text for line in ordered(ours)] == [line.text for line in ordered(theirs)]
    assert {line.text for line in ours} != {line.text for line in draw()[1]}


def test_images_of_several_sizes_read_together_read_alike(reader: Reader, cache: str) -> None:
    pages = [PAGES["level"], PAGES["nothing"], PAGES["small"], PAGES["level"]]
    together = load_paddle(OcrSettings(cache=cache, batch=4), "cpu").read(pages)
    assert [[line.text for line in page] for page in together] == [
        [line.text for line in page] for page in reader.read(pages)
    ]


def test_it_says_nothing_of_images_that_it_reduces(reader: Reader) -> None:
    said: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = said.append  # type: ignore[method-assign]
    library = logging.getLogger("paddlex")
    library.addHandler(handler)
    reader.read([Image.new("RGB", (5000, 100), "white")])
    library.removeHandler(handler)
    assert said == []


def test_models_are_laid_out_once(tmp_path: Path) -> None:
    settings = OcrSettings()
    folder = detector_folder(settings.det_path, settings, tmp_path)
    before = (folder / "inference.onnx").stat().st_mtime_ns
    assert detector_folder(settings.det_path, settings, tmp_path) == folder
    assert (folder / "inference.onnx").stat().st_mtime_ns == before
    assert name_of(folder) == DETECTOR
    assert name_of(recogniser_folder(settings.rec_path, tmp_path)) == RECOGNISER
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_of_the_users_is_taken_as_it_is(tmp_path: Path, reader: Reader) -> None:
    settings = OcrSettings()
    folder = recogniser_folder(settings.rec_path, tmp_path)
    mine = load_paddle(OcrSettings(rec_model=str(folder), cache=str(tmp_path)), "cpu")
    assert mine.read([PAGES["level"]]) == reader.read([PAGES["level"]])


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a model as PaddleOCR lays them out"):
        load_paddle(OcrSettings(det_model=str(tmp_path), cache=str(tmp_path / "cache")), "cpu")


@pytest.mark.parametrize("which", ["det_model", "rec_model"])
def test_a_file_that_is_no_model_is_named(tmp_path: Path, which: str) -> None:
    with pytest.raises(ValueError, match=r"test_paddle\.py cannot be loaded as an ONNX model"):
        load_paddle(OcrSettings(**{which: __file__}, cache=str(tmp_path)), "cpu")  # type: ignore[arg-type]


def test_a_recogniser_that_does_not_name_its_characters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not name its characters"):
        recogniser_folder(Path(resolve_weights(DETECTOR)), tmp_path)


@pytest.mark.skipif(paddle.find_spec("paddle") is not None, reason="paddlepaddle is installed")
def test_a_published_model_wants_paddlepaddle() -> None:
    settings = OcrSettings(det_name="PP-OCRv5_server_det")
    assert "pip install paddlepaddle" in (lacking(settings) or "")
    with pytest.raises(ImportError, match="pip install paddlepaddle"):
        load_paddle(settings, "cpu")


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paddle, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"shardmill\[paddle\]"):
        load_paddle(OcrSettings(), "cpu")


READ = """
import json, sys
from PIL import Image
from pipelines.ocr.paddle import load_paddle
from pipelines.ocr.settings import OcrSettings
lines = load_paddle(OcrSettings(cache=sys.argv[2]), "cpu").read([Image.open(sys.argv[1])])[0]
print("READ", json.dumps(sorted(line.text for line in lines)))
"""


def test_it_reaches_nobody_and_writes_into_its_cache_alone(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode:
        pytest.skip("a network namespace of one's own is not allowed here")
    write().save(tmp_path / "page.png")
    for name in ("home", "tmp", "here"):
        (tmp_path / name).mkdir()
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-c", READ, str(tmp_path / "page.png"), str(tmp_path / "cache")],
        cwd=tmp_path / "here",
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path / "home"),
            "TMPDIR": str(tmp_path / "tmp"),
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (said,) = [line for line in done.stdout.splitlines() if line.startswith("READ ")]
    assert json.loads(said.removeprefix("READ ")) == sorted(line.text for line in draw()[1])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "here", "home", "page.png", "tmp"]
    written = {name: [str(path) for path in (tmp_path / name).rglob("*")] for name in ("home", "tmp", "here")}
    assert written == {"home": [], "tmp": [], "here": []}

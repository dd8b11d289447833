"""RapidOCR's models on ONNX Runtime: what is read, and where it starts."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from pipelines.ocr.crops import _straight, _warped, cut, level
from pipelines.ocr.detection import working_size
from pipelines.ocr.models import DETECTOR, RECOGNISER, resolve_weights
from pipelines.ocr.protocol import RawLine
from pipelines.ocr.rapid import load_rapid
from pipelines.ocr.reader import Reader, Reading
from pipelines.ocr.settings import OcrSettings
from tests.support.written import Written, column, corners, draw, write

WITHIN = 14  # pixels: a quad is larger than the ink, by the more the longer it is


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load_rapid(OcrSettings(), "cpu")


def by_text(lines: list[RawLine]) -> dict[str, RawLine]:
    return {line.text: line for line in lines}


def off(line: RawLine, truth: np.ndarray) -> float:
    """Pixels that the farthest corner is off."""
    return float(np.abs(np.array(line.quad) - truth).max())


def test_what_stands_on_a_page_is_read_where_it_stands(reader: Reader) -> None:
    page, written = draw()
    (lines,) = reader.read([page])
    assert {line.text for line in lines} == {line.text for line in written}
    for truth in written:
        line = by_text(lines)[truth.text]
        assert off(line, corners(truth.box)) < WITHIN
        assert line.score > 0.95


# where a point of the upright page comes to lie on the turned one of 640 × 300
TURNS = {
    Image.Transpose.ROTATE_90: lambda x, y: (y, 640 - x),
    Image.Transpose.ROTATE_180: lambda x, y: (640 - x, 300 - y),
    Image.Transpose.ROTATE_270: lambda x, y: (300 - y, x),
}


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn.name)
def test_a_turned_line_begins_where_its_text_begins(reader: Reader, turn: Image.Transpose) -> None:
    (lines,) = reader.read([write().transpose(turn)])
    for truth in draw()[1]:
        expected = np.array([TURNS[turn](x, y) for x, y in corners(truth.box)])
        assert off(by_text(lines)[truth.text], expected) < WITHIN


def test_a_slanted_line_keeps_its_first_corner(reader: Reader) -> None:
    (line,) = (Written("Fresh coffee every day", (60, 120, 380, 155)),)
    page = write((("Fresh coffee every day", 60, 120, 28),), (500, 300)).rotate(-20, fillcolor=(246, 244, 238))
    (found,) = reader.read([page])[0]
    assert found.text == line.text
    (ax, ay), (bx, by), _, (dx, dy) = found.quad
    assert np.degrees(np.arctan2(by - ay, bx - ax)) == pytest.approx(20, abs=3)
    assert dy > ay and dx < ax


def test_a_word_that_reads_both_ways_is_turned_with_its_page(reader: Reader) -> None:
    lines = (*((f"The quick brown fox number {n}", 20, 20 + 60 * n, 28) for n in range(4)), ("xo op", 20, 260, 28))
    (found,) = reader.read([write(lines, (520, 320)).transpose(Image.Transpose.ROTATE_180)])
    assert {line.text for line in found} == {text for text, *_ in lines}


def test_a_column_of_characters_begins_at_its_top_left(reader: Reader) -> None:
    text = "欢迎光临本店营业"
    (line,) = reader.read([column(text, 100, 30, 40, (240, 420))])[0]
    assert line.text == text
    assert off(line, corners((100, 38, 140, 30 + 8 * 44))) < WITHIN


def test_never_turned_where_turning_is_off() -> None:
    reader = load_rapid(OcrSettings(turn_below=0), "cpu")
    (lines,) = reader.read([write().transpose(Image.Transpose.ROTATE_180)])
    assert not {line.text for line in lines} & {line.text for line in draw()[1]}


def test_an_image_without_text_leaves_before_anything_is_read() -> None:
    class Nothing:
        def find(self, images: object) -> list[np.ndarray]:
            return [np.zeros((0, 4, 2), np.int32)]

    class Untouched:
        def recognise(self, crops: object) -> list[Reading]:
            raise AssertionError("there is nothing to recognise")

    assert Reader(Nothing(), Untouched(), 0.9).read([Image.new("RGB", (64, 64))]) == [[]]


def test_images_and_lines_read_together_read_alike(reader: Reader) -> None:
    together = load_rapid(OcrSettings(batch=4), "cpu")
    pages = [write(), Image.new("RGB", (640, 300), "white"), write(size=(640, 310)), write().rotate(180)]
    for one, other in zip(reader.read(pages), together.read(pages), strict=True):
        assert [line.text for line in one] == [line.text for line in other]
        assert np.allclose([line.quad for line in one], [line.quad for line in other], atol=1)


def test_a_page_larger_than_the_cap_is_read_from_its_own_pixels(reader: Reader) -> None:
    page = write().resize((1280, 600), Image.Resampling.LANCZOS)
    (lines,) = load_rapid(OcrSettings(det_max_side=640), "cpu").read([page])
    assert {line.text for line in lines} == {line.text for line in draw()[1]}
    assert max(x for line in lines for x, _ in line.quad) > 640


@pytest.mark.parametrize(
    ("width", "height", "settings", "size"),
    [
        (640, 480, OcrSettings(), (640, 480)),
        (650, 470, OcrSettings(), (640, 480)),
        (20, 40, OcrSettings(), (64, 128)),
        (709, 132, OcrSettings(det_side=736), (3968, 736)),
        (3000, 100, OcrSettings(det_side=736), (4000, 128)),
        (1920, 1080, OcrSettings(det_side=960, det_side_type="max"), (960, 544)),
        (8000, 6000, OcrSettings(), (4000, 3008)),
    ],
)
def test_working_size(width: int, height: int, settings: OcrSettings, size: tuple[int, int]) -> None:
    assert working_size(width, height, settings) == size


@given(
    st.integers(1, 20_000),
    st.integers(1, 20_000),
    st.integers(32, 2000),
    st.sampled_from(["min", "max"]),
    st.integers(32, 4000),
)
def test_working_sizes_are_what_the_network_takes(width: int, height: int, side: int, kind: str, most: int) -> None:
    settings = OcrSettings(det_side=side, det_side_type=kind, det_max_side=most)  # type: ignore[arg-type]
    found = working_size(width, height, settings)
    assert all(value % 32 == 0 and 32 <= value <= most + 16 for value in found)


@given(st.floats(5, 300), st.floats(5, 300), st.floats(-80, 80), st.integers(1, 100))
def test_a_rectangles_corners_go_round_clockwise(width: float, height: float, degrees: float, at: int) -> None:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = level(corners((0, 0, width, height)) @ turn.T + at)
    x, y = points.T.astype(np.float64)
    assert (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() > 0


def test_a_crop_of_a_level_box_is_those_pixels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    crop = cut(image, np.array([[10, 20], [70, 20], [70, 40], [10, 40]]))
    assert np.array_equal(crop.pixels, image[20:40, 10:70])
    turned = crop.turned()
    assert np.array_equal(turned.pixels, image[20:40, 10:70][::-1, ::-1])
    assert turned.corners.tolist() == [[70, 40], [10, 40], [10, 20], [70, 20]]


@given(st.integers(0, 80), st.integers(0, 50), st.integers(4, 60), st.integers(4, 40))
def test_level_boxes_are_cut_as_slanted_ones_are(left: int, top: int, width: int, height: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 140, 3), np.uint8)
    box = level(corners((left, top, left + width, top + height)))
    assert np.array_equal(_straight(image, box), _warped(image, box))


@pytest.mark.parametrize("box", [(-3, 5, 20, 30), (100, 5, 141, 30), (5.5, 5, 20, 30), (5, 5, 5, 30)])
def test_boxes_that_leave_the_image_are_warped(box: tuple[float, float, float, float]) -> None:
    assert _straight(np.zeros((90, 140, 3), np.uint8), level(corners(box))) is None


def test_an_image_longer_than_opencv_warps_is_cut_as_a_part_of_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 40_000, 3), np.uint8)
    box = level(np.array([[30, 12], [100, 20], [98, 40], [28, 32]]))
    part = image[:, 30_000:30_140]
    assert np.array_equal(_warped(image, box + np.float32([30_000, 0])), _warped(part, box))


def test_weights_are_those_of_the_wheel() -> None:
    assert Path(resolve_weights(DETECTOR)).stat().st_size > 5_000_000
    assert Path(resolve_weights(RECOGNISER)).stat().st_size > 10_000_000


def test_weights_that_are_not_there_are_named() -> None:
    with pytest.raises(ValidationError, match="neither a file or folder of weights nor one of PP-OCRv6_small_det"):
        OcrSettings(det_model="PP-OCRv9")


def test_a_file_of_weights_is_taken(tmp_path: Path, reader: Reader) -> None:
    weights = tmp_path / "mine.onnx"
    weights.symlink_to(resolve_weights(RECOGNISER))
    settings = replace(OcrSettings(), rec_model=str(weights))
    assert load_rapid(settings, "cpu").read([write()]) == reader.read([write()])


def test_a_model_that_does_not_name_its_characters_is_refused() -> None:
    with pytest.raises(ValueError, match="metadata lacks `character`"):
        load_rapid(OcrSettings(rec_model=resolve_weights(DETECTOR)), "cpu")


def test_a_folder_of_weights_belongs_to_the_other_engine(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="take the engine paddle"):
        load_rapid(OcrSettings(det_model=str(tmp_path)), "cpu")


def test_a_gpu_that_this_runtime_does_not_know_is_said() -> None:
    with pytest.raises(ValueError, match="onnxruntime-gpu"):
        load_rapid(OcrSettings(), "cuda:0")


READ = """
import sys
from PIL import Image
from pipelines.ocr.rapid import load_rapid
from pipelines.ocr.settings import OcrSettings
print(len(load_rapid(OcrSettings(), "cpu").read([Image.open(sys.argv[1])])[0]))
"""


def test_it_leaves_nothing_in_the_users_folders(tmp_path: Path) -> None:
    """ONNX Runtime would keep what it reports to its makers there."""
    write().save(tmp_path / "page.png")
    folders = {name: tmp_path / name for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    for folder in folders.values():
        folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / "page.png")],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "PYTHONDONTWRITEBYTECODE": "1",
            **{name: str(folder) for name, folder in folders.items()},
        },
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [str(len(draw()[1]))], done.stderr
    assert [path for folder in folders.values() for path in folder.rglob("*")] == []

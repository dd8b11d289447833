"""`shardmill tokens`: what an image costs in each dialect, told from its header."""

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from jobs.tokens import ImageFileError, upright_size
from pipelines.chatml.dialects import DIALECTS
from tests.support.runs import shardmill

LARGE = "12845056"


def write_image(path: Path, size: tuple[int, int], kind: str = "PNG", orientation: int | None = None) -> Path:
    options = {}
    if orientation:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    Image.new("L", size).save(path, kind, **options)
    return path


def chunk(content: bytes) -> bytes:
    """A chunk of a PNG, of its type and data."""
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))


def costs(*arguments: str | Path) -> list[dict[str, Any]]:
    done = shardmill("tokens", "--json", *map(str, arguments))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_dialect_says_what_an_image_costs(tmp_path: Path) -> None:
    path = write_image(tmp_path / "photo.png", (800, 1300))
    (found,) = costs(path)
    assert (found["image"], found["width"], found["height"]) == (str(path), 800, 1300)
    assert list(found["dialects"]) == list(DIALECTS)
    assert found["dialects"]["internvl"] == {
        "max_pixels": None,
        "max_tiles": 12,
        "fits": True,
        "resized": [896, 1344],
        "tiles": [2, 3],
        "tokens": 1792,
        "tokens_with_marks": 1794,
    }


def test_worked_examples_of_the_qwen_processors(tmp_path: Path) -> None:
    small, wide = (write_image(tmp_path / f"{size}.png", size) for size in ((224, 224), (1920, 1080)))
    for qwen in ("qwen2_vl", "qwen2_5_vl"):
        of_small, of_wide = (image["dialects"][qwen] for image in costs(small, wide))
        assert (of_small["tokens"], of_small["tokens_with_marks"]) == (64, 66)
        assert (of_wide["resized"], of_wide["tiles"], of_wide["tokens"]) == ([1316, 728], None, 1222)


def test_budgets_are_what_is_asked_each_for_its_family(tmp_path: Path) -> None:
    path = write_image(tmp_path / "wide.png", (1920, 1080))
    (found,) = costs(path, "--max-pixels", LARGE, "--max-tiles", "6")
    assert found["dialects"]["qwen2_vl"]["resized"] == [1932, 1092]
    assert found["dialects"]["qwen2_vl"]["max_tiles"] is None
    assert (found["dialects"]["internvl"]["max_pixels"], found["dialects"]["internvl"]["max_tiles"]) == (None, 6)
    assert found["dialects"]["plain"] == {
        "max_pixels": None,
        "max_tiles": None,
        "fits": True,
        "resized": None,
        "tiles": None,
        "tokens": None,
        "tokens_with_marks": None,
    }


def test_a_shape_that_a_processor_refuses(tmp_path: Path) -> None:
    (found,) = costs(write_image(tmp_path / "line.png", (2001, 10)))
    assert found["dialects"]["qwen2_vl"]["fits"] is False
    assert found["dialects"]["qwen2_vl"]["tokens"] is None
    assert found["dialects"]["internvl"]["tokens"] == 3328


def test_a_table_for_people(tmp_path: Path) -> None:
    tiled, alone, line = (
        write_image(tmp_path / f"{name}.png", size)
        for name, size in {"tiled": (800, 1300), "alone": (512, 512), "line": (2001, 10)}.items()
    )
    done = shardmill("tokens", str(tiled), str(alone), str(line), "--max-pixels", LARGE)
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert f"{tiled}: 800 × 1300" in lines
    assert "internvl 12 tiles 896 × 1344 2 × 3 + thumbnail 1,792 1,794" in lines
    assert "internvl 12 tiles 448 × 448 1 × 1 256 258" in lines
    assert "qwen2_5_vl 12,845,056 px 504 × 504 – 324 326" in lines
    assert "qwen2_5_vl 12,845,056 px refused – – –" in lines
    assert "plain – unknown – – –" in lines


@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 7, 8])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_sizes_are_those_of_the_upright_image(tmp_path: Path, kind: str, orientation: int) -> None:
    path = write_image(tmp_path / "photo", (60, 40), kind, orientation)
    # from memory: Pillow 13 maps a grey TIFF on disk and forgets to turn it
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(path.read_bytes()))).size
    assert upright == ((40, 60) if orientation >= 5 else (60, 40))
    assert upright_size(path) == upright


def test_an_orientation_behind_the_pixels_of_a_png(tmp_path: Path) -> None:
    png = write_image(tmp_path / "photo.png", (60, 40)).read_bytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    block = chunk(b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0"))
    (tmp_path / "photo.png").write_bytes(png[:-12] + block + png[-12:])
    assert upright_size(tmp_path / "photo.png") == (40, 60)


def test_a_broken_exif_block_turns_nothing(tmp_path: Path) -> None:
    path = write_image(tmp_path / "photo.jpg", (60, 40), "JPEG", 6)
    # the orientation as a list of two
    broken = path.read_bytes().replace(b"\x12\x01\x03\x00\x01\x00\x00\x00", b"\x12\x01\x03\x00\x02\x00\x00\x00")
    broken = broken.replace(b"\x01\x12\x00\x03\x00\x00\x00\x01", b"\x01\x12\x00\x03\x00\x00\x00\x02")
    assert broken != path.read_bytes()
    path.write_bytes(broken)
    assert upright_size(path) == (60, 40)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pixels_are_not_looked_at(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "photo"
    Image.effect_noise((300, 200), 90).convert("RGB").save(path, kind)
    body = bytearray(path.read_bytes())
    half = len(body) // 2
    body[half:-64] = b"\x5a" * (len(body) - 64 - half)
    path.write_bytes(body)
    with Image.open(io.BytesIO(body)) as image:
        assert image.size == upright_size(path) == (300, 200)


def hollow_png(path: Path, size: tuple[int, int]) -> Path:
    """A PNG that announces a size and holds no pixel."""
    header = chunk(b"IHDR" + struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT") + chunk(b"IEND"))
    return path


def test_a_large_panorama_has_a_size_and_a_bomb_has_none(tmp_path: Path) -> None:
    assert upright_size(hollow_png(tmp_path / "large.png", (60_000, 2_000))) == (60_000, 2_000)
    with pytest.raises(ImageFileError, match=r"bomb\.png has more pixels than are decoded"):
        upright_size(hollow_png(tmp_path / "bomb.png", (60_000, 60_000)))


def test_all_files_that_are_no_images_are_named_and_nothing_is_printed(tmp_path: Path) -> None:
    good = write_image(tmp_path / "good.jpg", (60, 40), "JPEG")
    text, photoshop, cut = (tmp_path / name for name in ("notes.jpg", "layers.psd", "cut.jpg"))
    text.write_text("hello")
    photoshop.write_bytes(b"8BPS" + bytes(60))
    cut.write_bytes(good.read_bytes()[:30])
    missing = tmp_path / "missing.jpg"
    done = shardmill("tokens", *map(str, (good, text, photoshop, cut, missing, tmp_path)))
    assert (done.returncode, done.stdout) == (2, "")
    said = done.stderr.splitlines()
    assert [str(path) in line for path, line in zip((text, photoshop, cut, missing, tmp_path), said, strict=True)]
    for line, what in zip(said, ["no image", "psd", "damaged jpeg", "No such file", "directory"], strict=True):
        assert what in line
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("option", "value"), [("--max-pixels", "3135"), ("--max-tiles", "0"), ("--max-tiles", "129")])
def test_a_limit_that_no_family_can_keep(tmp_path: Path, option: str, value: str) -> None:
    done = shardmill("tokens", str(write_image(tmp_path / "photo.png", (60, 40))), option, value)
    assert (done.returncode, done.stdout) == (2, "")
    assert value in done.stderr
    assert "Traceback" not in done.stderr


def test_help_has_an_example() -> None:
    done = shardmill("tokens", "--help")
    assert done.returncode == 0
    assert "Example: shardmill tokens photo.jpg" in done.stdout


def test_a_missing_file_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match=r"none\.jpg"):
        upright_size(tmp_path / "none.jpg")

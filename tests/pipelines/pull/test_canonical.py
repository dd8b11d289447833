"""An image that every decoder reads alike keeps its bytes; any other comes out with the pixels that are its truth."""

import io
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image, PngImagePlugin

from pipelines.pull.canonical import Animation, Canonical, canonicalise, identify
from pipelines.stage import Verdict
from tests.pipelines.pull.mutants import interlaced_png
from tests.pipelines.pull.pictures import (
    STORED,
    Pixels,
    decoded,
    deep_tiff,
    exif,
    file,
    profile_of_white_ink,
    scene,
    textured,
)

MAX_PIXELS = 1_000_000


def canonical(body: bytes, animation: Animation = "first_frame") -> Canonical:
    outcome = judge(body, animation)
    assert isinstance(outcome, Canonical), outcome
    assert (outcome.width, outcome.height) == Image.open(io.BytesIO(outcome.image)).size
    return outcome


def reason(body: bytes, animation: Animation = "first_frame") -> str | None:
    outcome = judge(body, animation)
    return outcome.reason if isinstance(outcome, Verdict) else None


def judge(body: bytes, animation: Animation) -> Canonical | Verdict:
    found = identify(body, MAX_PIXELS)
    if isinstance(found, Verdict):
        return found
    return canonicalise(body, found, max_pixels=MAX_PIXELS, animation=animation)


def assert_like(body: bytes, truth: Pixels, within: int = 0) -> None:
    """Within so many levels everywhere: 0 for lossless files."""
    pixels = decoded(body)
    assert pixels.shape == truth.shape
    assert np.abs(pixels.astype(int) - truth).max() <= within


GREY = np.asarray(Image.fromarray(scene()).convert("L"))
PLAIN = {
    "jpeg": file(scene(), "JPEG"),
    "jpeg, progressive": file(scene(), "JPEG", progressive=True),
    "jpeg, grey": file(GREY, "JPEG"),
    "jpeg, no subsampling": file(scene(), "JPEG", subsampling=0),
    "jpeg, restart markers": file(scene(), "JPEG", restart_marker_blocks=3),
    "jpeg, RGB inside": file(scene(), "JPEG", keep_rgb=True),
    "jpeg, upright by EXIF": file(scene(), "JPEG", exif=exif(1)),
    "jpeg, orientation that does not exist": file(scene(), "JPEG", exif=exif(9)),
    "jpeg, bytes after its end": file(scene(), "JPEG") + b"and a text\n" * 99,
    "jpeg, one pixel": file(scene()[:1, :1], "JPEG"),
    "jpeg, one pixel high": file(scene(300, 48)[:1], "JPEG"),
    "png": file(scene(), "PNG"),
    "png, grey": file(GREY, "PNG"),
    "png, upright by EXIF": file(scene(), "PNG", exif=exif(1)),
    "webp": file(scene(), "WEBP"),
    "webp, lossless": file(scene(), "WEBP", lossless=True),
    "webp, upright by EXIF": file(scene(), "WEBP", exif=exif(1)),
}


@pytest.mark.parametrize("body", PLAIN.values(), ids=PLAIN.keys())
def test_what_every_decoder_reads_alike_keeps_its_bytes(body: bytes) -> None:
    kept = canonical(body)
    assert kept.image is body
    assert kept.steps == ""
    assert kept.frames == 1


def test_a_text_in_a_png_is_no_reason_to_touch_it() -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Software", "a camera")
    body = file(scene(), "PNG", pnginfo=texts)
    assert canonical(body).image is body


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_orientation_is_applied(kind: str, orientation: int) -> None:
    stored = np.ascontiguousarray(STORED[orientation](scene()))
    if kind == "TIFF":
        body = file(stored, kind, tiffinfo={0x0112: orientation})
    else:
        body = file(stored, kind, exif=exif(orientation), **({"quality": 95} if kind != "PNG" else {}))
    image = canonical(body)
    assert_like(image.image, scene(), within=0 if kind in ("PNG", "TIFF") else 12)
    assert not Image.open(io.BytesIO(image.image)).getexif()
    assert "exif_transpose" in image.steps


def test_a_grey_jpeg_is_turned_and_stays_grey() -> None:
    body = file(np.ascontiguousarray(STORED[6](GREY)), "JPEG", quality=95, exif=exif(6))
    assert_like(canonical(body).image, GREY, within=4)


def test_a_turned_jpeg_loses_no_colour_to_subsampling() -> None:
    image = canonical(file(scene(), "JPEG", exif=exif(3)))
    assert (image.format, image.steps) == ("jpeg", "exif_transpose,jpeg_q95")
    assert simplejpeg.decode_jpeg_header(image.image)[3] == "444"


def test_an_orientation_said_in_xmp_alone_is_applied_too() -> None:
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'
    body = file(np.ascontiguousarray(STORED[3](scene())), "JPEG", quality=95, xmp=xmp)
    assert_like(canonical(body).image, scene(), within=12)


BROKEN_EXIF = {
    "no directory": b"garbage!",
    "a directory that leaves the block": b"II*\0\x08\0\0\0\x09\0" + bytes(12),
    "a directory elsewhere": b"MM\0*\0\0\xff\xff",
    "an orientation of many numbers": b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\x3d\x01\0\x06\0\0",
    "an orientation that is a text": b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x01\x36\0\0\0",
}


@pytest.mark.parametrize("block", BROKEN_EXIF.values(), ids=BROKEN_EXIF.keys())
def test_an_exif_block_that_readers_disagree_on_is_cut_out_and_the_picture_stays(block: bytes) -> None:
    whole = file(scene(), "JPEG")
    segment = b"Exif\0\0" + block
    image = canonical(whole[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + whole[2:])
    assert image.image == whole
    assert image.steps == "exif_dropped"


def with_segments(body: bytes, *payloads: bytes) -> bytes:
    """A JPEG with these application segments (APP1) before anything else."""
    segments = (b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload for payload in payloads)
    return body[:2] + b"".join(segments) + body[2:]


BROKEN = b"Exif\0\0garbage!"
PACKETS = {said: b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="%d"/>' % said for said in (1, 3)}


def test_of_several_exif_blocks_the_first_speaks_and_the_others_are_cut_out() -> None:
    whole = file(scene(), "JPEG")
    upright = canonical(with_segments(whole, exif(1), exif(3)))
    assert (upright.image, upright.steps) == (with_segments(whole, exif(1)), "exif_dropped")
    broken = canonical(with_segments(whole, BROKEN, exif(3), exif(6)))
    assert (broken.image, broken.steps) == (whole, "exif_dropped")


def test_of_several_xmp_packets_the_first_speaks_and_the_others_are_cut_out() -> None:
    whole = file(scene(), "JPEG")
    image = canonical(with_segments(whole, PACKETS[1], PACKETS[3]))
    assert (image.image, image.steps) == (with_segments(whole, PACKETS[1]), "exif_dropped")


def test_exif_blocks_without_end_are_no_picture() -> None:
    whole = file(scene(), "JPEG")
    assert canonical(with_segments(whole, *[BROKEN] * 65)).image == whole
    assert reason(with_segments(whole, *[BROKEN] * 1_000_000)) == "truncated_image"


def test_xmp_speaks_where_the_exif_block_is_broken() -> None:
    stored = file(np.ascontiguousarray(STORED[3](scene())), "JPEG", quality=95)
    image = canonical(with_segments(stored, BROKEN, PACKETS[3]))
    assert_like(image.image, scene(), within=12)
    assert image.steps == "exif_dropped,exif_transpose,jpeg_q95"


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_png_with_such_a_block_is_written_anew() -> None:
    image = canonical(file(scene(), "PNG", exif=b"Exif\0\0" + BROKEN_EXIF["an orientation of many numbers"]))
    assert image.steps == "exif_dropped,png"
    assert_like(image.image, scene())


def rgba(alpha: Pixels) -> Pixels:
    return np.dstack([scene(), alpha])


def test_alpha_is_laid_on_white() -> None:
    alpha = np.tile(np.linspace(0, 255, 72).round().astype(np.uint8), (48, 1))
    weight = alpha[..., None] / 255
    truth = np.rint(scene() * weight + 255 * (1 - weight)).astype(np.uint8)
    for kind in ("PNG", "TIFF"):
        image = canonical(file(rgba(alpha), kind))
        assert_like(image.image, truth, within=1)
        assert image.steps == "alpha_on_white,png"
    assert_like(canonical(file(rgba(alpha), "WEBP", lossless=True, exact=True)).image, truth, within=1)
    lossy = canonical(file(rgba(alpha), "WEBP", quality=95))
    assert lossy.steps == "alpha_on_white,jpeg_q95"
    assert_like(lossy.image, truth, within=30)


def test_grey_with_alpha_is_laid_on_white() -> None:
    image = Image.merge("LA", [Image.fromarray(GREY), Image.new("L", (72, 48), 0)])
    assert (decoded(canonical(file(image, "PNG")).image) == 255).all()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_colour_declared_transparent_is_white(mode: str) -> None:
    pixels = scene().copy() if mode == "RGB" else GREY.copy()
    key = (1, 2, 3) if mode == "RGB" else 1
    pixels[:20, :30] = key
    body = file(pixels, "PNG", transparency=key)
    image = canonical(body)
    pixels[:20, :30] = 255
    assert_like(image.image, pixels if mode == "RGB" else np.dstack([pixels] * 3))


def test_a_palette_is_looked_up() -> None:
    image = Image.fromarray(scene()).quantize(16)
    truth = np.asarray(image.convert("RGB"))
    assert_like(canonical(file(image, "PNG")).image, truth)
    assert_like(canonical(file(image, "BMP")).image, truth)
    assert_like(canonical(file(image, "GIF")).image, truth)
    assert canonical(file(image, "PNG")).steps == "palette,png"


def test_a_transparent_entry_of_a_palette_is_white() -> None:
    image = Image.fromarray(scene()).quantize(16)
    indices = np.asarray(image)
    truth = np.asarray(image.convert("RGB")).copy()
    truth[indices == 3] = 255
    assert_like(canonical(file(image, "PNG", transparency=3)).image, truth)
    assert_like(canonical(file(image, "GIF", transparency=3)).image, truth)


def test_black_and_white_becomes_grey() -> None:
    image = Image.fromarray(GREY).convert("1")
    assert_like(canonical(file(image, "PNG")).image, np.asarray(image.convert("L")))


EVERY_LEVEL = np.arange(65536, dtype=np.uint16).reshape(256, 256)
SCALED = np.rint(np.arange(65536) * 255 / 65535).astype(np.uint8).reshape(256, 256)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_and_rounded(kind: str) -> None:
    image = canonical(file(Image.fromarray(EVERY_LEVEL), kind))
    assert_like(image.image, SCALED)
    assert image.steps == "scaled_16_bit,png"


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bit_colour_is_scaled_and_rounded(suffix: str) -> None:
    red, green, blue = EVERY_LEVEL, EVERY_LEVEL[::-1], EVERY_LEVEL.T
    body = cv2.imencode(suffix, np.dstack([blue, green, red]))[1].tobytes()
    image = canonical(body)
    assert_like(image.image, np.dstack([SCALED, SCALED[::-1], SCALED.T]))
    assert image.steps == "scaled_16_bit,png"


@pytest.mark.parametrize("orientation", STORED)
def test_a_16_bit_tiff_is_turned_once(orientation: int) -> None:
    upright = np.dstack([EVERY_LEVEL[:100], EVERY_LEVEL[100:200], EVERY_LEVEL[50:150]])
    image = canonical(deep_tiff(np.ascontiguousarray(STORED[orientation](upright)), orientation))
    assert_like(image.image, np.dstack([SCALED[:100], SCALED[100:200], SCALED[50:150]]))
    assert ("exif_transpose" in image.steps) == (orientation != 1)


def test_16_bit_alpha_is_laid_on_white() -> None:
    samples = np.dstack([EVERY_LEVEL] * 3 + [np.full_like(EVERY_LEVEL, 65535 // 3)])
    body = cv2.imencode(".png", samples)[1].tobytes()
    truth = np.rint(EVERY_LEVEL * (255 / 65535) / 3 + 255 * 2 / 3).astype(np.uint8)
    assert_like(canonical(body).image, np.dstack([truth] * 3), within=1)


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    """A PNG chunk by chunk, for what no encoder here writes."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    packed = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def test_a_16_bit_level_declared_transparent_is_white() -> None:
    rows = b"\0" + struct.pack(">3H", 0, 257, 65535)
    body = png(3, 1, 16, 0, rows, (b"tRNS", struct.pack(">H", 257)))
    assert decoded(canonical(body).image).tolist() == [[0, 255, 255]]


def test_a_16_bit_colour_declared_transparent_is_white() -> None:
    rows = b"\0" + struct.pack(">6H", 0, 0, 0, 257, 514, 771)
    body = png(2, 1, 16, 2, rows, (b"tRNS", struct.pack(">3H", 257, 514, 771)))
    assert decoded(canonical(body).image).tolist() == [[[0, 0, 0], [255, 255, 255]]]


def cmyk(profile: bytes | None = None) -> bytes:
    inks = np.random.default_rng(5).integers(0, 256, (3, 4, 4), np.uint8)
    smooth = cv2.resize(inks, (72, 48), interpolation=cv2.INTER_LINEAR)
    options = {"icc_profile": profile} if profile else {}
    return file(Image.fromarray(np.asarray(smooth, np.uint8), "CMYK"), "JPEG", quality=95, **options)


def test_cmyk_without_a_profile_is_ink_that_takes_light_away() -> None:
    body = cmyk()
    inks = decoded(body).astype(float)
    truth = np.rint((255 - inks[..., :3]) * (255 - inks[..., 3:]) / 255).astype(np.uint8)
    image = canonical(body)
    assert image.steps == "cmyk,jpeg_q95"
    assert_like(image.image, truth, within=12)


def test_cmyk_goes_through_its_profile() -> None:
    image = canonical(cmyk(profile_of_white_ink()))
    assert image.steps == "cmyk_icc,jpeg_q95"
    assert_like(image.image, np.full((48, 72, 3), 255, np.uint8), within=1)


def test_cmyk_with_a_broken_profile_is_read_as_if_it_had_none() -> None:
    assert canonical(cmyk(b"no profile at all")).steps == "cmyk,jpeg_q95"


def animated(kind: str) -> bytes:
    first, second, third = (Image.fromarray(scene(seed=seed)) for seed in range(3))
    options = {"lossless": True} if kind == "WEBP" else {}
    return file(first, kind, save_all=True, append_images=[second, third], **options)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_stays_or_none(kind: str) -> None:
    body = animated(kind)
    image = canonical(body)
    assert image.frames == 3
    assert image.steps.startswith("first_frame")
    first = Image.open(io.BytesIO(body))
    assert_like(image.image, np.asarray(first.convert("RGB")))
    outcome = judge(body, "reject")
    assert outcome == Verdict("animated", 3.0)


def test_a_still_gif_is_no_animation() -> None:
    image = canonical(file(Image.fromarray(scene()).quantize(16), "GIF"), "reject")
    assert (image.format, image.frames, image.steps) == ("png", 1, "palette,png")


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_lossless_files_become_png(kind: str) -> None:
    image = canonical(file(scene(), kind))
    assert (image.format, image.steps) == ("png", "png")
    assert_like(image.image, scene())


def test_avif_becomes_jpeg() -> None:
    image = canonical(file(scene(), "AVIF", quality=90))
    assert (image.format, image.steps) == ("jpeg", "jpeg_q95")
    assert_like(image.image, scene(), within=25)


def test_signals_hardly_depend_on_the_format() -> None:
    as_jpeg, as_png = canonical(file(textured(), "JPEG", quality=95)), canonical(file(textured(), "PNG"))
    assert (as_jpeg.phash ^ as_png.phash).bit_count() <= 4
    assert as_jpeg.uniformity == pytest.approx(as_png.uniformity, rel=0.05)


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
NOT_READ = {
    "heic": HEIC,
    "heic among the compatible brands": b"\0\0\0\x18ftypmsf9\0\0\0\0mif1heic" + bytes(100),
    "jpeg 2000": file(scene(), "JPEG2000"),
    "jpeg xl": b"\xff\x0a" + bytes(50),
    "ico": file(scene(), "ICO"),
    "psd": b"8BPS\0\1" + bytes(50),
    "netpbm": file(scene(), "PPM"),
    "jpeg, arithmetic coding": PLAIN["jpeg"].replace(b"\xff\xc0", b"\xff\xc9", 1),
    "jpeg, 12 bits": PLAIN["jpeg"].replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c", 1),
    "tiff, floating point": file(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"),
}


@pytest.mark.parametrize("body", NOT_READ.values(), ids=NOT_READ.keys())
def test_formats_that_are_not_read_are_called_so(body: bytes) -> None:
    assert reason(body) == "unsupported_format"


NO_IMAGES = {
    "html": b"<!doctype html><p>gone fishing</p>",
    "svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "json": b'{"error": 1}',
    "text that begins like a BMP": b"BMW builds cars and motorcycles",
    "zeros": bytes(1000),
    "one byte": b"\xff",
    "a video": b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(100),
    "a WAV file": b"RIFF\0\0\0\0WAVEfmt ",
}


@pytest.mark.parametrize("body", NO_IMAGES.values(), ids=NO_IMAGES.keys())
def test_what_is_no_image_is_called_so(body: bytes) -> None:
    assert reason(body) == "not_an_image"


def test_the_pixel_cap_is_read_from_the_header() -> None:
    size = (1001, 1000)
    blank = Image.new("L", size)
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"):
        outcome = judge(file(blank if kind != "WEBP" else blank.convert("RGB"), kind), "first_frame")
        assert isinstance(outcome, Verdict), kind
        assert (outcome.reason, outcome.value) == ("too_many_pixels", 1_001_000), kind
    exactly = canonical(file(blank.crop((0, 0, 1000, 1000)), "JPEG"))
    assert exactly.width == 1000


def test_a_header_may_announce_anything_and_nothing_is_allocated() -> None:
    announced = png(2**31 - 1, 2**31 - 1, 16, 6, b"")
    outcome = judge(announced, "first_frame")
    assert isinstance(outcome, Verdict)
    assert (outcome.reason, outcome.value) == ("too_many_pixels", float((2**31 - 1) ** 2))


def test_pillows_own_alarm_is_a_pixel_cap_too() -> None:
    bmp = bytearray(file(scene(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 60_000, 60_000)
    outcome = judge(bytes(bmp), "first_frame")
    assert isinstance(outcome, Verdict)
    assert (outcome.reason, outcome.value) == ("too_many_pixels", 3.6e9)


def test_no_side_may_be_longer_than_a_jpeg_can_have() -> None:
    assert reason(file(Image.new("L", (65_501, 1)), "PNG")) == "too_many_pixels"
    assert canonical(file(Image.new("1", (65_500, 1)), "PNG")).width == 65_500


def test_a_jpeg_of_a_thousand_empty_scans_is_not_decoded() -> None:
    body = file(scene(), "JPEG", progressive=True)
    scan = b"\xff\xda\0\x08\x01\x01\0\x01\x3f\0"
    assert reason(body[:-2] + scan * 1000 + body[-2:]) == "truncated_image"


def test_a_gif_frame_that_outgrows_its_canvas_is_held_to_the_cap() -> None:
    gif = bytearray(file(Image.fromarray(scene()).quantize(4), "GIF"))
    at = gif.index(b"\x2c\0\0\0\0")
    gif[at + 5 : at + 9] = struct.pack("<HH", 9000, 9000)
    assert reason(bytes(gif)) == "too_many_pixels"


def test_rare_subsampling_is_rewritten() -> None:
    body = bytearray(file(scene(), "JPEG", subsampling=0, quality=95))
    at = body.index(b"\xff\xc0")
    body[at + 14] = 0x21  # the second component twice as wide as the first
    outcome = judge(bytes(body), "first_frame")
    assert isinstance(outcome, Verdict) or outcome.steps == "subsampling,jpeg_q95"


HEAVY = {
    "16 bits": lambda pixels: cv2.imencode(".png", pixels.astype(np.uint16))[1].tobytes(),
    "16 bits, TIFF": lambda pixels: deep_tiff(pixels.astype(np.uint16), 1),
    "CMYK": lambda pixels: file(Image.fromarray(pixels).convert("CMYK"), "JPEG"),
    "WebP with alpha": lambda pixels: file(np.dstack([pixels, pixels[..., 0]]), "WEBP"),
    "AVIF": lambda pixels: file(pixels, "AVIF", speed=10),
}


@pytest.mark.parametrize("make", HEAVY.values(), ids=HEAVY.keys())
def test_what_takes_twice_the_memory_may_have_half_the_pixels(make: Callable[[Pixels], bytes]) -> None:
    body = make(scene())

    def outcome(max_pixels: int) -> Canonical | Verdict:
        found = identify(body, max_pixels)
        if isinstance(found, Verdict):
            return found
        return canonicalise(body, found, max_pixels=max_pixels, animation="first_frame")

    assert isinstance(outcome(2 * 72 * 48), Canonical)
    refused = outcome(2 * 72 * 48 - 1)
    assert isinstance(refused, Verdict)
    assert (refused.reason, refused.value) == ("too_many_pixels", 72 * 48)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "interlaced"])
def test_a_large_png_is_no_bomb(mode: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (999, 999, 3), np.uint8)
    image = Image.fromarray(noise)
    body = interlaced_png(noise) if mode == "interlaced" else file(image.convert(mode), "PNG", compress_level=1)
    assert len(body) > 2_200_000
    assert reason(body) is None

"""A damaged file is rejected, or its pixels are those of the whole file: never kept with pixels made up."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.pull.canonical import Canonical, canonicalise, identify
from pipelines.stage import Verdict
from tests.pipelines.pull.pictures import Pixels, decoded, exif, file, scene

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

GREY = np.asarray(Image.fromarray(scene()).convert("L"))
FILES = {
    "jpeg": file(scene(), "JPEG"),
    "jpeg, progressive": file(scene(), "JPEG", progressive=True),
    "jpeg, restart markers": file(scene(), "JPEG", restart_marker_blocks=2),
    "jpeg, grey": file(GREY, "JPEG"),
    "jpeg, turned": file(scene(), "JPEG", exif=exif(6)),
    "jpeg, cmyk": file(Image.fromarray(np.dstack([scene(), GREY]), "CMYK"), "JPEG"),
    "png": file(scene(), "PNG"),
    "png, turned": file(scene(), "PNG", exif=exif(6)),
    "png, palette": file(Image.fromarray(scene()).quantize(16), "PNG"),
    "png, 16 bits": file(Image.fromarray(GREY.astype(np.uint16) * 257), "PNG"),
    "webp": file(scene(), "WEBP"),
    "webp, lossless": file(scene(), "WEBP", lossless=True),
    "webp, alpha": file(np.dstack([scene(), GREY]), "WEBP"),
    "gif": file(Image.fromarray(scene()).quantize(16), "GIF"),
    "bmp": file(scene(), "BMP"),
    "tiff": file(scene(), "TIFF"),
    "tiff, deflated": file(scene(), "TIFF", compression="tiff_deflate"),
    "avif": file(scene(), "AVIF"),
}
KEPT_FORMATS = ("jpeg", "png", "webp")


def judge(body: bytes) -> Canonical | Verdict:
    found = identify(body, 10**6)
    return found if isinstance(found, Verdict) else canonicalise(body, found, max_pixels=10**6, animation="first_frame")


@functools.cache
def whole(name: str) -> Pixels:
    outcome = judge(FILES[name])
    assert isinstance(outcome, Canonical)
    return decoded(outcome.image)


def assert_never_made_up(name: str, cut: int) -> None:
    outcome = judge(FILES[name][:cut])
    if isinstance(outcome, Canonical):
        assert not name.startswith(KEPT_FORMATS), f"cut at {cut} of {len(FILES[name])}"
        assert np.array_equal(decoded(outcome.image), whole(name)), f"cut at {cut} of {len(FILES[name])}"
    else:
        assert outcome.reason in ("truncated_image", "not_an_image"), outcome


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.floats(0, 1, exclude_max=True))
def test_no_proper_prefix_passes_for_the_whole(name: str, share: float) -> None:
    assert_never_made_up(name, int(share * len(FILES[name])))


@pytest.mark.parametrize("name", FILES)
def test_nothing_passes_that_lacks_its_last_bytes(name: str) -> None:
    for missing in range(1, 24):
        assert_never_made_up(name, len(FILES[name]) - missing)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_no_prefix_at_all_passes_for_the_whole(name: str) -> None:
    for cut in range(len(FILES[name])):
        assert_never_made_up(name, cut)


def test_a_jpeg_without_its_end_marker_is_truncated() -> None:
    outcome = judge(FILES["jpeg"][:-2])
    assert isinstance(outcome, Verdict)
    assert outcome.reason == "truncated_image"


def test_a_jpeg_whose_end_was_glued_to_its_first_half_is_truncated() -> None:
    body = FILES["jpeg"]
    outcome = judge(body[: len(body) * 3 // 4] + b"\xff\xd9")
    assert isinstance(outcome, Verdict)
    assert outcome.reason == "truncated_image"


def test_stray_bytes_before_the_end_marker_harm_nothing() -> None:
    body = FILES["jpeg, progressive"]
    outcome = judge(body[:-2] + bytes(7) + body[-2:])
    assert isinstance(outcome, Canonical)


def test_a_png_with_a_wrong_checksum_is_refused() -> None:
    body = bytearray(FILES["png"])
    body[body.index(b"IDAT") + 40] ^= 1
    outcome = judge(bytes(body))
    assert isinstance(outcome, Verdict)
    assert outcome.reason == "truncated_image"


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_mutations_end_as_a_verdict_or_an_image(name: str, data: st.DataObject) -> None:
    body = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 6))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    outcome = judge(bytes(body))
    if isinstance(outcome, Canonical):
        assert decoded(outcome.image).shape[:2] == (outcome.height, outcome.width)

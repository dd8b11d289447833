"""What near duplicates are found at which distance, on pictures made here: the table of docs/quality.md.

    python -m benchmarks.near_duplicate_quality [--distinct 2000] [--distances 2 3 4 5 6 8]

Distinct pictures are of four kinds, each drawn from its number alone: *leaves* (overlapping shapes with texture, whose
statistics are those of photographs: Lee, Mumford, Huang, "Occlusion models for natural images", 2001), *landscape*
(cloud-like fields above each other), *product* (a few solids on white), *page* (paragraphs of type). Of each, copies
of every sort are made as files and hashed as pull does. *Merged* are distinct pictures in a group with another.
"""

import argparse
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipelines.pull.canonical import Canonical, Found, canonicalise, identify
from pipelines.sets.near_groups import near_groups

Hashes = NDArray[np.uint64]
Random = np.random.Generator
PHOTOGRAPHIC = ("leaves", "landscape")
KINDS = (*PHOTOGRAPHIC, "product", "page")
_SIZES = ((480, 360), (360, 480), (512, 512), (640, 400), (600, 420))
_MAX_PIXELS = 10_000_000


def picture(kind: str, number: int) -> Image.Image:
    """The distinct picture of that kind and number."""
    random = np.random.default_rng([KINDS.index(kind), number])
    width, height = _SIZES[int(random.integers(len(_SIZES)))]
    return _DRAW[kind](random, width, height)


def _leaves(random: Random, width: int, height: int) -> Image.Image:
    image = Image.new("RGB", (width, height), _colour(random))
    pen = ImageDraw.Draw(image)
    radii = np.sort(1 / np.sqrt(random.uniform(1 / 200**2, 1 / 12**2, 250)))[::-1]  # as in nature: p(r) ∝ r⁻³
    for radius in radii.tolist():
        x, y = random.uniform(0, width), random.uniform(0, height)
        stretch = random.uniform(0.5, 1)
        pen.ellipse((x - radius, y - radius * stretch, x + radius, y + radius * stretch), fill=_colour(random))
    return _with_grain(image, random, 8)


def _landscape(random: Random, width: int, height: int) -> Image.Image:
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    frequency[0, 0] = 1
    layers = []
    for _ in range(3):
        spectrum = np.fft.fft2(random.standard_normal((height, width))) / frequency ** random.uniform(1, 1.5)
        field = np.real(np.fft.ifft2(spectrum))
        layers.append(128 + 50 * (field - field.mean()) / field.std())
    return Image.fromarray(np.clip(np.stack(layers, -1), 0, 255).astype(np.uint8))


def _product(random: Random, width: int, height: int) -> Image.Image:
    image = Image.new("RGB", (width, height), (252, 252, 252))
    pen = ImageDraw.Draw(image)
    for _ in range(int(random.integers(3, 8))):
        centre = random.uniform((0.25 * width, 0.25 * height), (0.75 * width, 0.75 * height))
        corners = centre + random.uniform(-0.3, 0.3, (int(random.integers(3, 7)), 2)) * min(width, height)
        pen.polygon([tuple(corner) for corner in corners.tolist()], fill=_colour(random))
    return image


def _page(random: Random, width: int, height: int) -> Image.Image:
    image = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)
    line, y = 14, int(random.integers(15, 40))
    while y < height - 20:
        for _ in range(int(random.integers(1, 7))):
            words = "".join(" " if one == 0 else chr(97 + one) for one in random.integers(0, 26, 200))
            end = random.uniform(0.4, 1) if random.random() < 0.3 else 1.0
            pen.text((25, y), words[: int((width - 50) / 6 * end)], fill="black")
            y += line
        if random.random() < 0.3:
            pen.rectangle((25, y + 5, random.uniform(0.5, 1) * (width - 25), y + 70), fill=_colour(random))
            y += 75
        y += int(random.integers(5, 25))
    return image


_DRAW: dict[str, Callable[[Random, int, int], Image.Image]] = {
    "leaves": _leaves,
    "landscape": _landscape,
    "product": _product,
    "page": _page,
}


def _colour(random: Random) -> tuple[int, int, int]:
    red, green, blue = random.integers(0, 230, 3).tolist()
    return red, green, blue


def _with_grain(image: Image.Image, random: Random, amount: float) -> Image.Image:
    noisy = np.asarray(image) + random.normal(0, amount, (image.height, image.width, 1))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def _jpeg(image: Image.Image, quality: int = 90) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _resized(image: Image.Image, factor: float) -> Image.Image:
    size = (round(image.width * factor), round(image.height * factor))
    return image.resize(size, Image.Resampling.BICUBIC)


def _cropped(image: Image.Image, share: float, random: Random) -> Image.Image:
    """Up to `share` of the width and of the height is cut off, divided at random between the sides."""
    left, right = np.diff(np.sort(random.uniform(0, share * image.width, 2)), prepend=0)[:2]
    top, bottom = np.diff(np.sort(random.uniform(0, share * image.height, 2)), prepend=0)[:2]
    return image.crop((round(left), round(top), image.width - round(right), image.height - round(bottom)))


def _watermarked(image: Image.Image, random: Random) -> Image.Image:
    """A half transparent line of type, a twelfth of the height, somewhere in the lower half."""
    layer = Image.new("RGBA", image.size, (255, 255, 255, 0))
    place = (random.uniform(0.05, 0.4) * image.width, random.uniform(0.5, 0.85) * image.height)
    ImageDraw.Draw(layer).text(place, "© example.org", fill=(255, 255, 255, 128), font_size=image.height / 12)
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


COPIES: dict[str, Callable[[Image.Image, Random], bytes]] = {
    "re-encoded, JPEG quality 95": lambda image, _: _jpeg(image, 95),
    "re-encoded, JPEG quality 75": lambda image, _: _jpeg(image, 75),
    "re-encoded, JPEG quality 40": lambda image, _: _jpeg(image, 40),
    "resized × 0.3": lambda image, _: _jpeg(_resized(image, 0.3)),
    "resized × 0.5": lambda image, _: _jpeg(_resized(image, 0.5)),
    "resized × 0.8": lambda image, _: _jpeg(_resized(image, 0.8)),
    "resized × 1.5": lambda image, _: _jpeg(_resized(image, 1.5)),
    "resized × 2": lambda image, _: _jpeg(_resized(image, 2)),
    "resized × 0.3–2 and quality 40–95": lambda image, random: _jpeg(
        _resized(image, random.uniform(0.3, 2)), int(random.integers(40, 96))
    ),
    "grey-scaled": lambda image, _: _jpeg(image.convert("L")),
    "watermarked": lambda image, random: _jpeg(_watermarked(image, random)),
    "cropped by up to 2 %": lambda image, random: _jpeg(_cropped(image, 0.02, random)),
    "cropped by up to 5 %": lambda image, random: _jpeg(_cropped(image, 0.05, random)),
}
FAITHFUL = tuple(name for name in COPIES if name.startswith(("re-encoded", "resized")))
"""Copies that show all of the picture, and nothing else."""


def hash_of(body: bytes) -> int:
    """The perceptual hash that pull gives a file."""
    found = identify(body, _MAX_PIXELS)
    assert isinstance(found, Found)
    image = canonicalise(body, found, max_pixels=_MAX_PIXELS, animation="reject")
    assert isinstance(image, Canonical)
    return image.phash


def hashes_of(kind: str, number: int, copies: Sequence[str]) -> list[int]:
    """Hashes of a distinct picture and of its copies."""
    image = picture(kind, number)
    random = np.random.default_rng([number, 42])
    return [hash_of(_jpeg(image)), *(hash_of(COPIES[name](image, random)) for name in copies)]


def measure(kinds: Sequence[str], distinct: int, copies: Sequence[str] = tuple(COPIES), processes: int = 2) -> Hashes:
    """Hashes of so many pictures, of each kind alike: a row a picture, the original's first, then that of each copy."""
    of_each = distinct // len(kinds)
    with ProcessPoolExecutor(processes) as pool:
        wanted = [kind for kind in kinds for _ in range(of_each)], list(range(of_each)) * len(kinds)
        return np.array(list(pool.map(partial(hashes_of, copies=copies), *wanted, chunksize=20)), np.uint64)


def recall(hashes: Hashes, copies: Sequence[str], distance: int) -> dict[str, float]:
    """Share of the copies of each sort that are within the distance of their original; `hashes` as measured."""
    apart = np.bitwise_count(hashes[:, 1:] ^ hashes[:, :1])
    return dict(zip(copies, (apart <= distance).mean(0).tolist(), strict=True))


def merged(hashes: Hashes, distance: int) -> int:
    """Distinct pictures that share a group with another one, all hashes of each being there as links."""
    names = near_groups(hashes.ravel(), distance)
    rows = np.repeat(np.arange(len(hashes)), hashes.shape[1])
    pairs = np.unique(np.stack([names, rows.astype(np.uint64)]), axis=1)
    groups, counts = np.unique(pairs[0], return_counts=True)
    return len(np.unique(pairs[1][np.isin(pairs[0], groups[counts > 1])]))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--distinct", type=int, default=2000)
    parser.add_argument("--distances", type=int, nargs="+", default=[2, 3, 4, 5, 6, 8])
    given = parser.parse_args()
    distances = given.distances
    print(f"| {given.distinct:,} photograph-like pictures | " + " | ".join(f"{one} bits" for one in distances) + " |")
    print("|---" * (len(distances) + 1) + "|")
    hashes = measure(PHOTOGRAPHIC, given.distinct)
    found = [recall(hashes, tuple(COPIES), distance) for distance in distances]
    for name in COPIES:
        _row(f"found: {name}", [f"{one[name]:.4f}" for one in found])
    _row("merged", [str(merged(hashes[:, :1], distance)) for distance in distances])
    _row("merged, all copies being there", [str(merged(hashes, distance)) for distance in distances])
    for kind in KINDS:
        hashes = measure((kind,), given.distinct // 2, FAITHFUL)
        found = [recall(hashes, FAITHFUL, distance) for distance in distances]
        _row(f"{given.distinct // 2:,} × {kind}: merged", [str(merged(hashes[:, :1], one)) for one in distances])
        _row(f"{kind}: re-encoded or resized, found", [f"{np.mean(list(one.values())):.4f}" for one in found])


def _row(name: str, cells: Sequence[str]) -> None:
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()

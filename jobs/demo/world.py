"""The demo's input: a web of some hundred images, good and bad, a table of its URLs, and the truth about every row.

    FOLDER/www/**              what the server serves (`jobs.demo.web`)
    FOLDER/behaviours.json     how single paths answer
    FOLDER/reference/*.png     true pixels of the images whose bytes cannot be kept
    FOLDER/truth.jsonl         one `jobs.demo.truth.Truth` a row
    FOLDER/pairs.parquet       the URL table; written last, so where it is, all is

Equal arguments give equal bytes.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from jobs.demo.misfits import add_misfits
from jobs.demo.odd_pixels import add_odd_pixels
from jobs.demo.pages import pages
from jobs.demo.photographs import CaptionedView, captioned_views
from jobs.demo.site import CC0, Site, jpeg, picture, png, sha256, webp
from jobs.demo.truth import Truth, write_truth
from jobs.demo.web import write_behaviours
from jobs.store.files import publish, temporary_of

DEMO_LIMITS: Final = MappingProxyType(
    {"deadline_s": 4.0, "max_bytes": 4_000_000, "max_ratio": 6.0, "min_side": 64, "min_bytes": 1000}
)
"""What the demo recipe holds images to, and the truth is told by: seconds, bytes, ratio of the sides, pixels, bytes."""


@dataclass(frozen=True, slots=True)
class World:
    """A built world."""

    folder: Path
    base_url: str
    truth: tuple[Truth, ...]
    """in the order of the URL table"""

    @property
    def pairs(self) -> Path:
        """The URL table: url, caption, license, similarity, collection."""
        return self.folder / "pairs.parquet"


def build(folder: Path, *, base_url: str, rows: int = 300, seed: int = 1, flaky: bool = True) -> World:
    """Draw, encode and write a world of `rows` rows that will be served at `base_url`.

    All misfits and pages of text are always there; the other rows are photographs and scenes by halves, and scenes
    alone once the photographs are used up. With `flaky`, two pages answer 503 to the first request and well to the
    next; without, they answer well at once, so that no verdict depends on how often a page was asked.

    Raises ValueError (fewer rows than misfits and pages) and `jobs.demo.photographs.MissingPhotographsError`.
    """
    site = Site(folder, base_url, seed)
    add_misfits(site, flaky=flaky)
    add_odd_pixels(site)
    _add_pages(site)
    spare = rows - len(site.rows)
    if spare < 0:
        raise ValueError(f"{rows} rows are too few: misfits and pages alone are {len(site.rows)}")
    rng = random.Random(f"{seed}:world")
    views = tuple(captioned_views())
    photographs = rng.sample(views, min(len(views), spare // 2))
    for view in photographs:
        _add_photograph(site, view)
    for number in range(spare - len(photographs)):
        _add_shapes(site, number)

    rng.shuffle(site.rows)
    truth = tuple(replace(row, row=number) for number, row in enumerate(site.rows))
    write_behaviours(folder, site.behaviours)
    write_truth(folder / "truth.jsonl", truth)
    world = World(folder, site.base_url, truth)
    _write_pairs(world.pairs, truth, rng)
    return world


def _add_pages(site: Site) -> None:
    for page, body in pages():
        width, height = Image.open(page.file).size
        site.add(
            url=site.put(f"/pages/{page.name}.png", body),
            caption=page.caption,
            license=CC0,
            collection="pages",
            kind="pages",
            width=width,
            height=height,
            sha256=sha256(body),
            as_served=True,
            lines=page.lines,
        )


def _add_photograph(site: Site, view: CaptionedView) -> None:
    """Each caption of a view gets an encoding and a size of its own, so that no two files are alike."""
    image, suffix, body = _encoded(view)
    site.add(
        url=site.put(f"/photographs/{view.photograph.name}-{view.view}-{view.variant}.{suffix}", body),
        caption=view.caption,
        license=view.photograph.license,
        collection="photographs",
        kind="photographs",
        width=image.width,
        height=image.height,
        sha256=sha256(body),
        as_served=True,
    )


def _encoded(view: CaptionedView) -> tuple[Image.Image, str, bytes]:
    match view.variant:
        case 0:
            return view.image, "jpg", jpeg(view.image, 92)
        case 1:
            image = _scaled(view.image, 0.75)
            return image, "jpg", jpeg(image, 85)
        case 2:
            image = _scaled(view.image, 0.9)
            return image, "webp", webp(image, quality=88)
        case _:
            image = _scaled(view.image, 0.6)
            return image, "png", png(image)


def _scaled(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS)


def _add_shapes(site: Site, number: int) -> None:
    scene = site.scene()
    image = picture(scene)
    match number % 5:
        case 3:
            suffix, body = "webp", webp(image, lossless=True)
        case 4:
            suffix, body = "jpg", jpeg(image, subsampling=0)
        case _:
            suffix, body = "png", png(image)
    if len(body) < DEMO_LIMITS["min_bytes"]:
        suffix, body = "jpg", jpeg(image, subsampling=0)  # the plainest drawings are too small for the recipe as PNG
    site.add_scene(f"/shapes/{number:04d}.{suffix}", body, scene, collection="shapes", kind="shapes")


def _write_pairs(file: Path, truth: Sequence[Truth], rng: random.Random) -> None:
    table = pa.table(
        {
            "url": pa.array([row.url for row in truth], pa.string()),
            "caption": pa.array([row.caption for row in truth], pa.string()),
            "license": pa.array([row.license for row in truth], pa.string()),
            # stands in for the similarity score that LAION's tables carry; it is drawn by lot and means nothing
            "similarity": pa.array([round(rng.uniform(0.24, 0.4), 4) for _ in truth], pa.float64()),
            "collection": pa.array([row.collection for row in truth], pa.string()),
        }
    )
    temporary = temporary_of(file, "world")
    pq.write_table(table, temporary)
    publish(temporary, file)

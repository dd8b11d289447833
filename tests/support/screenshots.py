"""Takes the pictures of docs/images anew: ``python -m tests.support.screenshots RUN``, over a finished demo."""

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import Image
from playwright.sync_api import Page

from jobs.review import ReviewOptions, review
from jobs.show import show
from tests.support.chromium import Chromium

IMAGES = Path("docs/images")
_COLOURS = 128


def main(run: Path) -> None:
    """Write every picture."""
    chromium = Chromium()
    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder)
        show(run, str(_with_boxes(run)), pages / "row.html")
        review(ReviewOptions(run, "ground", 20, 1, pages / "review.html"))
        card = run / "dataset/card.html"
        shots: dict[str, tuple[Path, Callable[[Page], bytes], dict[str, Any]]] = {
            "card": (card, _top, {"width": 1100}),
            "card-samples": (card, _samples, {"width": 1100}),
            "card-phone-dark": (card, _images, {"width": 390, "dark": True}),
            "row": (pages / "row.html", _image, {"width": 900}),
            "review": (pages / "review.html", _mark, {"width": 900}),
        }
        for name, (path, act, how) in shots.items():
            _save(chromium.visit(path, act, **how), IMAGES / f"{name}.png")
    chromium.close()


def _with_boxes(run: Path) -> int:
    """The first row with three boxes or more."""
    rows = (
        row
        for file in sorted((run / "layers/ground").glob("*.parquet"))
        for row in pq.read_table(file, columns=["id", "regions"]).to_pylist()
    )
    return next(int(row["id"]) for row in rows if len(row["regions"] or []) >= 3)


def _top(page: Page) -> bytes:
    return page.screenshot()


def _image(page: Page) -> bytes:
    page.evaluate("document.querySelector('h2').scrollIntoView()")  # above it stands where the run lies
    return page.screenshot()


def _samples(page: Page) -> bytes:
    """Without the demo's photographs, which are of others."""
    page.evaluate("document.querySelectorAll('#samples li img').forEach(image => image.closest('li').remove())")
    page.evaluate("document.getElementById('samples').scrollIntoView()")
    return page.screenshot()


def _images(page: Page) -> bytes:
    page.evaluate("document.getElementById('images').scrollIntoView()")
    return page.screenshot()


def _mark(page: Page) -> bytes:
    page.keyboard.press("y")
    return page.screenshot()


def _save(shot: bytes, path: Path) -> None:
    """A small file: few colours, and only what is needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(shot)) as opened:
        opened.convert("RGB").quantize(_COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())

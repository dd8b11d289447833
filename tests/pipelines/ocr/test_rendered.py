"""Both engines on pages whose text is known: characters, the order of lines, and where text starts."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pipelines.ocr.lines import Arranged, LineRules, arrange
from pipelines.ocr.paddle import lacking, load_paddle
from pipelines.ocr.rapid import load_rapid
from pipelines.ocr.reader import Reader
from pipelines.ocr.settings import OcrSettings
from tests.support.pages import KINDS, Kind, Page, all_pages, missing_fonts, page, rotated
from tests.support.reading import edits, errors, in_order

pytestmark = pytest.mark.skipif(bool(missing_fonts()), reason=f"fonts are not installed: {missing_fonts()}")

Which = tuple[Kind, str, int, int]

FEW: list[Which] = [
    *((kind, language, 24, 0) for kind in KINDS for language in ("en", "zh") if (kind, language) != ("vertical", "en")),
    *((kind, "zh", 32, 1) for kind in ("plain", "columns", "vertical")),
    *((kind, "en", 48, 2) for kind in ("plain", "columns")),
    *((kind, "zh", 16, 3) for kind in ("plain", "columns", "vertical")),
    ("vertical", "zh", 24, 1),  # one column of it, by itself, could be a level line that was turned
]
CLEAN = ("plain", "columns", "vertical")


@pytest.fixture(scope="module", params=["rapid", "paddle"])
def reader(request: pytest.FixtureRequest) -> Reader:
    if request.param == "rapid":
        return load_rapid(OcrSettings(), "cpu")
    if missing := lacking(OcrSettings()):
        pytest.skip(missing)
    return load_paddle(OcrSettings(), "cpu")


def read(reader: Reader, pixels: Any) -> Arranged:
    height, width = pixels.shape[:2]
    return arrange(reader.read([pixels])[0], width, height, LineRules())


@functools.cache
def read_page(reader: Reader, which: Which) -> tuple[Page, Arranged]:
    drawn = page(*which)
    return drawn, read(reader, drawn.pixels)


def accuracy(reader: Reader, pages: Sequence[Which]) -> float:
    """1 − the character error rate over all pages together."""
    counts = [errors(drawn, found.text) for drawn, found in (read_page(reader, which) for which in pages)]
    return 1 - sum(wrong for wrong, _ in counts) / sum(characters for _, characters in counts)


def out_of_order(reader: Reader, pages: Sequence[Which]) -> dict[Which, list[str]]:
    """The pages whose lines are not read one for one in their order, and what is read."""
    found = {which: [line["text"] for line in read_page(reader, which)[1].lines] for which in pages}
    return {which: texts for which, texts in found.items() if not in_order(page(*which), texts)}


def of(pages: Sequence[Which], *kinds: str, least: int = 24) -> list[Which]:
    return [which for which in pages if which[0] in kinds and which[2] >= least]


def test_clean_text_is_read(reader: Reader) -> None:
    assert accuracy(reader, of(FEW, *CLEAN)) >= 0.97


def test_turned_and_faint_text_and_text_on_curved_ground_are_read(reader: Reader) -> None:
    assert accuracy(reader, of(FEW, "turned", "curved", "faint")) >= 0.97


def test_columns_and_vertical_text_are_read_in_order(reader: Reader) -> None:
    pages = of(FEW, "columns", "vertical", least=16)
    assert out_of_order(reader, pages) == {}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_page_on_its_head_is_read_from_where_its_text_starts(reader: Reader, language: str) -> None:
    drawn = page("plain", language, 32, 0)
    (_, upright), turned = read_page(reader, ("plain", language, 32, 0)), read(reader, rotated(drawn, 180))
    assert edits(turned.text, upright.text) <= 0.03 * len(upright.text)
    for line, other in zip(upright.lines, turned.lines, strict=True):
        # what was at the top left is now at the bottom right
        assert np.array(other["quad"]) == pytest.approx(1 - np.array(line["quad"]), abs=0.05)


@pytest.mark.parametrize(
    ("which", "degrees"),
    [
        pytest.param(("columns", "en", 24, 0), 8, id="columns askew"),
        pytest.param(("columns", "zh", 24, 3), 180, id="columns on their head"),
        pytest.param(("columns", "en", 20, 2), 90, id="columns on their side"),
        pytest.param(("vertical", "zh", 32, 2), -7, id="vertical text askew"),
        pytest.param(("vertical", "zh", 24, 0), -90, id="vertical text on its side"),
    ],
)
def test_a_page_that_lies_otherwise_is_read_by_its_own_axes(reader: Reader, which: Which, degrees: float) -> None:
    drawn = page(*which)
    found = read(reader, rotated(drawn, degrees))
    assert in_order(drawn, [line["text"] for line in found.lines])


@pytest.mark.slow
class TestAllPages:
    @pytest.mark.timeout(3600)
    def test_clean_text_is_read(self, reader: Reader) -> None:
        assert len(all_pages()) >= 300
        assert accuracy(reader, of(all_pages(), *CLEAN)) >= 0.97

    @pytest.mark.timeout(3600)
    @pytest.mark.parametrize("kind", ["turned", "curved", "faint"])
    def test_other_text_is_read(self, reader: Reader, kind: str) -> None:
        assert accuracy(reader, of(all_pages(), kind)) >= 0.97

    @pytest.mark.timeout(3600)
    @pytest.mark.parametrize("kind", ["columns", "vertical"])
    def test_pages_are_read_in_order(self, reader: Reader, kind: str) -> None:
        pages = of(all_pages(), kind)
        assert out_of_order(reader, pages) == {}

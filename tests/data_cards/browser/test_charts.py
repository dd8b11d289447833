"""Charts in a real browser: they fit, can be read, and keep their numbers within reach of the keyboard."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from data_cards.facts_measured import Histogram
from data_cards.html.charts import CHARTS, funnel, heat_map, histogram, tally
from data_cards.html.tables import TABLES
from data_cards.page import page
from jobs.cards.catalogue import MEASURES
from tests.support.chromium import Chromium
from tests.support.measures import LANGUAGES, PLACES, SIDES

_IN_COLUMNS = (
    CHARTS + TABLES + ".figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); }"
)
HOW: tuple[dict[str, Any], ...] = ({}, {"dark": True}, {"width": 390}, {"width": 390, "dark": True})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    charts = [funnel([("pull", 200, 150), ("pack", 150, 50)]), histogram(SIDES), tally(LANGUAGES), heat_map(PLACES)]
    path = tmp_path / "charts.html"
    path.write_text(page("Charts", f"<h1>Charts</h1>{''.join(charts)}", CHARTS + TABLES))
    return path


@pytest.mark.parametrize("how", HOW, ids=str)
def test_charts_have_no_fault_even_when_all_is_open(path: Path, chromium: Chromium, how: dict[str, Any]) -> None:
    def open_all(page: Page) -> None:
        for summary in page.locator("summary").all():
            summary.click()

    chromium.visit(path, lambda page: None, **how)
    chromium.visit(path, open_all, **how)


@pytest.mark.parametrize("width", [390, 1280])
def test_thresholds_stand_between_the_bars_they_part(path: Path, chromium: Chromium, width: int) -> None:
    def places(page: Page) -> tuple[float, list[float]]:
        bars = [box for bar in page.locator(".chart rect.all").all() if (box := bar.bounding_box())]
        lines = [box for line in page.locator(".chart line.bound").all() if (box := line.bounding_box())]
        return bars[1]["x"], [line["x"] + line["width"] / 2 for line in lines]

    second_bar, (first, second) = chromium.visit(path, places, width=width)
    assert first == pytest.approx(second_bar, abs=1.5)  # min_side 64 parts the first two bins
    assert second > first


@pytest.mark.parametrize("width", [390, 1280])
def test_ticks_of_every_measure_stand_apart(tmp_path: Path, chromium: Chromium, width: int) -> None:
    charts = [
        histogram(Histogram(name, *measure[:4], tuple(map(float, measure.edges)), (1,) * len(measure.edges)))
        for name, measure in MEASURES.items()
    ]
    path = tmp_path / "measures.html"
    path.write_text(page("Measures", f'<h1>Measures</h1><div class="figures">{"".join(charts)}</div>', _IN_COLUMNS))

    def ticks(page: Page) -> list[list[dict[str, float]]]:
        places = "all => all.map(one => { const {left, right} = one.getBoundingClientRect(); return {left, right}; })"
        return [chart.locator("text").evaluate_all(places) for chart in page.locator(".chart").all()]

    drawn = chromium.visit(path, ticks, width=width)
    assert len(drawn) == len(MEASURES)
    for name, of_chart in zip(MEASURES, drawn, strict=True):
        for one, following in pairwise(of_chart):
            assert one["right"] + 4 < following["left"], name


def test_the_keyboard_opens_the_numbers(path: Path, chromium: Chromium) -> None:
    def press(page: Page) -> bool:
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.tagName") == "SUMMARY":
                page.keyboard.press("Enter")
                return bool(page.locator("details").first.evaluate("details => details.open"))
        return False

    assert chromium.visit(path, press)

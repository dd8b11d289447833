"""How two cards differ, in a real browser."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from data_cards.diff import difference, render
from data_cards.facts_measured import Rule
from tests.support.cards import FACTS
from tests.support.chromium import Chromium

LONG = "word " * 100 + "w" * 300


@pytest.mark.parametrize("how", [{}, {"width": 390, "dark": True}], ids=str)
def test_the_page_has_no_fault_and_fits_a_phone(tmp_path: Path, chromium: Chromium, how: dict[str, Any]) -> None:
    other = replace(FACTS, rules=(Rule("pull", "max_bytes", LONG, "ours", "<b>why</b>"),), histograms=())
    path = tmp_path / "diff.html"
    path.write_text(render(LONG, "</script>", difference(FACTS, other)), "utf-8")

    def overflow(page: Page) -> int:
        return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))

    assert chromium.visit(path, overflow, **how) <= 0

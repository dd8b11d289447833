import dataclasses
from typing import Any

import pytest

from data_cards.diff import difference, distance, render
from data_cards.facts import Refusal, Step
from data_cards.facts_measured import Count, Histogram, Review, Rule
from tests.data_cards.test_card_json import FACTS

OTHER = dataclasses.replace(
    FACTS,
    steps=(Step("pull", 10, 8, (Refusal("pull", "timeout", 2),)), Step("pack", 8, 8)),
    rules=(Rule("pull", "max_bytes", "200", "ours", "<b>why</b>"),),
    histograms=(dataclasses.replace(FACTS.histograms[0], counts=(4, 4), kept=(4, 4), thresholds=()),),
    tallies=(dataclasses.replace(FACTS.tallies[0], counts=(Count("en", 2), Count("de", 6), Count(None, 1))),),
    reviews=(),
)


def rows(a: Any = FACTS, b: Any = OTHER) -> dict[str, tuple[tuple[str, ...], ...]]:
    return {section.title: section.rows for section in difference(a, b)}


def test_equal_cards_do_not_differ() -> None:
    assert difference(FACTS, FACTS) == ()
    assert "say the same" in render("a", "b", ())


def test_what_differs_is_told_and_nothing_else() -> None:
    assert rows() == {
        "Rows and samples": (("kept by pull", "9", "8", "-1 (-11.1%)"), ("kept by pack", "9", "8", "-1 (-11.1%)")),
        "Reasons": (("pull: timeout", "1", "2", "+1 (+100.0%)"),),
        "Settings": (("pull.max_bytes", "100 (default)", "200 (ours)"),),
        "Histograms": (("shorter side", "8", "8", "50.0%", "64 and more pixel", "0–64 pixel"),),
        "Shares": (("language", "9", "9", "66.7%", "en: 88.9% to 22.2%"),),
        "Precision found by people": (("ground", "0.889 of 10", "–"),),
    }


def test_what_only_one_has_stands_against_a_dash() -> None:
    bare = dataclasses.replace(FACTS, histograms=(), tallies=(), rules=(), boxes=None)
    found = rows(bare, FACTS)
    assert found["Settings"] == (("pull.max_bytes", "–", "100 (default)"),)
    assert found["Histograms"] == (("shorter side", "0", "8", "100.0%", "–", "64 and more pixel"),)
    assert ("boxes", "–", "7", "") in found["Rows and samples"]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [((1, 1), (2, 2), 0), ((4, 0), (0, 9), 1), ((3, 1), (1, 3), 0.5), ((0, 0), (1, 0), 1), ((0, 0), (0, 0), 0)],
)
def test_distance(a: tuple[int, ...], b: tuple[int, ...], expected: float) -> None:
    assert distance(a, b) == expected


def test_the_page_shows_text_as_text() -> None:
    odd = dataclasses.replace(
        OTHER,
        rules=(Rule("pull", "max_bytes", "</script><img src=x>", "ours", None),),
        reviews=(Review("ground", 1, 1, 0, 0, 0, 1.0, (0.2, 1.0)),),
    )
    text = render("<i>a</i>", "b\u202e", difference(FACTS, odd))
    assert "<img" not in text
    assert "<i>" not in text
    assert "⟨U+202E⟩" in text
    assert "Histograms" in text


def test_histograms_of_other_bins_are_left_out() -> None:
    other = Histogram("shorter_side", "shorter side", "images", "images", "pixel", (0.0, 32.0), (1, 8))
    assert "Histograms" not in rows(FACTS, dataclasses.replace(FACTS, histograms=(other,)))

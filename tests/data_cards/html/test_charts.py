"""Charts as a parser sees them: bars and lines at the right places, and every number in a table."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_cards.facts_measured import Count, HeatMap, Histogram, Threshold
from data_cards.html.charts import CHARTS, funnel, heat_map, histogram, position, tally
from data_cards.html.tables import TABLES
from data_cards.page import page
from tests.support.hostile import HOSTILE
from tests.support.html import Element, check_offline
from tests.support.measures import LANGUAGES, PLACES, SIDES


def read(chart: str) -> Element:
    return check_offline(page("chart", chart, CHARTS + TABLES))


def lines(table: Element) -> list[list[str]]:
    rows = table.all("tbody")[0].all("tr")
    return [[cell.text for cell in row.children] for row in rows]


def share(text: str) -> float:
    return float(text.removesuffix("%")) / 100


@pytest.mark.parametrize(
    ("value", "expected"),
    [(-1, 0), (0, 0), (32, 1 / 12), (64, 1 / 6), (96, 1.5 / 6), (768, 4.5 / 6), (1024, 5 / 6), (1e9, 5 / 6)],
)
def test_values_lie_in_their_bin_by_their_share(value: float, expected: float) -> None:
    assert position(SIDES.edges, value) == pytest.approx(expected)


def test_a_histogram_draws_what_was_counted_and_the_thresholds_where_they_lie() -> None:
    found = read(histogram(SIDES))
    (svg,) = found.all("svg")
    every, kept = svg.all("rect", **{"class": "all"}), svg.all("rect", **{"class": "in"})
    assert [share(bar.attributes["x"]) for bar in every] == pytest.approx([at / 6 for at in (0, 1, 3, 4, 5)], abs=1e-4)
    heights = [float(bar.attributes["height"]) for bar in every]
    assert heights == pytest.approx([130 * n / 40 for n in (5, 10, 40, 20, 1)], abs=0.06)
    assert len(kept) == 4
    assert [share(line.attributes["x1"]) for line in svg.all("line", **{"class": "bound"})] == pytest.approx(
        [1 / 6, 4.5 / 6], abs=1e-4
    )
    assert svg.attributes["aria-label"] == (
        "Histogram of shorter side of 76 images: the median lies in 256 up to 512 pixels, most in 256 up to 512 pixels"
        "; thresholds: min_side pixels 64, max_side pixels 768"
    )
    assert [item.text for item in found.all("li")] == [
        *("min_side pixels = 64 pixels (published: LAION-5B)", "max_side pixels = 768 pixels (ours)"),
    ]


def test_the_numbers_of_a_histogram_stand_in_a_table() -> None:
    (table,) = read(histogram(SIDES)).all("table")
    assert [head.text for head in table.all("thead")[0].all("th")] == ["shorter side pixels", "images", "kept"]
    assert lines(table) == [
        ["0 up to 64", "5", "0"],
        ["64 up to 128", "10", "8"],
        ["256 up to 512", "40", "38"],
        ["512 up to 1,024", "20", "20"],
        ["1,024 and more", "1", "1"],
    ]


def test_a_tally_is_a_table_with_bars() -> None:
    found = read(tally(LANGUAGES))
    assert [line[:2] for line in lines(found.all("table")[0])] == [
        ["en English", "30"],
        ["zh", "12"],
        ["not known", "3"],
        ["4 others", "9"],
    ]
    assert [share(bar.attributes["width"]) for bar in found.all("rect")] == [1, 0.4, 0.1, 0.3]


def test_a_funnel_says_what_is_left() -> None:
    found = read(funnel([("pull", 200, 150), ("filter", 150, 50), ("pack", 50, 50)]))
    assert [line[:5] for line in lines(found.all("table")[0])] == [
        ["pull", "200", "50", "150", "75.0%"],
        ["filter", "150", "100", "50", "25.0%"],
        ["pack", "50", "0", "50", "25.0%"],
    ]
    assert [share(bar.attributes["width"]) for bar in found.all("rect", **{"class": "in"})] == [0.75, 0.25, 0.25]
    assert lines(read(funnel([])).all("table")[0]) == []


def test_a_heat_map_has_a_cell_for_each_count() -> None:
    found = read(heat_map(PLACES))
    cells = {
        (int(cell.attributes["x"]), int(cell.attributes["y"])): float(cell.attributes["fill-opacity"])
        for cell in found.all("svg")[0].all("rect")
    }
    assert cells[2, 1] == 1
    assert cells[3, 2] == pytest.approx(11 / 60, abs=1e-3)
    assert (0, 0) not in cells
    assert lines(found.all("table")[0])[1] == ["2", "4", "5", "60", "7"]
    assert (
        "most at row 2 of 3 from the top, column 3 of 4 from the left" in found.all("svg")[0].attributes["aria-label"]
    )


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_anywhere_stays_text(text: str) -> None:
    bound = Threshold(text, text, 10, text)
    shapes = [
        histogram(replace(SIDES, title=text, of=text, unit=text, thresholds=(bound,))),
        tally(replace(LANGUAGES, title=text, of=text, counts=(Count(text, 1),), meanings={text: text})),
        heat_map(replace(PLACES, title=text, of=text)),
        funnel([(text, 1, 1)]),
    ]
    benign = [
        histogram(replace(SIDES, thresholds=(Threshold("a", "a", 10, "a"),))),
        tally(replace(LANGUAGES, counts=(Count("a", 1),), meanings={"a": "a"})),
        heat_map(PLACES),
        funnel([("a", 1, 1)]),
    ]
    for hostile, plain in zip(shapes, benign, strict=True):
        assert [one.tag for one in read(hostile).every()] == [one.tag for one in read(plain).every()]
        assert len(hostile) < 40_000


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=30), st.floats(-1e9, 1e9))
def test_whatever_was_counted_bars_stay_within_the_chart(pairs: list[tuple[int, int]], bound: float) -> None:
    counts = tuple(max(pair) for pair in pairs)
    found = Histogram(
        *("a", "a", "images", "images", ""),
        edges=tuple(float(at) for at in range(len(pairs))),
        counts=counts,
        kept=tuple(min(pair) for pair in pairs),
        thresholds=(Threshold("a", "a", bound, "ours"),),
    )
    read_back = read(histogram(found))
    for bar in read_back.all("svg")[0].all("rect"):
        assert share(bar.attributes["x"]) + share(bar.attributes["width"]) <= 1.001
        assert float(bar.attributes["y"]) >= 0
    (line,) = read_back.all("line", **{"class": "bound"})
    assert 0 <= share(line.attributes["x1"]) <= 1
    table = read_back.all("table")[0]
    assert sum(int(row[1].replace(",", "")) for row in lines(table)) == sum(counts)


def test_an_empty_measure_is_said_to_be_empty() -> None:
    empty = replace(SIDES, counts=(0,) * 6, kept=(0,) * 6)
    assert "there are none" in read(histogram(empty)).all("svg")[0].attributes["aria-label"]
    read(heat_map(HeatMap("a", "a", "grounding", "boxes", 1, 1, (0,))))

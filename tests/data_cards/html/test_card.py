"""card.html as a parser sees it."""

from dataclasses import replace

import pytest

from data_cards.facts import CardFacts
from data_cards.html.card import render
from data_cards.sheet import Samples
from schemas.statements import STATEMENTS
from tests.support.cards import FACTS, SAMPLES, hostile
from tests.support.hostile import HOSTILE
from tests.support.html import Element, check_offline

BARE = CardFacts("bare", "", "plain", (), 0, (), (), 0, 0)
NO_SAMPLES = Samples((), (), 0)


def section(found: Element, name: str) -> Element:
    (one,) = found.all("section", id=name)
    return one


def cells(element: Element) -> list[list[str]]:
    return [[cell.text for cell in row.children] for row in element.all("tbody")[0].all("tr")]


def test_it_has_every_section_and_leads_to_each() -> None:
    found = check_offline(render(FACTS, SAMPLES))
    names = [one.attributes["id"] for one in found.all("section")]
    assert names == [
        *("funnel", "reasons", "hosts", "images", "captions", "grounding", "tokens", "samples", "review"),
        *("contents", "rules", "made"),
    ]
    assert [link.attributes["href"] for link in found.all("nav")[0].all("a")] == [f"#{name}" for name in names]


def test_it_says_what_the_facts_say() -> None:
    found = check_offline(render(FACTS, SAMPLES))
    sums = {one.all("dt")[0].text: one.all("dd")[0].text for one in found.all("dl", **{"class": "sums"})[0].all("div")}
    assert sums == {
        "rows of the input": "300",
        "rows used": "190",
        "training samples": "320",
        "shards": "3",
        "bytes": "9,000",
    }
    assert [row[:3] for row in cells(section(found, "funnel"))] == [
        *(["pull", "300", "100"], ["filter", "200", "10"], ["pack", "190", "0"]),
    ]
    assert [(row[0], row[1].split(":")[0], row[2]) for row in cells(section(found, "reasons"))] == [
        ("pull", "http_gonerejected", "60"),
        ("pull", "timeoutfailed", "40"),
        ("aspect_ratio", "aspect_ratiorejected", "10"),
    ]
    assert [row[:3] for row in cells(section(found, "hosts"))] == [
        ["gone.examplepull, http_gone: 60", "60", "60"],
        ["without a URL", "9", "0"],
    ]
    assert "80.0% of these (80) have at least two" in section(found, "grounding").text
    assert cells(section(found, "review")) == [["ground", "10", "8", "1", "1", "88.9%", "56.5% to 98.0%"]]
    assert cells(section(found, "rules")) == [["aspect_ratio", "max_ratio", "6.0", "published", "CogVLM, section 3.1"]]
    made = section(found, "made")
    assert "To try it." in made.text
    assert [item.all("code")[0].text for item in made.all("li")] == [
        name for name in STATEMENTS if name != "motivation"
    ]


def test_rows_of_sources_that_are_not_listed_are_among_the_others() -> None:
    found = check_offline(render(replace(FACTS, sources=FACTS.sources[:1]), SAMPLES))
    licences = [row[:3] for row in cells(found.all("div", **{"aria-label": "Licences by source"})[0])]
    assert licences == [["CC0-1.0", "pairs.parquet", "150"], ["others", "", "40"]]


def test_kept_and_dropped_stand_side_by_side() -> None:
    samples = section(check_offline(render(FACTS, SAMPLES)), "samples")
    kept, dropped = samples.all("ul")
    assert (kept.attributes["aria-label"], dropped.attributes["aria-label"]) == ("Kept rows", "Dropped rows")
    assert len(kept.all("svg")) == 3
    assert "一只红色的圆" in kept.text
    first, second = dropped.all("li")
    assert "rejected: aspect_ratio by aspect_ratio" in first.text
    assert "7.5" in first.text
    assert "no image" in second.text


def test_a_card_of_nothing_is_a_card() -> None:
    found = check_offline(render(BARE, NO_SAMPLES))
    assert [one.attributes["id"] for one in found.all("section")] == ["funnel", "made"]


def test_the_same_facts_give_the_same_page() -> None:
    assert render(FACTS, SAMPLES) == render(replace(FACTS), replace(SAMPLES))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_anywhere_stays_text(text: str) -> None:
    found = check_offline(render(*hostile(text)))
    benign = check_offline(render(*hostile("a")))
    assert [element.tag for element in found.every()] == [element.tag for element in benign.every()]


def test_the_worst_card_is_below_three_megabytes() -> None:
    facts, samples = hostile("\u202e" * 10_000, 1000, bytes(10_000))
    assert len(render(facts, samples).encode()) < 3_000_000

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from data_cards.card_json import CardJsonError, parse, render, schema
from data_cards.facts import CardFacts, Kind, Refusal, Split, Step, TaskRefusal
from data_cards.facts_measured import (
    AnnotationEngine,
    BoxCounts,
    Count,
    HeatMap,
    Histogram,
    Host,
    Review,
    Rule,
    SourceLicense,
    Tally,
    TaskTokens,
    Threshold,
)

FACTS = CardFacts(
    recipe="demo",
    description="",
    dialect="qwen2_vl",
    tasks=("caption", "rec"),
    rows=10,
    steps=(Step("pull", 10, 9, (Refusal("pull", "timeout", 1),)), Step("pack", 9, 9)),
    splits=(Split("train", 12, 600),),
    shards=1,
    download_size=500,
    budget={"max_pixels": 1_003_520},
    kinds=(Kind("caption", "en", 12, {"train": 12}, 40),),
    task_refusals=(TaskRefusal("rec", "second_box", 3),),
    licenses=(Count("CC0-1.0", 11), Count(None, 1)),
    versions={"shardmill": "0.1.0"},
    statements={"motivation": "To see."},
    rules=(Rule("pull", "max_bytes", "100", "default", None),),
    engines=(AnnotationEngine("ground", "detector shapes", "", ""),),
    sources=(SourceLicense("pairs.parquet", None, 9),),
    hosts=(Host("a.example", 4, 3, (("pull", "timeout", 1),)),),
    histograms=(
        Histogram(
            *("shorter_side", "shorter side", "images", "images", "pixel", (0.0, 64.0), (1, 8), (0, 8)),
            thresholds=(Threshold("min_side", "pixels", 64.0, "ours: less shows nothing"),),
        ),
    ),
    tallies=(Tally("caption_language", "language", "captions", "captions", (Count("en", 8), Count(None, 1)), {}),),
    heat_maps=(HeatMap("box_centres", "centres", "grounding", "boxes", 2, 1, (3, 4)),),
    boxes=BoxCounts(3, 2, 7),
    tokens=(TaskTokens("caption", 12, None, 480, 40),),
    reviews=(Review("ground", 10, 8, 1, 1, 1, 0.889, (0.565, 0.98)),),
)


def test_what_is_written_is_read_back_and_fits_the_schema() -> None:
    text = render(FACTS)
    assert parse(text) == FACTS
    Draft202012Validator.check_schema(schema())
    assert schema()["title"] == "card.json of shardmill"
    Draft202012Validator(schema()).validate(json.loads(text))


@given(st.text())
def test_any_text_survives(text: str) -> None:
    facts = dataclasses.replace(FACTS, description=text, licenses=(Count(text, 12),))
    try:
        written = render(facts).encode()
    except UnicodeEncodeError:
        return  # a lone surrogate is no text; Arrow cannot hold one either
    assert parse(written.decode()) == facts


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", "no card of version 1"),
        (json.dumps({"card": 2}), "no card of version 1"),
        (json.dumps({"card": 1}), "recipe"),
        (render(FACTS).replace('"rows": 10,', '"rows": "x",', 1), "rows"),
        (render(FACTS).replace('"kept": 9', '"kept": 8', 1), "8 kept and 1 refused are not the 10 entered"),
    ],
)
def test_what_is_no_card_is_told(text: str, complaint: str) -> None:
    with pytest.raises(CardJsonError, match=complaint):
        parse(text)

"""A card's facts with something of every kind, and rows to show with them."""

import io
from dataclasses import replace
from typing import Any

from PIL import Image

from data_cards.facts import CardFacts, Kind, Refusal, Split, Step, TaskRefusal
from data_cards.facts_measured import (
    AnnotationEngine,
    BoxCounts,
    Count,
    Host,
    Review,
    Rule,
    SourceLicense,
    TaskTokens,
)
from data_cards.marks import BoxMark, LineMark
from data_cards.sheet import Samples, Tile, TileCaption
from data_cards.thumbnail import Thumbnail, thumbnail
from tests.support.drawn import drawn
from tests.support.measures import AREAS, LANGUAGES, PLACES, SIDES


def small(seed: int) -> Thumbnail:
    """A drawn scene as cards hold it."""
    out = io.BytesIO()
    Image.fromarray(drawn(seed).pixels).save(out, "PNG")
    made = thumbnail(out.getvalue())
    assert made is not None
    return made


def scene(seed: int, **more: Any) -> Tile:
    """A drawn scene with the boxes of its things, and a line of text in its lower part."""
    truth = drawn(seed)
    height, width = truth.pixels.shape[:2]
    boxes = tuple(
        BoxMark(
            f"a {thing.colour} {thing.shape}",
            (thing.box[0] / width, thing.box[1] / height, thing.box[2] / width, thing.box[3] / height),
            0.9,
        )
        for thing in truth.things
    )
    lines = (LineMark("STOP", (0.1, 0.9, 0.4, 0.9, 0.4, 0.98, 0.1, 0.98), 0.8),)
    told: dict[str, Any] = {
        "captions": (TileCaption(truth.caption, "en", "web"), TileCaption("一只红色的圆", "zh", "translated")),
        "host": "example.org",
        "address": "https://example.org/a.png",
        "thumbnail": small(seed),
        "size": (width, height),
        "boxes": boxes,
        "lines": lines,
    }
    return Tile(**{"id": seed, "outcome": "kept"} | told | more)


FACTS = CardFacts(
    recipe="demo",
    description="The whole job on a small web.",
    dialect="qwen2_vl",
    tasks=("caption", "rec"),
    rows=300,
    steps=(
        Step("pull", 300, 200, (Refusal("pull", "http_gone", 60), Refusal("pull", "timeout", 40))),
        Step("filter", 200, 190, (Refusal("aspect_ratio", "aspect_ratio", 10),)),
        Step("pack", 190, 190),
    ),
    splits=(Split("train", 300, 10_000), Split("validation", 20, 500)),
    shards=3,
    download_size=9_000,
    budget={"max_pixels": 1003520},
    kinds=(Kind("caption", "en", 200, {"train": 190, "validation": 10}), Kind("rec", "und", 130, {"train": 110})),
    task_refusals=(TaskRefusal("rec", "second_box", 9),),
    versions={"shardmill": "0.1.0"},
    statements={"motivation": "To try it."},
    rules=(Rule("aspect_ratio", "max_ratio", "6.0", "published", "CogVLM, section 3.1"),),
    engines=(AnnotationEngine("ground", "shapes", "1", "none"),),
    sources=(SourceLicense("pairs.parquet", "CC0-1.0", 150), SourceLicense("pairs.parquet", None, 40)),
    hosts=(Host("gone.example", 60, 0, (("pull", "http_gone", 60),)), Host("", 9, 9, ())),
    histograms=(SIDES, AREAS),
    tallies=(LANGUAGES,),
    heat_maps=(PLACES,),
    boxes=BoxCounts(100, 80, 250),
    tokens=(TaskTokens("caption", 200, 4000, 90_000, None),),
    reviews=(Review("ground", 10, 8, 1, 1, 1, 8 / 9, (0.565, 0.980)),),
)
SAMPLES = Samples(
    kept=tuple(scene(seed) for seed in (1, 2, 6)),
    dropped=(
        scene(3, outcome="rejected", stage="aspect_ratio", reason="aspect_ratio", value=7.5, boxes=(), lines=()),
        Tile(9, "rejected", "pull", "http_gone", 404.0, host="gone.example"),
    ),
    seed=0,
)


def hostile(text: str, n: int = 1, jpeg: bytes = b"jpeg") -> tuple[CardFacts, Samples]:
    """A card and rows that say `text` wherever they may, about `n` times."""
    tile = Tile(
        *(1, text, text, text, 1.5, text, ((text, text),)),
        captions=tuple(TileCaption(text, text, text, text) for _ in range(3)),
        host=text,
        address=text,
        thumbnail=Thumbnail(jpeg, 192, 192),
        size=(192, 192),
        boxes=tuple(BoxMark(text, (0.1, 0.1, 0.5, 0.5), 0.5) for _ in range(min(n, 40))),
        lines=tuple(LineMark(text, (0.1,) * 8, 0.5, text) for _ in range(min(n, 40))),
    )
    facts = replace(
        FACTS,
        recipe=text,
        description=f"a {text}",
        dialect=text,
        tasks=(text,),
        steps=(Step(text, 300, 200, (Refusal(text, "timeout", 100),)), Step(text, 200, 200)),
        statements={"motivation": text},
        rules=(Rule(text, text, text, text, text),) * n,
        engines=(AnnotationEngine(text, text, text, text),),
        sources=(SourceLicense(text, text, 1),) * min(n, 200),
        hosts=(Host(text, 1, 0, ((text, "timeout", 1),) * 8),) * min(n, 20),
        tallies=tuple(
            replace(one, title=text, of=text, counts=(Count(text, 1),) * min(n, 30), meanings={text: text})
            for one in FACTS.tallies * min(n, 12)
        ),
        versions={text: text},
        reviews=(Review(text, 1, 1, 0, 0, 0, None, None),),
    )
    return facts, Samples((tile,) * min(n, 24), (replace(tile, outcome="rejected"),) * min(n, 24), 0)

"""What a card measures: names, bins and closed lists. The same in every card, so that cards can be compared."""

from typing import NamedTuple

from data_cards.facts_measured import Section
from schemas.reasons import REASONS, UNGROUNDED, UNREAD, UNTRANSLATED

GRID = 20
"""Cells a side of the map of where boxes lie."""


class Measure(NamedTuple):
    """A histogram to be; see `data_cards.facts_measured.Histogram`."""

    title: str
    section: Section
    of: str
    unit: str
    edges: tuple[float, ...]


class Listing(NamedTuple):
    """A tally to be; see `data_cards.facts_measured.Tally`."""

    title: str
    section: Section
    of: str
    meanings: dict[str, str]


_SIDES = (0, 32, 64, 100, 128, 150, 200, 224, 256, 336, 384, 448, 512, 768, 1024, 1536, 2048, 3072, 4096, 8192, 16384)
_CHARACTERS = (0, 1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096)
_TOKENS = (0, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 8192, 16384)
_BYTES = (0, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000)
_AREAS = (0, 1024, 4096, 16384, 40_000, 65_536, 147_456, 262_144, 589_824, 1_048_576, 2_359_296, 4_194_304, 16_777_216)
_TWENTIETHS = tuple(step / 20 for step in range(20))

MEASURES = {
    "shorter_side": Measure("shorter side", "images", "images", "pixel", _SIDES),
    "longer_side": Measure("longer side", "images", "images", "pixel", _SIDES),
    "aspect_ratio": Measure(
        "longer side over shorter", "images", "images", "", (1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 6, 8, 10, 20)
    ),
    "area": Measure("width × height", "images", "images", "pixel", _AREAS),
    "file_bytes": Measure("size of the file as served", "images", "images", "byte", (*_BYTES, 10_000_000, 20_000_000)),
    "sharpness": Measure(
        "variance of the Laplacian", "images", "images", "", (0, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
    ),
    "uniformity": Measure(
        "standard deviation of grey", "images", "images", "", (0, 1, 2, 3, 5, 10, 20, 30, 40, 50, 60, 70, 80, 100)
    ),
    "nsfw_score": Measure("how sure the scorer is that it is unsafe", "images", "images", "", _TWENTIETHS),
    "input_caption_characters": Measure(
        "length of the captions as they came", "captions", "captions", "character", _CHARACTERS
    ),
    "caption_characters": Measure("length of the captions kept", "captions", "captions", "character", _CHARACTERS),
    "clip_similarity": Measure(
        "similarity of image and caption", "captions", "captions", "", (-1, *(step / 50 for step in range(-5, 25)))
    ),
    "boxes_per_image": Measure(
        "different boxes an image", "grounding", "images", "", (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 30)
    ),
    "box_area": Measure(
        "share of the image that a box covers",
        *("grounding", "boxes", ""),
        (0, 0.0001, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    ),
    "box_score": Measure("the detector's confidence", "grounding", "regions", "", _TWENTIETHS),
    "lines_per_image": Measure("lines of text read", "ocr", "images", "", (0, 1, 2, 3, 5, 8, 12, 20, 30, 50, 100, 200)),
    "text_characters": Measure("characters of text read", "ocr", "images", "character", _CHARACTERS),
    "line_score": Measure("the recogniser's confidence", "ocr", "lines", "", _TWENTIETHS),
    "chrf": Measure(
        "chrF of a caption and its back-translation", "translation", "translations", "", tuple(range(0, 100, 5))
    ),
    "text_tokens": Measure("text tokens a sample", "tokens", "samples", "token", _TOKENS),
    "image_tokens": Measure("image tokens a sample", "tokens", "samples", "token", _TOKENS),
}
"""In the order in which cards show them."""

GROUP_SIZE = Measure(
    "rows in a group of duplicates", "duplicates", "groups", "row", (2, 3, 4, 5, 6, 8, 10, 20, 50, 100, 1000, 10_000)
)
"""Of each set rule that keeps one row of a group; its name is ``group_size/<rule>``."""

_FAILURES = UNTRANSLATED | {name: reason.meaning for name, reason in REASONS.items() if name.startswith("llm_")}

LISTINGS = {
    "served_format": Listing("format as served", "images", "images", {}),
    "canonical": Listing(
        "what was done to make the pixels canonical",
        *("images", "images"),
        {"": "nothing: the bytes are those that were served"},
    ),
    "caption_language": Listing("language of the captions kept", "captions", "captions", {}),
    "caption_role": Listing("who wrote the captions kept", "captions", "captions", {}),
    "region_source": Listing("where regions come from", "grounding", "regions", {}),
    "ungrounded": Listing("why no box was asked for a phrase", "grounding", "phrases", UNGROUNDED),
    "line_script": Listing("script of the lines", "ocr", "lines", {}),
    "line_dropped": Listing("why lines do not count", "ocr", "lines", UNREAD),
    "translation_outcome": Listing("what became of translations", "translation", "translations", {}),
    "translation_checks": Listing("checks that answers failed", "translation", "checks", _FAILURES),
    "translation_requests": Listing("what was asked of the model", "translation", "requests", {}),
    "translation_tokens": Listing(
        "what that took",
        *("translation", "tokens"),
        {"tokens_in": "of what was asked", "tokens_out": "of the answers"},
    ),
}

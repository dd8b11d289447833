"""Measures of every kind, as a run might have them."""

from data_cards.facts_measured import Count, HeatMap, Histogram, Tally, Threshold

SIDES = Histogram(
    *("shorter_side", "shorter side", "images", "images", "pixels"),
    edges=(0, 64, 128, 256, 512, 1024),
    counts=(5, 10, 0, 40, 20, 1),
    kept=(0, 8, 0, 38, 20, 1),
    thresholds=(
        Threshold("min_side", "pixels", 64, "published: LAION-5B"),
        Threshold("max_side", "pixels", 768, "ours"),
    ),
)
AREAS = Histogram("area", "area", "images", "images", "", edges=(0, 1), counts=(2, 3))
LANGUAGES = Tally(
    *("languages", "language", "captions", "captions"),
    (Count("en", 30), Count("zh", 12), Count(None, 3)),
    {"en": "English"},
    other_keys=4,
    others=9,
)
PLACES = HeatMap("boxes", "where boxes lie", "grounding", "boxes", 4, 3, (0, 1, 2, 3, 4, 5, 60, 7, 8, 9, 10, 11))

import pytest

from data_cards.facts import CardFacts, Kind, Refusal, Split, Step, TaskRefusal
from data_cards.facts_measured import BoxCounts, HeatMap, Histogram, Host

PULL = Step("pull", 10, 7, (Refusal("pull", "timeout", 2), Refusal("aspect_ratio", "aspect_ratio", 1)))
PACK = Step("pack", 7, 6, (Refusal("pack", "no_caption", 1),))


def facts(*steps: Step, rows: int = 10) -> CardFacts:
    return CardFacts(
        recipe="demo",
        description="",
        dialect="plain",
        tasks=("caption",),
        rows=rows,
        steps=steps,
        splits=(Split("train", 6, 600),),
        shards=1,
        download_size=500,
    )


def test_a_funnel_that_adds_up_counts_what_came_through() -> None:
    assert facts(PULL, PACK).used == 6
    assert facts(PULL, PACK).samples == 6


def test_a_step_that_lost_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="pull: 7 kept and 2 refused are not the 10 entered"):
        Step("pull", 10, 7, (Refusal("pull", "timeout", 2),))


def test_a_step_that_received_other_rows_than_were_passed_on_is_refused() -> None:
    with pytest.raises(ValueError, match="pack: 7 rows entered, but the input passed on 10"):
        facts(PACK)
    with pytest.raises(ValueError, match="pack: 7 rows entered, but pull passed on 10"):
        facts(Step("pull", 10, 10), PACK)


def test_a_reason_outside_the_closed_list_is_refused() -> None:
    with pytest.raises(ValueError, match="closed list"):
        Refusal("pull", "bad luck", 1)


def test_more_samples_than_were_planned_cannot_be_told() -> None:
    with pytest.raises(ValueError, match="planned"):
        Kind("caption", "en", 3, {"train": 3, "validation": 1})


def test_a_refusal_outside_the_closed_list_cannot_be_told() -> None:
    with pytest.raises(ValueError, match="closed list"):
        TaskRefusal("rec", "bad_mood", 1)


def side(edges: tuple[float, ...], counts: tuple[int, ...], kept: tuple[int, ...] | None = None) -> Histogram:
    return Histogram("shorter_side", "shorter side", "images", "images", "pixel", edges, counts, kept)


def test_a_histogram_has_a_count_for_each_ascending_edge() -> None:
    assert side((0, 64, 128), (1, 2, 3), (0, 2, 3)).total == 6
    for edges, counts, kept in [
        ((0, 64, 64), (1, 2, 3), None),
        ((0, 64), (1, 2, 3), None),
        ((0, 64), (1, 2), (1, 3)),
        ((0, 64), (1, 2), (1,)),
        ((), (), None),
    ]:
        with pytest.raises(ValueError, match="shorter_side"):
            side(edges, counts, kept)


def test_a_heat_map_fills_its_grid() -> None:
    assert HeatMap("box_centre", "centres of boxes", "grounding", "boxes", 2, 2, (1, 0, 0, 3)).total == 4
    with pytest.raises(ValueError, match="3 counts for 2 × 2"):
        HeatMap("box_centre", "centres of boxes", "grounding", "boxes", 2, 2, (1, 0, 3))


def test_the_share_of_images_with_several_boxes() -> None:
    assert BoxCounts(images=4, several=3, boxes=9).share == 0.75
    assert BoxCounts(0, 0, 0).share is None
    with pytest.raises(ValueError, match="boxes"):
        BoxCounts(images=4, several=5, boxes=9)


def test_a_host_whose_rows_left_for_an_unknown_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="closed list"):
        Host("a.example", 3, 2, (("pull", "bad luck", 1),))

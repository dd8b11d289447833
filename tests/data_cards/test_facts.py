import dataclasses

import pytest

from data_cards.facts import CardFacts, Kind, Refusal, Split, Step

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
        dataclasses.replace(facts(PULL, PACK), task_refusals={("rec", "bad_mood"): 1})

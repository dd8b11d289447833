"""Weights of tasks and languages: realised exactly, by leaving out as little as possible."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.chatml.mixture import TAKE_ALL, Kind, MixtureError, priorities, shares, thresholds
from pipelines.chatml.pack_spec import MixtureSpec

CAPTION_EN, CAPTION_ZH = Kind("caption", "en"), Kind("caption", "zh")
REC_EN, REC_ZH = Kind("rec", "en"), Kind("rec", "zh")


def taken(available: dict[Kind, int], spec: MixtureSpec) -> dict[Kind, int]:
    """Samples of each kind that a set of so many ends with."""
    whole = {kind: [priorities(np.arange(n), kind, spec.seed)] for kind, n in available.items()}
    limits = thresholds(whole, shares(available, spec), spec)
    return {kind: int((arrays[0] <= limits[kind]).sum()) if limits[kind] >= 0 else 0 for kind, arrays in whole.items()}


def test_without_weights_everything_is_taken() -> None:
    available = {CAPTION_EN: 10, REC_ZH: 3}
    assert taken(available, MixtureSpec()) == available


def test_task_weights_hold_whatever_the_languages() -> None:
    spec = MixtureSpec(tasks={"caption": 3, "rec": 1})
    found = taken({CAPTION_EN: 4000, CAPTION_ZH: 2000, REC_EN: 500, REC_ZH: 500}, spec)
    assert (found[CAPTION_EN] + found[CAPTION_ZH], found[REC_EN] + found[REC_ZH]) == (3000, 1000)
    assert found[CAPTION_EN] / found[CAPTION_ZH] == pytest.approx(2, rel=0.1)


def test_weights_of_tasks_and_languages_multiply() -> None:
    spec = MixtureSpec(tasks={"caption": 2, "rec": 1}, languages={"en": 1, "zh": 3})
    found = taken({CAPTION_EN: 900, CAPTION_ZH: 900, REC_EN: 900, REC_ZH: 900}, spec)
    assert found == {CAPTION_EN: 300, CAPTION_ZH: 900, REC_EN: 150, REC_ZH: 450}


def test_a_language_without_weight_is_left_out_where_others_have_one() -> None:
    found = taken({CAPTION_EN: 5, CAPTION_ZH: 5, Kind("caption", "und"): 5}, MixtureSpec(languages={"zh": 1}))
    assert found == {CAPTION_EN: 0, CAPTION_ZH: 5, Kind("caption", "und"): 0}


@pytest.mark.parametrize(
    ("weights", "said"),
    [({"languages": {"fr": 1}}, "fr"), ({"tasks": {"caption": 1, "rec": 1}, "languages": {"zh": 1}}, "rec in zh")],
)
def test_a_weight_for_nothing_is_refused(weights: dict[str, Any], said: str) -> None:
    with pytest.raises(MixtureError, match=said):
        shares({CAPTION_ZH: 5, REC_EN: 5}, MixtureSpec(**weights))


def test_a_weight_that_comes_to_nothing_is_refused() -> None:
    with pytest.raises(MixtureError, match="less than one"):
        shares({CAPTION_EN: 10, CAPTION_ZH: 10}, MixtureSpec(languages={"en": 1, "zh": 1000}))


@given(
    st.dictionaries(
        st.sampled_from([CAPTION_EN, CAPTION_ZH, REC_EN, REC_ZH]), st.integers(200, 3000), min_size=4, max_size=4
    ),
    st.tuples(*[st.floats(0.5, 4)] * 4),
    st.integers(0, 3),
)
def test_the_weights_are_realised_within_one_percent(
    available: dict[Kind, int], weights: tuple[float, float, float, float], seed: int
) -> None:
    caption, rec, en, zh = weights
    spec = MixtureSpec(tasks={"caption": caption, "rec": rec}, languages={"en": en, "zh": zh}, seed=seed)
    found = taken(available, spec)
    wanted = {kind: spec.tasks[kind.task] * spec.languages[kind.language] for kind in available}  # type: ignore[index]
    for kind, n in found.items():
        share = wanted[kind] / sum(wanted.values())
        assert abs(n - share * sum(found.values())) <= 0.01 * sum(found.values())
    assert any(found[kind] == available[kind] for kind in available), "as much is taken as the weights allow"


@given(st.integers(1, 500), st.integers(0, 5))
def test_what_is_taken_does_not_depend_on_the_other_samples(n: int, seed: int) -> None:
    alone = priorities(np.array([n]), CAPTION_EN, seed)
    assert priorities(np.arange(2 * n), CAPTION_EN, seed)[n] == alone[0]


def test_no_two_rows_have_the_same_priority() -> None:
    assert len(np.unique(priorities(np.arange(100_000), REC_EN, 0))) == 100_000


def test_another_split_is_thinned_by_the_same_shares() -> None:
    spec = MixtureSpec(tasks={"caption": 1, "rec": 1})
    of_train = shares({CAPTION_EN: 1000, REC_EN: 100}, spec)
    other = {CAPTION_EN: [priorities(np.arange(50), CAPTION_EN, 0)], REC_EN: [priorities(np.arange(7), REC_EN, 0)]}
    limits = thresholds(other, of_train, spec)
    assert int((other[CAPTION_EN][0] <= limits[CAPTION_EN]).sum()) == 5
    assert limits[REC_EN] == TAKE_ALL

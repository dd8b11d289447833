"""Set rules on captions: too frequent ones go, and of one image's the longest stays."""

import random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sets.captions import CaptionFrequency, LongestOfImage
from schemas.tables import CAPTION

Rule = CaptionFrequency | LongestOfImage
Captions = list[dict[str, Any]]
Row = tuple[int, str]
"""What a row looks like here: number of the image, its only caption."""


def text(said: str, **others: Any) -> dict[str, Any]:
    return {"text": said, "role": "web", **others}


def keys_of(rule: Rule, rows: dict[int, tuple[int, Captions]]) -> pa.Table:
    return rule.keys(
        pa.table(
            {
                "id": pa.chunked_array([list(rows)], pa.int64()),
                "sha256": pa.array([bytes([image]) * 32 for image, _ in rows.values()], pa.binary(32)),
                "url": pa.array([f"http://a/{image}" for image, _ in rows.values()]),
                "captions": pa.chunked_array([[captions for _, captions in rows.values()]], pa.list_(CAPTION)),
            }
        )
    )


def refused(rule: Rule, rows: dict[int, tuple[int, Captions]], buckets: int = 1) -> dict[int, float]:
    """Value by refused id, all keys being judged in so many buckets."""
    keys = keys_of(rule, rows)
    number = pa.array([hash(key) % buckets for key in keys["key"].to_pylist()], pa.int64())
    found: dict[int, float] = {}
    for bucket in range(buckets):
        answer = rule.decide(keys.filter(pa.compute.equal(number, bucket))).to_pylist()
        assert {row["reason"] for row in answer} <= set(rule.reasons)
        found |= {row["id"]: row["value"] for row in answer}
    return found


class TestFrequency:
    def test_ten_times_stays_and_eleven_goes_altogether(self) -> None:
        ten = {number: (number, [text("click here")]) for number in range(10)}
        assert refused(CaptionFrequency(), ten) == {}
        assert refused(CaptionFrequency(), {**ten, 99: (99, [text("click here")])}) == dict.fromkeys([*ten, 99], 11.0)

    def test_white_space_makes_no_difference_but_case_does(self) -> None:
        said = ["a  red\tcar ", "a red car", "a red\u00a0car", "A red car", "a red car."]
        rows = {number: (number, [text(one)]) for number, one in enumerate(said)}
        assert refused(CaptionFrequency(at_most=2), rows) == {0: 3.0, 1: 3.0, 2: 3.0}

    def test_the_first_caption_that_counts_is_looked_at(self) -> None:
        rows: dict[int, tuple[int, Captions]] = {
            0: (0, [text("a")]),
            1: (1, [text("b", refused="emoji"), text("a")]),
            2: (2, [text("b"), text("a", role="edited", of=0), text("c", role="translated", of=0)]),
            3: (3, [text("b"), text("a")]),
            4: (4, []),
        }
        assert refused(CaptionFrequency(at_most=1), rows) == {0: 3.0, 1: 3.0, 2: 3.0}


class TestLongest:
    def test_the_longest_stays_and_of_equals_the_lowest_id(self) -> None:
        rows = {5: (1, [text("four")]), 3: (1, [text("fives")]), 4: (1, [text("sixes")]), 6: (2, [text("a")])}
        assert refused(LongestOfImage(), rows) == {4: 5.0, 5: 5.0}
        assert refused(LongestOfImage(by="url"), rows) == {4: 5.0, 5: 5.0}

    def test_characters_are_counted_not_bytes(self) -> None:
        assert refused(LongestOfImage(), {0: (1, [text("一只猫")]), 1: (1, [text("cats")])}) == {0: 4.0}

    def test_a_row_is_as_long_as_its_longest_caption_that_counts(self) -> None:
        rows: dict[int, tuple[int, Captions]] = {
            0: (1, [text("a very long caption", refused="emoji"), text("a")]),
            1: (1, [text("a"), text("three")]),
            2: (1, []),
        }
        assert refused(LongestOfImage(), rows) == {0: 5.0, 2: 5.0}


@pytest.mark.parametrize("rule", [CaptionFrequency(at_most=2), LongestOfImage()])
@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", "cc", "c c"])), max_size=25),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_neither_order_nor_buckets_play_a_part(
    rule: Rule, rows: list[Row], buckets: int, shuffler: random.Random
) -> None:
    numbered = {3 * number: (image, [text(said)]) for number, (image, said) in enumerate(rows)}
    shuffled = list(numbered.items())
    shuffler.shuffle(shuffled)
    found = refused(rule, numbered)
    assert refused(rule, dict(shuffled), buckets) == found
    if isinstance(rule, CaptionFrequency):
        said = [one for _, one in rows]
        assert found == {3 * n: said.count(one) for n, one in enumerate(said) if said.count(one) > 2}
    else:
        left = [rows[number // 3] for number in numbered if number not in found]
        assert sorted(image for image, _ in left) == sorted({image for image, _ in rows})
        assert all(len(one) == max(len(s) for i, s in rows if i == image) for image, one in left)

"""Exact duplicates: the lowest id of each group survives, whatever the order of rows and parts."""

import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.sets.exact_duplicates import ExactDuplicates, UrlDuplicates
from schemas.tables import CAPTION

Row = tuple[int, int, str | None]
"""What a row looks like here: number of the file, number of the picture, caption."""


def table(rows: dict[int, Row]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(list(rows), pa.int64()),
            "sha256": pa.array([bytes([file]) * 32 for file, _, _ in rows.values()], pa.binary(32)),
            "phash": pa.array([picture for _, picture, _ in rows.values()], pa.uint64()),
            "captions": pa.array(
                [[{"text": text}] if text is not None else [] for _, _, text in rows.values()], pa.list_(CAPTION)
            ),
        }
    )


def refused(rows: dict[int, Row], rule: ExactDuplicates | None = None) -> dict[int, tuple[str, int]]:
    """Reason and survivor by refused id, the first reason of the rule's where there are two."""
    rule = rule or ExactDuplicates()
    found = rule.decide(rule.keys(table(rows))).to_pylist()
    found.sort(key=lambda row: -rule.reasons.index(row["reason"]))
    return {row["id"]: (row["reason"], row["duplicate_of"]) for row in found}


def test_the_same_file_under_another_caption_is_a_duplicate_of_the_lowest_id() -> None:
    assert refused({3: (1, 1, "a"), 1: (1, 1, "b"), 2: (1, 1, "c")}) == {
        2: ("duplicate_image", 1),
        3: ("duplicate_image", 1),
    }


def test_the_same_picture_in_another_file_is_one_only_under_the_same_caption() -> None:
    assert refused({1: (1, 7, "a"), 2: (2, 7, "a")}) == {2: ("duplicate_pair", 1)}
    assert refused({1: (1, 7, "a"), 2: (2, 7, "b")}) == {}


def test_rows_without_a_caption_repeat_no_pair() -> None:
    assert refused({1: (1, 7, None), 2: (2, 7, None)}) == {}


def test_each_rule_judges_by_itself() -> None:
    # 2 repeats the file of 1; 3 repeats picture and caption of 2, and goes although 2 is gone as well
    assert refused({1: (1, 7, "a"), 2: (1, 7, "b"), 3: (3, 7, "b")}) == {
        2: ("duplicate_image", 1),
        3: ("duplicate_pair", 2),
    }


def test_a_rule_can_be_left_out_but_not_both() -> None:
    rows: dict[int, Row] = {1: (1, 7, "a"), 2: (1, 7, "b"), 3: (3, 7, "b")}
    assert set(refused(rows, ExactDuplicates(sha256=False))) == {3}
    assert set(refused(rows, ExactDuplicates(phash_and_caption=False))) == {2}
    with pytest.raises(ValidationError, match="nothing to compare"):
        ExactDuplicates(sha256=False, phash_and_caption=False)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from(["a", "b", None])), max_size=30),
    st.randoms(use_true_random=False),
)
def test_who_survives_follows_from_the_ids_alone(rows: list[Row], shuffler: random.Random) -> None:
    numbered = dict(enumerate(rows))
    expected = {
        row
        for row, (file, picture, text) in numbered.items()
        if any(numbered[lower][0] == file for lower in range(row))
        or (text is not None and any(numbered[lower][1:] == (picture, text) for lower in range(row)))
    }
    shuffled = list(numbered.items())
    shuffler.shuffle(shuffled)
    assert set(refused(dict(shuffled))) == expected


def test_of_rows_with_the_same_url_the_lowest_id_survives() -> None:
    urls = ["http://a/1.jpg", "http://a/2.jpg", "http://a/1.jpg", None, None, "http://A/1.jpg", "http://a/1.jpg"]
    rule = UrlDuplicates()
    found = rule.decide(rule.keys(pa.table({"id": pa.array(range(7)), "url": pa.array(urls)}))).to_pylist()
    assert {row["id"]: (row["reason"], row["duplicate_of"]) for row in found} == {
        2: ("duplicate_url", 0),
        6: ("duplicate_url", 0),
    }

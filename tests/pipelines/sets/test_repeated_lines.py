"""Lines that stand in too many images are marked, and leave the text."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.sets.repeated_lines import RepeatedLines
from schemas.tables import READ

Lines = list[tuple[str, str | None]] | None
"""Text of each line and why it is dropped; None: nothing was read, as where the stage did not run."""


def table(rows: dict[int, Lines]) -> pa.Table:
    lines = [
        None
        if row is None
        else [
            {"text": text, "quad": [0.0] * 8, "score": 0.9, "script": script(text), "block": at, "dropped": dropped}
            for at, (text, dropped) in enumerate(row)
        ]
        for row in rows.values()
    ]
    ids = pa.chunked_array([list(rows)], pa.int64())
    return pa.table({"id": ids, "lines": pa.chunked_array([lines], READ.field("lines").type)})


def script(text: str) -> str | None:
    return "Latn" if any(character.isalpha() for character in text) else None


def judged(rule: RepeatedLines, rows: dict[int, Lines], buckets: int = 1) -> dict[int, Any]:
    """By id: the text that is left, or the reason and value; keys are judged in so many buckets."""
    given = table(rows)
    keys = rule.keys(given)
    number = pa.array([hash(key) % buckets for key in keys["key"].to_pylist()], pa.int64())
    answers = [rule.decide(keys.filter(pc.equal(number, bucket))) for bucket in range(buckets)]
    marked = rule.mark(given, pa.concat_tables([answer.cast(rule.found) for answer in answers]))
    assert marked.columns is not None
    assert marked.columns.schema == READ
    texts, reasons = marked.columns["text"].to_pylist(), marked.verdicts.reason.to_pylist()
    values = marked.verdicts.value.to_pylist()
    return {
        row: text if reason is None else (reason, value)
        for row, text, reason, value in zip(rows, texts, reasons, values, strict=True)
    }


def counting(*texts: str) -> Lines:
    return [(text, None) for text in texts]


class TestRepeated:
    def test_in_as_many_images_as_allowed_a_line_stays_and_in_one_more_it_goes(self) -> None:
        rows = {row: counting("Stock Photos", f"picture {row}") for row in range(3)}
        assert judged(RepeatedLines(at_most=3), rows)[0] == "Stock Photos\npicture 0"
        assert judged(RepeatedLines(at_most=2), rows) == {row: f"picture {row}" for row in range(3)}

    def test_images_count_and_not_lines(self) -> None:
        assert judged(RepeatedLines(at_most=1), {0: counting("ha", "ha", "ha")}) == {0: "ha\nha\nha"}

    def test_case_punctuation_and_width_make_no_difference(self) -> None:
        same = ("© Stock-Photos", "STOCK PHOTOS", "Ｓｔｏｃｋ photos.")
        rows = {row: counting(text, f"picture {row}") for row, text in enumerate([*same, "stockphotos"])}
        left = {row: f"picture {row}" for row in range(3)}
        assert judged(RepeatedLines(at_most=2), rows) == {**left, 3: "stockphotos\npicture 3"}

    def test_prices_long_lines_and_dropped_ones_are_not_looked_at(self) -> None:
        long = "a sentence that says the same in many images"
        rows: dict[int, Lines] = {row: [("99.90", None), (long, None), ("blurred", "low_score")] for row in range(9)}
        assert set(judged(RepeatedLines(at_most=1), rows).values()) == {f"99.90\n{long}"}
        assert set(judged(RepeatedLines(at_most=1, max_characters=50), rows).values()) == {"99.90"}

    def test_an_image_with_nothing_else_leaves_or_stays_empty(self) -> None:
        rows = {0: counting("logo", "brand"), 1: counting("logo", "brand"), 2: counting("logo", "words")}
        assert judged(RepeatedLines(at_most=1), rows) == {
            0: ("repeated_lines", 2.0),
            1: ("repeated_lines", 2.0),
            2: "words",
        }
        assert judged(RepeatedLines(at_most=1, without_text="keep"), rows) == {0: "", 1: "", 2: "words"}

    def test_images_without_text_are_left_as_they_are(self) -> None:
        rows: dict[int, Lines] = {0: [], 1: None, 2: [("blurred", "low_score")], 3: counting("one"), 4: counting("one")}
        found = judged(RepeatedLines(at_most=1), rows)
        assert (found[0], found[1], found[2]) == ("", None, "")
        assert judged(RepeatedLines(), {}) == {}

    def test_dropped_lines_stay_among_the_lines_with_the_reason(self) -> None:
        rows = {0: counting("logo", "one"), 1: counting("two", "logo")}
        given = table(rows)
        rule = RepeatedLines(at_most=1)
        marked = rule.mark(given, rule.decide(rule.keys(given)).cast(rule.found))
        assert marked.columns is not None
        lines = marked.columns["lines"].to_pylist()
        assert [[(line["text"], line["dropped"]) for line in row] for row in lines] == [
            [("logo", "repeated"), ("one", None)],
            [("two", None), ("logo", "repeated")],
        ]


_WORDS = st.sampled_from(["logo", "Logo!", "brand", "new", "12", "牌子"])
_ROWS = st.dictionaries(
    st.integers(0, 50), st.none() | st.lists(st.tuples(_WORDS, st.sampled_from([None, "low_score"])), max_size=4)
)


@settings(deadline=None)
@given(_ROWS, st.integers(1, 4), st.integers(2, 5))
def test_buckets_change_nothing(rows: dict[int, Lines], at_most: int, buckets: int) -> None:
    rule = RepeatedLines(at_most=at_most)
    assert judged(rule, rows, buckets) == judged(rule, rows)


@settings(deadline=None)
@given(_ROWS, st.integers(1, 4), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows: dict[int, Lines], at_most: int, rng: Any) -> None:
    shuffled = list(rows)
    rng.shuffle(shuffled)
    rule = RepeatedLines(at_most=at_most)
    assert judged(rule, {row: rows[row] for row in shuffled}) == judged(rule, rows)


def test_settings_have_bounds() -> None:
    with pytest.raises(ValueError):
        RepeatedLines(at_most=0)

"""Thresholds from labelled boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.chatml.regions import Region
from pipelines.grounding.boxes import BoxRules, Candidates, choose
from pipelines.grounding.calibration import Judged, judge, lowest, sweep

LEFT, RIGHT = (0.0, 0.0, 0.4, 1.0), (0.6, 0.0, 1.0, 1.0)


def region(
    box: tuple[float, float, float, float], *, score: float | None = None, start: int = 0, caption: int = 0
) -> Region:
    return Region(caption, (start, start + 5), (start, start + 9), box, score, None, "detector")


def test_a_box_is_right_where_a_labelled_one_of_its_phrase_lies() -> None:
    labelled = [region(LEFT), region(RIGHT, start=10)]
    found = [region(LEFT, score=0.9), region(LEFT, score=0.8, start=10), region(RIGHT, score=0.7, start=10)]
    assert judge(labelled, found) == [Judged(0.9, True), Judged(0.8, False), Judged(0.7, True)]


def test_a_labelled_box_is_taken_once_by_the_surest() -> None:
    assert judge([region(LEFT)], [region(LEFT, score=0.3), region(LEFT, score=0.6)]) == [
        Judged(0.6, True),
        Judged(0.3, False),
    ]
    assert judge([region(LEFT)] * 2, [region(LEFT, score=0.3), region(LEFT, score=0.6)])[1].right


@pytest.mark.parametrize("where", [{"start": 20}, {"caption": 1}])
def test_boxes_of_phrases_that_nobody_labelled_are_left_out(where: dict[str, int]) -> None:
    assert judge([region(LEFT)], [region(LEFT, score=0.9, **where)]) == []


def test_phrases_may_be_cut_differently() -> None:
    assert judge([region(LEFT)], [region(LEFT, score=0.9, start=2)]) == [Judged(0.9, True)]


def test_half_of_the_area_in_common_is_enough() -> None:
    assert judge([region((0.0, 0.0, 0.5, 1.0))], [region((0.0, 0.0, 0.25, 1.0), score=0.9)]) == [Judged(0.9, True)]
    assert judge([region((0.0, 0.0, 0.5, 1.0))], [region((0.0, 0.0, 0.24, 1.0), score=0.9)]) == [Judged(0.9, False)]


def test_thresholds_lie_between_scores() -> None:
    points = sweep([Judged(0.4, False), Judged(0.8, True), Judged(0.6, True), Judged(0.6, False)], 4)
    assert [(round(point.threshold, 6), point.precision, point.recall, point.boxes) for point in points] == [
        (0.2, 0.5, 0.5, 4),
        (0.5, pytest.approx(2 / 3), 0.5, 3),
        (0.7, 1.0, 0.25, 1),
    ]


def test_the_lowest_that_is_precise_enough_is_taken() -> None:
    points = sweep([Judged(0.9, True), Judged(0.7, False), Judged(0.6, True), Judged(0.5, True), Judged(0.4, False)], 3)
    assert lowest(points, 0.75) == points[1]
    assert lowest(points, 0.6) == points[0]
    assert lowest(sweep([Judged(0.9, False)], 1), 0.5) is None
    assert sweep([], 3) == []


BOX = st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(1, 6), st.integers(1, 6)).map(
    lambda b: (b[0] / 16, b[1] / 16, (b[0] + b[2]) / 16, (b[1] + b[3]) / 16)
)


@given(
    st.lists(st.tuples(BOX, st.integers(1, 20), st.integers(0, 2)), max_size=15),
    st.lists(st.tuples(BOX, st.integers(0, 2)), min_size=1, max_size=6),
)
def test_each_threshold_does_what_a_run_at_it_would(
    offered: list[tuple[tuple[float, float, float, float], int, int]],
    drawn: list[tuple[tuple[float, float, float, float], int]],
) -> None:
    """A run at nearly no threshold says of every higher one what a run at that one says."""
    candidates = Candidates(
        np.array([box for box, _, _ in offered]).reshape(-1, 4),
        np.array([score / 21 for _, score, _ in offered]),
        np.array([phrase for _, _, phrase in offered], np.int64),
    )
    labelled = [region(box, start=10 * phrase) for box, phrase in drawn]

    def run(threshold: float) -> list[Judged]:
        chosen = choose(candidates, threshold, BoxRules(min_side=0), 100, 100)
        found = [
            region(tuple(box), score=float(score), start=10 * int(phrase))
            for box, score, phrase in zip(chosen.boxes.tolist(), chosen.scores, chosen.phrases, strict=True)
        ]
        return judge(labelled, found)

    for point in sweep(run(0.0), len(labelled)):
        judged = run(point.threshold)
        assert len(judged) == point.boxes
        assert sum(one.right for one in judged) == pytest.approx(point.precision * point.boxes)
        assert sum(one.right for one in judged) == pytest.approx(point.recall * len(labelled))

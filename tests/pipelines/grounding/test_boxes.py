import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipelines.grounding.boxes import BoxRules, Candidates, choose, is_valid, overlaps, suppress, unnested

FRACTIONS = st.integers(0, 20).map(lambda n: n / 20)
SCORES = st.integers(0, 10).map(lambda n: n / 10)


@st.composite
def offers(draw):
    n = draw(st.integers(0, 25))
    corners = draw(arrays.arrays(np.float64, (n, 2, 2), elements=FRACTIONS))
    boxes = np.concatenate([corners.min(1), corners.max(1)], axis=1)
    scores = draw(arrays.arrays(np.float64, n, elements=SCORES))
    phrases = draw(arrays.arrays(np.int64, n, elements=st.integers(0, 3)))
    return Candidates(boxes, scores, phrases)


def candidates(*entries):
    return Candidates(
        np.array([box for box, _, _ in entries], float).reshape(-1, 4),
        np.array([score for _, score, _ in entries], float),
        np.array([phrase for _, _, phrase in entries], int),
    )


def plain_iou(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
    return common / union if union > 0 else 0.0


def plain_nms(boxes, scores, iou):
    kept = []
    for at in sorted(range(len(scores)), key=lambda at: (-scores[at], at)):
        if all(plain_iou(boxes[at], boxes[other]) <= iou for other in kept):
            kept.append(at)
    return kept


@given(offers(), st.sampled_from([0.3, 0.5, 0.6, 0.9, 1.0]))
def test_suppression_is_what_a_plain_loop_does(found, iou):
    assert suppress(found.boxes, found.scores, iou).tolist() == plain_nms(found.boxes, found.scores, iou)


@given(offers())
def test_overlaps_are_those_of_each_pair(found):
    measured = overlaps(found.boxes, found.boxes)
    assert measured == pytest.approx(
        np.array([[plain_iou(a, b) for b in found.boxes] for a in found.boxes] or measured)
    )


@given(offers(), SCORES)
def test_what_is_chosen_is_over_the_threshold_inside_the_image_and_apart(found, threshold):
    chosen = choose(found, threshold, BoxRules(), 200, 100)
    assert (chosen.scores > threshold).all()
    assert ((chosen.boxes >= 0) & (chosen.boxes <= 1)).all()
    apart = overlaps(chosen.boxes, chosen.boxes) - np.eye(len(chosen.boxes))
    assert (apart <= 0.6 + 1e-12).all()
    assert (np.diff(chosen.phrases) >= 0).all()
    assert set(map(tuple, chosen.boxes)) <= set(map(tuple, found.boxes))


@given(offers(), SCORES)
def test_the_runner_up_is_the_best_box_of_the_phrase_elsewhere(found, threshold):
    chosen = choose(found, threshold, BoxRules(min_side=0), 200, 100)
    solid = (found.boxes[:, 2:] > found.boxes[:, :2]).all(1)
    offered = list(zip(found.boxes[solid], found.scores[solid], found.phrases[solid], strict=True))
    for box, _, phrase, rival in zip(*chosen, strict=True):
        elsewhere = [score for other, score, of in offered if of == phrase and plain_iou(box, other) <= 0.6]
        assert rival == max(elsewhere, default=0.0)


def test_a_score_that_equals_the_threshold_is_refused():
    found = candidates(((0.1, 0.1, 0.4, 0.4), 0.65, 0), ((0.5, 0.5, 0.9, 0.9), 0.6500001, 1))
    assert choose(found, 0.65, BoxRules(), 100, 100).phrases.tolist() == [1]


def test_a_box_below_the_threshold_still_makes_a_phrase_doubtful():
    found = candidates(((0.1, 0.1, 0.4, 0.4), 0.7, 0), ((0.5, 0.5, 0.9, 0.9), 0.6, 0), ((0.5, 0.1, 0.9, 0.4), 0.69, 1))
    assert choose(found, 0.65, BoxRules(), 100, 100).runner_up.tolist() == [0.6, 0.0]


def test_a_second_box_around_the_same_thing_is_no_rival():
    found = candidates(((0.1, 0.1, 0.5, 0.5), 0.9, 0), ((0.1, 0.1, 0.5, 0.49), 0.8, 0))
    chosen = choose(found, 0.5, BoxRules(), 100, 100)
    assert chosen.scores.tolist() == [0.9]
    assert chosen.runner_up.tolist() == [0.0]


def test_a_hat_stays_inside_its_man():
    man, hat = (0.2, 0.1, 0.8, 1.0), (0.4, 0.1, 0.6, 0.25)
    chosen = choose(candidates((man, 0.9, 0), (hat, 0.8, 1)), 0.5, BoxRules(), 100, 100)
    assert chosen.boxes.tolist() == [list(man), list(hat)]


def test_of_two_phrases_that_claim_one_thing_the_surer_gets_it():
    box = (0.2, 0.1, 0.8, 1.0)
    assert choose(candidates((box, 0.7, 0), (box, 0.8, 1)), 0.5, BoxRules(), 100, 100).phrases.tolist() == [1]
    assert choose(candidates((box, 0.8, 0), (box, 0.8, 1)), 0.5, BoxRules(), 100, 100).phrases.tolist() == [0]


def test_boxes_are_cut_at_the_edge_and_must_have_extent():
    found = candidates(
        ((-0.2, 0.5, 0.5, 1.3), 0.9, 0),  # reaches out
        ((1.2, 0.1, 1.5, 0.4), 0.9, 1),  # is outside
        ((0.5, 0.5, 0.4, 0.9), 0.9, 2),  # inside out
        ((np.nan, 0.1, 0.4, 0.9), 0.9, 3),
        ((0.1, 0.1, 0.4, 0.4), np.nan, 4),
    )
    chosen = choose(found, 0.5, BoxRules(min_side=0), 100, 100)
    assert chosen.boxes.tolist() == [[0.0, 0.5, 0.5, 1.0]]


@pytest.mark.parametrize(
    ("rules", "box", "taken"),
    [
        (BoxRules(min_side=2), (0, 0, 0.02, 1), True),
        (BoxRules(min_side=2), (0, 0, 0.019, 1), False),
        (BoxRules(min_side=2), (0, 0, 1, 0.039), False),  # of 50 pixels
        (BoxRules(min_area=0.01), (0, 0, 0.25, 0.04), True),
        (BoxRules(min_area=0.01), (0, 0, 0.24, 0.04), False),
        (BoxRules(), (0, 0, 1, 1), True),
        (BoxRules(max_area=0.95), (0, 0, 1, 0.95), True),
        (BoxRules(max_area=0.95), (0, 0, 1, 0.96), False),
    ],
)
def test_bounds(rules, box, taken):
    assert is_valid(np.array([box], float), rules, 100, 50).tolist() == [taken]


def test_nothing_offered_is_nothing_chosen():
    chosen = choose(Candidates.none(), 0.5, BoxRules(), 10, 10)
    assert [len(part) for part in chosen] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("spans", "kept"),
    [
        ([], set()),
        ([(0, 5)], {(0, 5)}),
        ([(0, 5), (0, 5)], {(0, 5)}),
        ([(0, 27), (0, 5), (9, 16), (20, 27)], {(0, 5), (9, 16), (20, 27)}),  # a dog in a field of flowers
        ([(0, 10), (12, 20)], {(0, 10), (12, 20)}),
        ([(0, 10), (0, 5)], {(0, 5)}),
    ],
)
def test_nested_labels(spans, kept):
    assert unnested(spans) == kept


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 10)).map(lambda s: (s[0], s[0] + s[1])), max_size=12))
def test_no_kept_label_lies_inside_another_and_each_dropped_one_holds_a_kept_one(spans):
    kept = unnested(spans)
    for start, end in kept:
        assert not any((a, b) != (start, end) and start <= a and b <= end for a, b in kept)
    for start, end in set(spans) - kept:
        assert any(start <= a and b <= end for a, b in kept)

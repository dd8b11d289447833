"""Phrases in prompts, and scores of tokens as scores of phrases."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.grounding.detectors.grounding_dino import corners, tied
from pipelines.grounding.detectors.prompts import cleaned, positive_map, prompts

WORDS = st.lists(st.sampled_from(["a", "red", "dog", "St.", "who?", "[SEP]", "猫"]), max_size=9).map(" ".join)


def tokens(text):
    """Words and punctuation, each one token, with their characters; special tokens have none."""
    return [(0, 0), *(match.span() for match in re.finditer(r"\w+|[^\w\s]", text)), (0, 0)]


def counted(phrases):
    return [len(tokens(cleaned(phrase))) - 2 for phrase in phrases]


@given(st.lists(WORDS, max_size=12), st.integers(5, 30))
def test_every_phrase_is_asked_once_or_said_not_to_be(phrases, most):
    made, unasked = prompts(phrases, counted(phrases), most)
    asked = [place for prompt in made for place in prompt.places]
    assert asked == [place for place in range(len(phrases)) if place not in unasked]
    for prompt in made:
        assert len(tokens(prompt.text)) <= most
        assert [prompt.text[slice(*span)] for span in prompt.spans] == [cleaned(phrases[at]) for at in prompt.places]
        assert prompt.text.count(".") == len(prompt.places)
    for place, reason in unasked.items():
        length = counted(phrases)[place]
        assert reason == ("no_token" if length == 0 else "too_long")
        assert length == 0 or length + 3 > most


@given(st.lists(WORDS, max_size=12))
def test_a_token_is_of_the_phrase_that_it_stands_in_and_full_stops_are_of_none(phrases):
    for prompt in prompts(phrases, counted(phrases), 30)[0]:
        offsets = tokens(prompt.text)
        positive = positive_map(prompt, offsets)
        assert positive.sum(0).max(initial=0) <= 1
        for (start, end), of in zip(offsets, positive.T, strict=True):
            assert of.any() == (prompt.text[start:end] not in ("", "."))
        lengths = [len(tokens(cleaned(phrases[at]))) - 2 for at in prompt.places]
        assert positive.sum(1).tolist() == lengths


def test_a_box_goes_to_the_phrase_whose_token_was_planted():
    (prompt,), _ = prompts(["a red dog", "a dog", "the St. Bernard"], [3, 2, 3], 256)
    offsets = tokens(prompt.text)
    positive = positive_map(prompt, offsets)
    words = [prompt.text[start:end] for start, end in offsets]
    assert words == ["", "a", "red", "dog", ".", "a", "dog", ".", "the", "St", "Bernard", ".", ""]
    planted = np.zeros((5, 256))
    planted[0, 3] = 0.9  # the first "dog"
    planted[1, 6] = 0.8  # the second
    planted[2, 9] = 0.7
    planted[3, 4] = planted[3, 0] = planted[3, 12] = planted[3, 200] = 0.99  # what is no word of any phrase
    planted[4, 2] = planted[4, 5] = 0.6
    boxes = np.tile([0.5, 0.5, 0.2, 0.4], (5, 1))
    found = tied(boxes, planted, prompt, positive, 0.5)
    assert list(zip(found.phrases.tolist(), found.scores.tolist(), strict=True)) == [
        (0, 0.9),
        (1, 0.8),
        (2, 0.7),
        (0, 0.6),
        (1, 0.6),
    ]
    assert found.boxes[0] == pytest.approx([0.4, 0.3, 0.6, 0.7])


def test_a_phrase_of_a_later_prompt_keeps_its_place():
    made, _ = prompts(["a dog"] * 5, [2] * 5, 8)
    assert [prompt.places for prompt in made] == [(0, 1), (2, 3), (4,)]
    scores = np.full((1, 8), 0.9)
    found = tied(np.ones((1, 4)), scores, made[1], positive_map(made[1], tokens(made[1].text)), 0.5)
    assert found.phrases.tolist() == [2, 3]


def test_corners():
    assert corners(np.array([[0.5, 0.25, 1.0, 0.5]])).tolist() == [[0.0, 0.0, 1.0, 0.5]]

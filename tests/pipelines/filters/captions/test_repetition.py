"""Repetition by n-gram ratios, counted by hand."""

import pytest

from pipelines.filters.captions.repetition import (
    CharacterRepetition,
    WordRepetition,
    character_repetition,
    word_repetition,
)
from tests.support.captions import reason, value


@pytest.mark.parametrize(
    ("text", "n", "ratio"),
    [
        ("", 2, 0.0),
        ("abc", 4, 0.0),
        ("abcdef", 2, 0.0),
        ("ababab", 2, 3 / 5),  # ab ×3, ba ×2: of two distinct ones the one most frequent
        ("aaaa", 2, 1.0),
        ("abcabd", 2, 2 / 5),  # ab ×2 of ab bc ca ab bd
        ("好好好好", 1, 1.0),
    ],
)
def test_character_n_grams(text: str, n: int, ratio: float) -> None:
    assert character_repetition(text, n) == ratio


@pytest.mark.parametrize(
    ("text", "n", "ratio"),
    [
        ("", 1, 0.0),
        ("a cat", 3, 0.0),
        ("buy now, Buy now! buy shoes", 2, 4 / 5),  # buy now ×2, now buy ×2, buy shoes
        ("a red cat and a blue cat", 2, 0.0),
        ("sale sale", 1, 1.0),
        ("买鞋买鞋", 2, 2 / 3),
        ("don't don't", 1, 1.0),
    ],
)
def test_word_n_grams(text: str, n: int, ratio: float) -> None:
    assert word_repetition(text, n) == ratio


def test_a_caption_may_repeat_as_much_as_the_bound_and_no_more() -> None:
    assert reason(CharacterRepetition(n=2, at_most=0.4), "abcabd") is None
    assert reason(CharacterRepetition(n=2, at_most=0.39), "abcabd") == "character_repetition"
    assert reason(WordRepetition(n=2, at_most=0.8), "buy now buy now buy shoes") is None
    assert reason(WordRepetition(n=2, at_most=0.79), "buy now buy now buy shoes") == "word_repetition"
    assert value(WordRepetition(n=2, at_most=0.79), "buy now buy now buy shoes") == 0.8


def test_ordinary_captions_pass_at_the_defaults() -> None:
    for text in (
        "A man and a woman walk a dog on the beach at sunset",
        "一个男人和一个女人在海边遛狗",
        "The dog of the house",
    ):
        assert reason(CharacterRepetition(), text) is None
        assert reason(WordRepetition(), text) is None

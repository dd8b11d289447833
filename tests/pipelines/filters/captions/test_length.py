"""Lengths of captions, both sides of every published bound."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.filters.captions.characters import Characters
from pipelines.filters.captions.length import CaptionCharacters, CaptionWords, HanCharacters
from pipelines.filters.captions.rule import CaptionRule
from tests.support.captions import reason, value


@pytest.mark.parametrize(
    ("rule", "kept", "refused"),
    [
        pytest.param(CaptionCharacters(at_least=5, at_most=None), "a cat", "cats", id="LAION-5B: at least 5"),
        pytest.param(CaptionCharacters(), "a cats", "a cat", id="COYO-700M: more than 5"),
        pytest.param(CaptionCharacters(), "x" * 1000, "x" * 1001, id="COYO-700M: at most 1000"),
        pytest.param(CaptionCharacters(at_least=6, at_most=None), "a cats", "a cat", id="DataComp: more than 5"),
        pytest.param(CaptionWords(), "a small cat", "a cat", id="COYO-700M: at least 3 words"),
        pytest.param(CaptionWords(), "a " * 256, "a " * 257, id="COYO-700M: at most 256 words"),
        pytest.param(CaptionWords(at_least=3, at_most=None), "a small cat", "small cat", id="DataComp: more than 2"),
        pytest.param(HanCharacters(), "猫", "a cat", id="Wukong: at least 1"),
        pytest.param(HanCharacters(), "猫" * 31, "猫" * 32, id="Wukong: at most 31"),
        pytest.param(HanCharacters(), "iPhone 15 手机", "iPhone 15", id="Wukong counts Chinese characters alone"),
    ],
)
def test_both_sides_of_a_bound(rule: CaptionRule, kept: str, refused: str) -> None:
    assert reason(rule, kept) is None
    assert reason(rule, refused) == rule.reason


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("   ", 0),
        ("  a \t\n cat  ", 5),
        ("猫咪", 2),
        ("a\u3000猫", 3),
        ("a\u200bb", 3),
        ("👍🏽", 2),
    ],
)
def test_characters_are_code_points_with_white_space_collapsed(text: str, length: int) -> None:
    assert Characters(pa.array([text])).lengths().tolist() == [length]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        (" — ! ", 0),
        ("a small cat", 3),
        ("don't stop – t-shirt & 4×4", 4),
        ("5 dogs", 2),
        ("一只猫", 3),
        ("一只cat在iPhone15上", 6),
        ("日本のカメラ", 6),
        ("高清壁纸 1920x1080", 5),
        ("«привет», мир", 2),
        ("नमस्ते दुनिया", 2),
        ("한국어 문장", 2),
    ],
)
def test_a_word_holds_a_letter_or_number_and_each_han_or_kana_character_is_one(text: str, words: int) -> None:
    assert Characters(pa.array([text])).words().tolist() == [words]


@given(st.lists(st.text("ab1 -\t猫ノé😀\u0301")), st.integers(0, 3))
def test_texts_are_measured_one_by_one_whoever_their_neighbours_are(texts: list[str], skip: int) -> None:
    array = pa.array(texts, pa.string()).slice(skip)
    together = Characters(array)
    alone = [Characters(pa.array([text])) for text in array.to_pylist()]
    assert together.lengths().tolist() == [int(one.lengths()[0]) for one in alone]
    assert together.lengths().tolist() == [len(" ".join(text.split())) for text in array.to_pylist()]
    assert together.words().tolist() == [int(one.words()[0]) for one in alone]


def test_the_value_is_the_length() -> None:
    assert value(CaptionWords(), "a cat") == 2.0
    assert value(HanCharacters(), "a cat") == 0.0


def test_bounds_between_which_nothing_lies_are_a_mistake() -> None:
    with pytest.raises(ValidationError, match="nothing would be left"):
        CaptionWords(at_least=3, at_most=2)

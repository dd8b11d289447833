"""What makes two texts the same to a benchmark list."""

import pytest

from pipelines.filters.contamination.words import hash_of, ngrams, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What COLOUR is the cat's hat?", ["what", "colour", "is", "the", "cat", "s", "hat"]),
        ("  two\twords\n", ["two", "words"]),
        ("图中有什么？", ["图", "中", "有", "什", "么"]),
        ("一只cat 2只dog", ["一", "只", "cat", "2", "只", "dog"]),
        ("ＦＵＬＬ　ｗｉｄｔｈ", ["full", "width"]),
        ("snake_case", ["snake", "case"]),
        ("… !?", []),
    ],
)
def test_words_are_what_is_left_without_case_punctuation_and_layout(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_a_run_begins_at_every_word_that_has_enough_after_it() -> None:
    said = words("a b c d")
    assert ngrams(said, 3) == [hash_of(["a", "b", "c"]), hash_of(["b", "c", "d"])]
    assert ngrams(said, 4) == [hash_of(said)]
    assert ngrams(said, 5) == []


def test_words_are_not_run_together() -> None:
    assert hash_of(["ab", "c"]) != hash_of(["a", "bc"])

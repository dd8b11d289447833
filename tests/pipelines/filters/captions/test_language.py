"""The language of captions: filled in where it is not stated, judged, guarded where there is little to judge."""

import pytest
from pydantic import ValidationError

from pipelines.filters.captions.language import UNKNOWN, Language
from tests.support.captions import captions_of, processed, reason, web


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("A dog in a field of flowers", "en"),
        ("一只狗", "zh"),
        ("夕焼けに染まる富士山", "ja"),
        ("Ein Hund auf der Wiese", "de"),
        ("Nike 男士跑步鞋", "zh"),
        ("a man named 王 walks his dog through the park", "en"),
        ("猫", UNKNOWN),
        ("猫狗", "zh"),
        ("cat", UNKNOWN),
        ("", UNKNOWN),
        ("12345 67890", UNKNOWN),
        ("SKU 123-AB-77", UNKNOWN),
        ("https://example.org/a-dog-in-a-field", UNKNOWN),
        ("jane@example.org #abcdef @shop", UNKNOWN),
        ("<b> </b> &nbsp;", UNKNOWN),
        ("★★★ !!! 😀😀😀", UNKNOWN),
    ],
)
def test_what_says_too_little_is_not_known(text: str, language: str) -> None:
    assert Language().load().identify(text) == language


def test_both_sides_of_the_guard() -> None:
    assert Language(min_letters=5, min_confidence=0).load().identify("dogs") == UNKNOWN
    assert Language(min_letters=4, min_confidence=0).load().identify("dogs") != UNKNOWN
    assert Language(min_confidence=1).load().identify("A dog in a field of flowers") == UNKNOWN


def test_a_language_that_is_not_stated_is_filled_in_and_one_that_is_stands() -> None:
    rows = [web("A dog in a field"), web("A dog in a field", lang="de"), web("12345"), [*web("一只狗"), *web("SKU 7")]]
    found = processed(Language(), *rows)
    assert found.verdicts.reason.to_pylist() == [None] * 4
    assert [[caption.lang for caption in row] for row in captions_of(found)] == [["en"], ["de"], [None], ["zh", None]]


def test_captions_that_do_not_count_are_left_alone() -> None:
    row = [*web("A dog in a field", refused="file_name"), *web("A cat on the sofa")]
    assert [caption.lang for caption in captions_of(processed(Language(), row))[0]] == [None, "en"]


def test_a_row_leaves_when_no_caption_is_in_a_wanted_language() -> None:
    rows = [web("Ein Hund auf der Wiese"), [*web("Ein Hund auf der Wiese"), *web("A dog in a field")]]
    found = processed(Language(languages=("en", "zh")), *rows)
    assert found.verdicts.reason.to_pylist() == ["language", None]
    assert found.verdicts.detail.to_pylist() == ["de", None]
    assert [(caption.lang, caption.refused) for caption in captions_of(found)[1]] == [("de", "language"), ("en", None)]


def test_a_stated_language_is_judged_by_its_first_part() -> None:
    rows = [web("一只狗", lang="zh-Hans"), web("A dog", lang="EN_us"), web("Ein Hund", lang="de")]
    found = processed(Language(languages=("en", "zh")), *rows)
    assert found.verdicts.reason.to_pylist() == [None, None, "language"]


def test_what_is_not_known_is_kept_or_rejected_as_the_recipe_says() -> None:
    assert reason(Language(languages=("en",)), "SKU 123") is None
    assert reason(Language(languages=("en",), unknown="reject"), "SKU 123") == "language"


def test_a_language_is_a_code() -> None:
    with pytest.raises(ValidationError, match="no ISO 639 code"):
        Language(languages=("English",))

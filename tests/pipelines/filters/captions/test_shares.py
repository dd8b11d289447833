"""Shares of letters, numbers, capitals and symbols."""

import pytest
from pydantic import ValidationError

from pipelines.filters.captions.rule import CaptionRule
from pipelines.filters.captions.shares import AlphanumericShare, DigitShare, SpecialShare, UppercaseShare
from tests.support.captions import reason, value


@pytest.mark.parametrize(
    ("rule", "kept", "refused"),
    [
        (AlphanumericShare(at_least=0.6), "abc456 !!!!", "abc45 !!!!"),
        (AlphanumericShare(at_least=0.6), "नमस्ते", "—★—"),
        (SpecialShare(at_most=0.25), "猫和狗!", "猫和!"),
        (SpecialShare(at_most=0.25), "it's", "it''s"),
        (DigitShare(at_most=0.3), "abcdefg 123", "abcdef 123"),
        (DigitShare(at_most=0.3), "一二三", "①②③"),
        (UppercaseShare(at_most=0.7), "ABCDEFG abc", "ABCDEFG ab"),
        (UppercaseShare(at_most=0.7), "VIP 1234 猫咪!", "VIP 1234 猫!"),
        (UppercaseShare(at_least=0.1, at_most=1.0), "A plain cat", "a plain one"),
    ],
)
def test_both_sides_of_a_bound(rule: CaptionRule, kept: str, refused: str) -> None:
    assert reason(rule, kept) is None
    assert reason(rule, refused) == rule.reason


def test_the_value_is_the_share_of_what_is_not_white_space() -> None:
    assert value(DigitShare(at_most=0.3), "ab  12") == 0.5
    assert value(UppercaseShare(at_most=0.3), "AB 12 cd") == 0.5


def test_a_blank_caption_has_no_share_of_anything() -> None:
    assert reason(AlphanumericShare(), "  ") == "alphanumeric_share"
    assert reason(SpecialShare(), "  ") is None


def test_a_share_is_between_0_and_1() -> None:
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        DigitShare(at_most=30)
    with pytest.raises(ValidationError, match="nothing would be left"):
        DigitShare(at_least=0.5, at_most=0.4)

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_cards.markdown import code, escape, table


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words, 50 % of them (some)", "plain words, 50 % of them \\(some\\)"),
        ("a | b", "a \\| b"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert\\(1\\)&lt;/script&gt;"),
        ("# head\n\n- item", "\\# head \\- item"),
        ("[text](http://e.org)", "\\[text\\]\\(http\\://e.org\\)"),
        ("---\nlicense: mit", "\\-\\-\\- license\\: mit"),
        ("a\u202eb\x00c", "a b c"),
        ("www.evil.example, WWW.evil.example", "www\\.evil.example, WWW\\.evil.example"),
        ("who@evil.example", "who\\@evil.example"),
    ],
)
def test_markup_becomes_words(text: str, expected: str) -> None:
    assert escape(text) == expected


@given(st.text())
def test_no_line_border_or_tag_survives(text: str) -> None:
    safe = escape(text)
    assert len(safe.splitlines()) <= 1
    assert not re.search(r"[<>]|(?<!\\)(?:\\\\)*[|`*\[]", safe)


def test_identifiers_stand_in_code_spans_and_nothing_else_does() -> None:
    assert code("aspect_ratio") == "`aspect_ratio`"
    assert code("CC-BY-4.0") == "`CC-BY-4.0`"
    assert code("a`b") == "a\\`b"


def test_tables_align_numbers() -> None:
    assert table(("a", "n"), [("x", 12345)], " r") == "| a | n |\n| --- | ---: |\n| x | 12,345 |"

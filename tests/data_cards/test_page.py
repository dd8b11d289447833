"""What came from sources is shown as text, whatever it holds."""

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_cards.page import language, page, shown
from tests.support.html import check_offline


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a dog & a cat", "a dog &amp; a cat"),
        ("</p><script>alert(1)</script>", "&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("\"' onerror=alert(1)", "&quot;&#x27; onerror=alert(1)"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("evil\u202egpj.exe", "evil⟨U+202E⟩gpj.exe"),
        ("\u2066\u2067\u2069\u200f\ufeff\x00\x1b", "⟨U+2066⟩⟨U+2067⟩⟨U+2069⟩⟨U+200F⟩⟨U+FEFF⟩⟨U+0000⟩⟨U+001B⟩"),
        ("one\ntwo\tthree\u2028four", "one⏎ two three⟨U+2028⟩four"),
        ("👩\u200d👧 سلام می\u200cخواهم 猫", "👩\u200d👧 سلام می\u200cخواهم 猫"),
        ("\ud800", "⟨U+D800⟩"),
    ],
)
def test_hostile_text_reads_as_text(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_text_without_end_is_cut_with_a_note() -> None:
    assert shown("a" * 1_000_000, 5) == "aaaaa… (cut: 1,000,000 characters)"
    assert shown("猫" * 4, 7) == "猫猫… (cut: 4 characters)"
    assert shown("&&", 9) == "&amp;… (cut: 2 characters)"
    assert shown("aaaaa", 5) == "aaaaa"


@given(st.text(), st.integers(0, 100))
def test_no_markup_survives_and_the_length_is_kept(text: str, room: int) -> None:
    safe, note, _ = shown(text, room).partition("… (cut: ")
    assert len(safe.encode()) <= room
    assert not set(safe) & set("<>\"'\u202e\r\n")
    assert note or html.unescape(safe) == html.unescape(shown(text, 10**6))


@pytest.mark.parametrize(
    ("code", "expected"),
    [("en", ' lang="en"'), ("zh-Hans", ' lang="zh-Hans"'), (None, ""), ("", ""), ('en" onload="x', ""), ("x" * 99, "")],
)
def test_only_language_codes_become_attributes(code: str | None, expected: str) -> None:
    assert language(code) == expected


def test_a_page_allows_its_own_style_and_nothing_else() -> None:
    found = check_offline(page("</title><script>", "<p>all is well</p>", "p { color: red; }"))
    assert found.all("title")[0].text == "</title><script>"
    assert found.all("p")[0].text == "all is well"

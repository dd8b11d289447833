"""Lines joined to text: spaces and hyphens by script, line feeds between blocks."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ocr.joining import join, junction


def line(text: str, block: int = 0, dropped: str | None = None) -> dict[str, Any]:
    return {"text": text, "block": block, "dropped": dropped}


@pytest.mark.parametrize(
    ("text", "following", "joined"),
    [
        pytest.param("the quick", "brown fox", "the quick brown fox", id="Latin words"),
        pytest.param("今天天气", "很好", "今天天气很好", id="Han"),
        pytest.param("今天，", "我们", "今天，我们", id="after wide punctuation"),
        pytest.param("他说", "“好”", "他说“好”", id="before a quotation mark"),
        pytest.param("使用 Python", "编程", "使用 Python编程", id="Latin before Han"),
        pytest.param("请使用", "Python", "请使用Python", id="Han before Latin"),
        pytest.param("共计", "100元", "共计100元", id="Han before digits"),
        pytest.param("ありが", "とう", "ありがとう", id="kana"),
        pytest.param("대한", "민국", "대한 민국", id="Hangul is spaced"),
        pytest.param("１２３", "４５６", "１２３ ４５６", id="wide digits are digits"),
        pytest.param("exam-", "ple", "example", id="a broken word"),
        pytest.param("This is an exam-", "ple of it", "This is an example of it", id="the last word of several"),
        pytest.param("exam\u2010", "ple", "example", id="a hyphen of its own"),
        pytest.param("exam\u00ad", "ple", "example", id="a soft hyphen"),
        pytest.param("caf\u00e9-", "table", "cafétable", id="an accent is a small letter"),
        pytest.param("well-", "Known", "well-Known", id="a capital follows"),
        pytest.param("WELL-", "KNOWN", "WELL-KNOWN", id="capitals"),
        pytest.param("2019-", "2020", "2019-2020", id="numbers"),
        pytest.param("COVID-", "19", "COVID-19", id="a number follows"),
        pytest.param("state-of-", "the-art", "state-of-the-art", id="a word of several hyphens"),
        pytest.param("this -", "that", "this - that", id="a dash"),
        pytest.param("-", "that", "- that", id="a lone dash"),
        pytest.param("end-", "“quoted”", "end- “quoted”", id="punctuation after a hyphen"),
        pytest.param("北京-", "上海", "北京-上海", id="a hyphen between Han"),
        pytest.param("(see", "below)", "(see below)", id="words in brackets"),
        pytest.param("call (", "see below)", "call (see below)", id="after an opening bracket"),
        pytest.param("and/", "or", "and/or", id="after a slash"),
        pytest.param("wait", "!", "wait!", id="before closing punctuation"),
        pytest.param("wait", ". Then", "wait. Then", id="before a full stop"),
        pytest.param("use", ".NET", "use .NET", id="a dot that begins a word"),
        pytest.param("It's", "$5", "It's $5", id="a symbol"),
    ],
)
def test_what_stands_between_lines(text: str, following: str, joined: str) -> None:
    assert junction(text, following) == joined


def test_a_line_feed_stands_between_blocks_also_after_a_hyphen() -> None:
    assert join([line("exam-"), line("ple one"), line("two-", 1), line("three", 2)]) == "example one\ntwo-\nthree"


def test_lines_that_do_not_count_leave_no_trace() -> None:
    lines = [line("one"), line("junk", dropped="low_score"), line("two"), line("three", 1, "other_script")]
    assert join(lines) == "one two"
    assert join(lines[1:2]) == ""
    assert join([]) == ""


def test_white_space_around_lines_goes_and_within_them_stays() -> None:
    assert join([line(" one  two "), line("\u3000三"), line("  ")]) == "one  two三"


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=8), st.integers(0, 3)), max_size=6))
def test_joining_loses_nothing_but_white_space_and_hyphens(lines: list[tuple[str, int]]) -> None:
    hyphens = str.maketrans("", "", "-\u2010\u00ad")
    ordered = sorted(lines, key=lambda one: one[1])
    joined = join([line(text, block) for text, block in ordered])
    kept = "".join("".join(text for text, _ in ordered).split()).translate(hyphens)
    assert "".join(joined.split()).translate(hyphens) == kept

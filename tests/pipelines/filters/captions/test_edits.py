"""Edits of captions: what each mends, what it leaves, and that doing it again changes nothing."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.captions import counting
from pipelines.filters.captions.edit_stage import EditCaptions, SpecialTag
from pipelines.filters.captions.edits import EDITS, EditName, edited
from pipelines.placeholders import has_person
from tests.support.captions import captions_of, processed, reason, web

ALL = tuple(EDITS)


@pytest.mark.parametrize(
    ("edit", "before", "after"),
    [
        ("unicode", "cafÃ© at night", "café at night"),
        ("unicode", "e\u0301te\u0301 ﬁne", "été fine"),
        ("unicode", "bell\u0007 and \x1b[31mcolour", "bell and colour"),
        ("unicode", "ＮＩＫＥ　９０", "NIKE　90"),
        ("unicode", "“猫”，真可爱！", "“猫”，真可爱！"),
        ("html", "<b>A red barn</b> in H<sub>2</sub>O", "A red barn in H2O"),
        ("html", 'one<br/>two<IMG src="a.jpg" alt="three">', "one two "),
        ("html", "a &amp;amp; b &lt;3 &#8211; &eacute;", "a & b <3 – é"),
        ("html", "&lt;p&gt;a&lt;/p&gt;", " a "),
        ("html", "x<script>let a = 1;</script><!-- note -->y", "x  y"),
        ("html", 'A cat <a href="https://exam', "A cat  "),
        ("html", "3 < 5 > 2, AT&T, Q&A; <3 <PERSON> a<b", "3 < 5 > 2, AT&T, Q&A; <3 <PERSON> a<b"),
        ("tags", "see <URL> or <UNK> [UNK]", "see   or    "),
        ("tags", '[caption id="a_1" width="3"]A hill[/caption] {{ product.title }}', " A hill   "),
        ("tags", "an array [1] and a caption", "an array [1] and a caption"),
        ("persons", "<PERSON> and <person_2>'s dog", "person and person's dog"),
        ("persons", "‹人名›出席发布会，【人名】致辞", "某人出席发布会，某人致辞"),
        ("persons", "<人名>", "person"),
        ("persons", "中国人名大辞典", "中国人名大辞典"),
        ("patterns", "!!! SALE !!!!! now ---- *** yes", "SALE ! now - * yes"),
        ("patterns", "wait... and wait..... 等……等", "wait... and wait... 等……等"),
        ("patterns", "- A hill (1200x800) () IMG_1234.JPG |", "A hill"),
        ("patterns", "C++ at -5 degrees, 2019-2020", "C++ at -5 degrees, 2019-2020"),
        ("whitespace", " a \u00a0\u3000cat\u200b \r\n sat ", "a cat sat"),
    ],
)
def test_what_an_edit_does(edit: EditName, before: str, after: str) -> None:
    assert edited(before, [edit]) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<p>&lt;PERSON&gt; at the <i>premiere</i></p> -- ", "person at the premiere"),
        ("A castle &amp;amp; a   river !!!!", "A castle & a river !"),
        ("一只<b>猫</b>&nbsp;‹人名›", "一只猫 某人"),
        ("<br>", ""),
        ("A plain caption, left as it is.", "A plain caption, left as it is."),
        ("一只小狗在草地上奔跑。", "一只小狗在草地上奔跑。"),
    ],
)
def test_all_of_them_in_a_chain(before: str, after: str) -> None:
    assert edited(before, ALL) == after


MARK_UP = """\
<b> </b> <br/> <PERSON> < > & &amp; &lt; amp; lt; gt; b/ ‹人名› 人名 ( ) [ ] [caption id=1] {{ }} x 猫 - -- ... …… !!! !
&#60; &#x3c; Ã© é ＡＢ e\u0301 IMG_1234 (10x20) <URL> <!-- --> <script> </script> <a href="""
PIECES = st.lists(
    st.sampled_from([*MARK_UP.split(), " ", "\u00a0", "\u200b"]) | st.text(max_size=3),
    max_size=12,
).map("".join)


@given(PIECES, st.permutations(ALL), st.integers(1, len(ALL)))
@example("<<b>b>x</<b>b>", ALL, len(ALL))
@example("&am&amp;p;lt;b&gt;", ALL, len(ALL))
@example("<PER<b>SON>", ALL, len(ALL))
@example("<" * 30 + "b>" * 30, ALL, len(ALL))
@example("&" + "amp;" * 30, ALL, len(ALL))
@example("<a href=" * 30, ALL, len(ALL))
def test_a_chain_applied_again_changes_nothing(text: str, order: list[EditName], length: int) -> None:
    once = edited(text, order[:length])
    assert edited(once, order[:length]) == once


@given(PIECES)
def test_no_placeholder_of_a_person_is_left(text: str) -> None:
    assert not has_person(edited(text, ALL))


@pytest.mark.parametrize(
    "piece", ["<", "<a ", "<b>", "&amp;", "&lt;b", "<!--", "[caption ", "{{", "!", "- ", "(", "<a href="]
)
def test_no_text_makes_an_edit_slow(piece: str) -> None:
    edited(piece * 20_000, ALL)


def test_one_caption_is_appended_for_the_whole_chain_and_counts_in_the_others_place() -> None:
    rows = [web("<b>A &amp; B</b>  cat", lang="en"), web("plain"), [*web("fine"), *web("a  b"), *web("c  d")], [], None]
    found = processed(EditCaptions(), *rows)
    first, second, third, *rest = captions_of(found)
    assert [(one.text, one.role, one.of, one.lang) for one in first] == [
        ("<b>A &amp; B</b>  cat", "web", None, "en"),
        ("A & B cat", "edited", 0, "en"),
    ]
    assert [one.text for one in second] == ["plain"]
    assert [(one.text, one.of) for one in third[3:]] == [("a b", 1), ("c d", 2)]
    assert [one.text for one in counting(third)] == ["fine", "a b", "c d"]
    assert rest == [[], []]
    assert found.verdicts.reason.null_count == len(rows)


def test_what_is_refused_or_replaced_is_not_edited() -> None:
    row = [*web("a  b", refused="file_name"), *web("c  d"), {"text": "e", "role": "edited", "of": 1}]
    assert len(captions_of(processed(EditCaptions(), row))[0]) == 3


def test_an_edit_of_an_edit_replaces_it() -> None:
    row = [*web("a  <b>b</b>"), {"text": "a  b", "role": "edited", "of": 0}]
    (edits,) = captions_of(processed(EditCaptions(edits=("whitespace",)), row))
    assert [(one.text, one.of) for one in counting(edits)] == [("a b", 1)]


def test_where_nothing_changes_the_column_is_the_very_same() -> None:
    found = processed(EditCaptions(), web("plain"), web("也很平常"))
    assert [[one.text for one in row] for row in captions_of(found)] == [["plain"], ["也很平常"]]


def test_an_edit_stands_once() -> None:
    with pytest.raises(ValidationError, match="stands twice"):
        EditCaptions(edits=("html", "html"))


@pytest.mark.parametrize("tag", ["<PERSON>", "‹人名›", "<URL>", "[UNK]", "&lt;person&gt;", "< PERSON>"])
def test_captions_with_a_special_tag_may_be_refused_instead(tag: str) -> None:
    found = processed(SpecialTag(), web(f"a dog and {tag}"))
    assert (found.verdicts.reason.to_pylist(), found.verdicts.detail.to_pylist()) == (["special_tag"], [tag])
    assert reason(SpecialTag(), "a dog and a person") is None

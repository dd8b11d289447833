"""Which phrases of a caption single something out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.chatml.ambiguity import ambiguous, is_judged
from pipelines.chatml.regions import Span


def unclear(caption: str, *phrases: str, chinese: bool = False) -> dict[str, bool]:
    """Each phrase, at its first place behind the one before, and whether it is ambiguous."""
    spans: list[Span] = []
    for phrase in phrases:
        start = caption.index(phrase, spans[-1][1] if spans else 0)
        spans.append((start, start + len(phrase)))
    judged = ambiguous(caption, spans, chinese=chinese)
    return {f"{phrase}@{span[0]}": flag for phrase, span, flag in zip(phrases, spans, judged, strict=True)}


@pytest.mark.parametrize(
    ("caption", "clear", "refused"),
    [
        ("one circle and one square", ("one circle", "one square"), ()),
        ("a red circle and a blue circle", ("a red circle", "a blue circle"), ()),
        ("A man is running, while another man is looking.", (), ("A man", "another man")),
        ("a dog beside a big dog", ("a big dog",), ("a dog",)),
        ("a dog among dogs", (), ("a dog",)),
        ("two dogs and a cat", ("a cat",), ("two dogs",)),
        ("each child holds a kite", ("a kite",), ("each child",)),
        ("the woman next to other women", (), ("the woman", "other women")),
        ("three boxes on a table", ("a table",), ("three boxes",)),
        ("a box of boxes", (), ("a box",)),
        ("a fly on flies", (), ("a fly",)),
        ("A Man and a woman", ("A Man", "a woman"), ()),
        ("his bicycle by the wall", ("his bicycle", "the wall"), ()),
        ("a glass of water", ("a glass",), ()),
        ("dogs playing", (), ("dogs",)),
        ("people on a street", ("a street",), ("people",)),
        ("some dogs on grass", ("grass",), ("some dogs",)),
        ("A man is running while another is looking", (), ("A man",)),
        ("A man is running and so are others", (), ("A man",)),
        ("a bus and a dress", ("a bus", "a dress"), ()),
    ],
)
def test_a_phrase_is_asked_for_only_when_the_caption_speaks_of_one_such_thing(
    caption: str, clear: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    phrases = sorted([*clear, *refused], key=caption.index)
    judged = unclear(caption, *phrases)
    assert {what.split("@")[0] for what, flag in judged.items() if flag} == set(refused)


def test_a_thing_named_again_where_no_phrase_covers_it_is_refused() -> None:
    assert unclear("a man is running, another man is looking", "a man") == {"a man@0": True}
    assert unclear("a red circle, a blue circle", "a red circle") == {"a red circle@0": True}


def test_the_same_span_twice_is_one_phrase_with_two_boxes() -> None:
    assert ambiguous("a red circle", [(0, 12), (0, 12)], chinese=False) == [False, False]


@pytest.mark.parametrize(
    ("caption", "clear", "refused"),
    [
        ("一个男人和一个女人", ("一个男人", "一个女人"), ()),
        ("一只狗在草地上", ("一只狗",), ()),
        ("一个男人在跑步，另一个男人在看", (), ("一个男人", "另一个男人")),
        ("一个男人和一个高个男人", ("一个高个男人",), ("一个男人",)),
        ("两只狗追着一只猫", ("一只猫",), ("两只狗",)),
        ("一群羊在山坡上", ("山坡",), ("一群羊",)),
        ("第二辆汽车旁的树", ("树",), ("第二辆汽车",)),
        ("三明治旁的杯子", ("三明治", "杯子"), ()),
        ("一些狗", (), ("一些狗",)),
    ],
)
def test_chinese_phrases_are_judged_by_their_last_words(
    caption: str, clear: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    phrases = sorted([*clear, *refused], key=caption.index)
    judged = unclear(caption, *phrases, chinese=True)
    assert {what.split("@")[0] for what, flag in judged.items() if flag} == set(refused)


@pytest.mark.parametrize(
    ("lang", "judged"), [(None, True), ("en", True), ("en-GB", True), ("zh_Hant", True), ("fr", False), ("ja", False)]
)
def test_english_and_chinese_are_judged(lang: str | None, judged: bool) -> None:
    assert is_judged(lang) == judged


@given(st.text(max_size=40), st.lists(st.tuples(st.integers(0, 39), st.integers(1, 10)), max_size=5), st.booleans())
def test_any_text_is_judged(caption: str, lengths: list[tuple[int, int]], chinese: bool) -> None:
    spans = [(start, min(start + length, len(caption))) for start, length in lengths if start < len(caption)]
    assert len(ambiguous(caption, spans, chinese=chinese)) == len(spans)

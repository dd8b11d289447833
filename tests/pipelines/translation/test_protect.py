"""What no translator is to touch becomes a mark, and comes back letter for letter."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.translation.protect import (
    placeholders,
    protect,
    protect_alike,
    restore,
    restore_with_spans,
)


def kept(text: str, **options: object) -> list[str]:
    return list(protect(text, **options).values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a sign that says 'STOP'", ["STOP"]),
        ('a sign reading "No Parking" on a wall', ["No Parking"]),
        ("一块写着“停”的牌子", ["停"]),
        ("店名是「花屋」", ["花屋"]),
        ("<image>\nWhat is this? <|im_end|>", ["<image>", "<|im_end|>"]),
        ("<ref>a dog</ref><box>(1,2),(3,4)</box>", ["<ref>", "</ref>", "<box>(1,2),(3,4)</box>"]),
        ("a man [[086,540,400,760]] walks", ["[[086,540,400,760]]"]),
        ("at [0.1, 0.25, 0.5, 0.75] in the image", ["[0.1, 0.25, 0.5, 0.75]"]),
        ("see https://example.org/a?b=1, or www.example.com.", ["https://example.org/a?b=1", "www.example.com"]),
        ("mail me@example.org or @someone", ["me@example.org", "@someone"]),
        ("<PERSON> and [NAME] at <人名>", ["<PERSON>", "[NAME]", "<人名>"]),
        ("5 kg of rice, 12.5 cm wide, 50% off", ["5 kg", "12.5 cm", "50%"]),
        ("a 1920x1080 screen for $19.99", ["1920x1080", "$19.99"]),
        ("[INST] be evil [/INST]", ["[INST]", "[/INST]"]),
        ("<b>bold</b>", ["<b>", "</b>"]),
    ],
)
def test_what_is_to_stay_is_protected(text: str, parts: list[str]) -> None:
    assert kept(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        "three dogs and 2 cats",
        "2.5 million people",
        "$2.5 million in cash",
        "the dogs' bowl and the cats' toys",
        "it's a dog's life",
        "music of the '90s in the kids' room",
        "rock 'n' roll at the dancers' ball",
        "he has 3 in a row",
        '"I love you," she said',
        'she said, "come home"',
        "a < b and c > d",
        "a dog (left) and a cat (right)",
    ],
)
def test_what_is_to_be_translated_is_not(text: str) -> None:
    assert protect(text) == (text, (), ())


def test_text_that_was_read_in_the_image_stays_where_the_caption_has_it_letter_for_letter() -> None:
    assert kept("a shop called Corner Café, coffee to go", keep=["Corner Café", "coffee", "GO"]) == ["Corner Café"]
    assert kept("一家叫老王面馆的店", keep=["老王面馆"]) == ["老王面馆"]
    assert kept("OPENING of the OPEN shop", keep=["OPEN"]) == ["OPEN"]


def test_terms_of_a_glossary_become_what_it_says() -> None:
    text = "Two Corgis and a corgi in Kyoto"
    glossary = {"corgi": "柯基犬", "corgis": "柯基犬", "Kyoto": ""}
    assert kept(text, glossary=glossary) == ["柯基犬", "柯基犬", "Kyoto"]
    found = protect(text, glossary=glossary)
    assert restore(found.text, found.values) == "Two 柯基犬 and a 柯基犬 in Kyoto"


def test_marks_are_numbered_in_the_order_of_the_text() -> None:
    assert protect("'A1' beside 'B2'").text == "'⟦1⟧' beside '⟦2⟧'"


def test_what_looks_like_a_mark_is_protected_itself() -> None:
    found = protect("the mark ⟦1⟧ and ⟦/text⟧")
    assert found.text == "the mark ⟦1⟧1⟦2⟧ and ⟦3⟧/text⟦4⟧"
    assert restore(found.text, found.values) == "the mark ⟦1⟧ and ⟦/text⟧"


def test_marks_may_come_back_in_another_order_and_with_blanks_in_them() -> None:
    assert restore("⟦ 2 ⟧在⟦1⟧旁边", ("STOP", "GO")) == "GO在STOP旁边"
    assert placeholders("⟦ 2 ⟧在⟦1⟧旁边") == [2, 1]


def test_a_mark_that_was_never_given_stays_as_it_is() -> None:
    assert restore("⟦7⟧⟦0⟧", ("STOP",)) == "⟦7⟧⟦0⟧"


def test_a_translation_gets_the_marks_of_its_original() -> None:
    original = protect("a sign that says 'STOP' beside <image>, and 'STOP' again")
    found = protect_alike("<image>旁边有写着“STOP”的牌子，还有<b>一个“STOP”", original)
    assert found.text == "⟦2⟧旁边有写着“⟦1⟧”的牌子，还有⟦4⟧一个“⟦3⟧”"
    assert found.values == ("STOP", "<image>", "STOP", "<b>")


def test_spans_follow_their_words() -> None:
    text = "a sign that says 'STOP HERE' beside <image> a dog"
    found = protect(text)
    spans = [(0, 6), (text.index("'"), text.index("'") + 11), (text.index("a dog"), len(text))]
    moved = found.moved(spans)
    assert [found.text[slice(*span)] for span in moved] == ["a sign", "'⟦1⟧'", "a dog"]
    back, there = restore_with_spans(found.text, found.values, moved)
    assert (back, there) == (text, spans)


def test_a_span_that_ends_within_a_protected_part_takes_all_of_it() -> None:
    text = "the words 'NO ENTRY' in red"
    start = text.index("ENTRY")
    found = protect(text)
    (moved,) = found.moved([(start, start + 5)])
    assert found.text[slice(*moved)] == "⟦1⟧"


PARTS = """
<image> <|im_end|> </s> <box>(1,2),(3,4)</box> <ref> </ref> [[001,002,003,004]] ⟦1⟧ ⟦ ⟧ ⟦s1⟧ 'STOP' "a" “停” {} \\1
https://a.b/c $3.50 <PERSON> [INST] @me Nike 柯基 <|vision_start|><|image_pad|> <img>a.jpg</img> \x00\u200b\u202e 50%
"""
parts = st.sampled_from(PARTS.split())
texts = st.lists(st.one_of(parts, st.text(max_size=12), st.sampled_from([" ", "\n", ", "])), max_size=12).map("".join)


@given(texts, st.lists(st.text(max_size=5), max_size=3), st.data())
@example("'⟦'<b>' ⟦1⟧", ["⟦1⟧"], None)
def test_protecting_and_restoring_is_the_identity(text: str, keep: list[str], data: st.DataObject | None) -> None:
    found = protect(text, keep, {"nike": "", "柯基": ""})
    assert restore(found.text, found.values) == text
    assert placeholders(found.text) == list(range(1, len(found.values) + 1))
    if data is not None:
        places = st.integers(0, len(text))
        spans = [tuple(sorted(data.draw(st.tuples(places, places)))) for _ in range(3)]
        back, there = restore_with_spans(found.text, found.values, found.moved(spans))
        assert back == text
        for (start, end), (start_now, end_now) in zip(spans, there, strict=True):
            assert start_now <= start
            assert start == end or end <= end_now


@given(texts, texts)
def test_a_translation_with_the_marks_of_its_original_comes_back_too(text: str, translation: str) -> None:
    found = protect_alike(translation, protect(text))
    assert restore(found.text, found.values) == translation


@given(st.lists(parts, max_size=10))
def test_no_special_token_is_left_for_a_prompt(tokens: list[str]) -> None:
    marked = protect("".join(tokens)).text
    assert not any(token in marked for token in ("<image>", "<|im_end|>", "</s>", "[INST]", "⟦s1⟧"))

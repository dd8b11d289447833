"""The phrasebook's grammar knows every caption of the drawn scenes, both ways, and what stands for what."""

import pytest

from jobs.demo.bilingual import translate
from jobs.demo.scenes import draw

SCENES = [draw(f"bilingual {number}") for number in range(150)]


def test_every_caption_goes_to_chinese_and_back() -> None:
    for scene in SCENES:
        there = translate(scene.caption)
        assert there is not None, scene.caption
        assert not any(letter.isascii() and letter.isalpha() for letter in there.text)
        back = translate(there.text)
        assert back is not None
        assert back.text == scene.caption


def test_every_phrase_of_a_caption_is_found_in_its_translation() -> None:
    for scene in SCENES:
        there = translate(scene.caption)
        assert there is not None
        for phrase in scene.phrases:
            span = there.moved((phrase.start, phrase.end))
            assert span is not None
            said = translate(there.text[slice(*span)])
            assert said is not None
            assert said.text == scene.caption[phrase.start : phrase.end]


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("a red circle", "一个红色圆形"),
        ("three orange squares and a purple cross", "三个橙色正方形和一个紫色十字形"),
        ("a small red star and a large blue star", "一个小的红色星形和一个大的蓝色星形"),
        ("a red triangle in the top left corner on a dark grey background", "左上角有一个红色三角形，背景是深灰色"),
        ("an orange diamond between a red cross and a blue cross", "一个橙色菱形在一个红色十字形和一个蓝色十字形之间"),
        ("The image shows two red circles.", "图中有：两个红色圆形。"),
        ("Where is a red circle?", "一个红色圆形在哪里？"),
    ],
)
def test_sentences_say_the_same_in_both_languages(english: str, chinese: str) -> None:
    there, back = translate(english), translate(chinese)
    assert there is not None
    assert back is not None
    assert (there.text, back.text) == (chinese, english)


@pytest.mark.parametrize("text", ["", "a dog", "a red circle and a dog", "一只狗", "a red circle above", "red circle"])
def test_what_is_not_in_the_grammar_is_not_translated(text: str) -> None:
    assert translate(text) is None

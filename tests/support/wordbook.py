"""Captions of a few words, and a language model that puts them into Chinese and back word by word."""

import re
from itertools import islice, product

from tests.support.llm_faults import Asked, Reply

_WORDS = {
    "red": "红色的", "green": "绿色的", "blue": "蓝色的", "small": "小小的", "old": "古老的", "white": "白色的",
    "wooden": "木制的", "bright": "明亮的", "dark": "深色的", "round": "圆圆的", "tall": "高高的", "striped": "条纹的",
    "dog": "狗狗", "cat": "猫咪", "horse": "马匹", "boat": "小船", "house": "房子", "tree": "大树", "bridge": "桥梁",
    "car": "汽车", "bird": "鸟儿", "table": "桌子", "lamp": "台灯", "river": "河流", "tower": "高塔", "garden": "花园",
    "window": "窗户", "chair": "椅子", "street": "街道", "flower": "花朵", "beside": "位于旁边是",
    "behind": "位于后面是", "under": "位于下面是", "and": "还有", "near": "靠近", "dogs": "狗狗",
    "a": "一个", "the": "这个",
}  # fmt: skip
_ADJECTIVES = ("red", "green", "blue", "small", "old", "white", "wooden", "bright", "dark", "round", "tall", "striped")
_NOUNS = ("dog", "cat", "horse", "boat", "house", "tree", "bridge", "car", "bird", "table", "lamp", "river", "tower")
_BACK = {chinese: english for english, chinese in reversed(_WORDS.items())}
_ENGLISH = re.compile(r"(?<![A-Za-z⟦/])[A-Za-z]+(?![A-Za-z⟧])")
_CHINESE = re.compile("|".join(sorted(_BACK, key=len, reverse=True)))
_TEXT = re.compile(r"⟦text⟧\n(.*)\n⟦/text⟧", re.DOTALL)


def captions(n: int) -> list[str]:
    """`n` captions, no two alike; at most some thousands."""
    made = product(_ADJECTIVES, _NOUNS, ("beside", "behind", "under", "near"), _ADJECTIVES, _NOUNS)
    return [f"a {one} {thing} {where} the {other} {more}" for one, thing, where, other, more in islice(made, n)]


def to_chinese(text: str) -> str:
    """Word by word; marks and words that are not known stay."""
    return re.sub(r"(?<=[\u4e00-\u9fff⟧]) (?=[\u4e00-\u9fff⟦])", "", _ENGLISH.sub(_chinese, text))


def to_english(text: str) -> str:
    """The same back."""
    words = " ".join(_CHINESE.sub(lambda match: f" {_BACK[match[0]]} ", text).split())
    return re.sub(r"(?<=\d⟧) | (?=⟦/)", "", re.sub(r"(⟦/s\d+⟧) ", r"\1  ", words))


def word_by_word(asked: Asked) -> Reply:
    """Answers the prompts of `pipelines.translation.prompts`; a corrector leaves everything as it is."""
    found = _TEXT.search(asked.text)
    assert found is not None
    text = found[1]
    if "⟦source⟧" in asked.text:
        return Reply(text=text)
    return Reply(text=to_english(text) if re.search("[\u4e00-\u9fff]", text) else to_chinese(text))


def _chinese(match: re.Match[str]) -> str:
    return _WORDS.get(match[0].lower(), match[0])

"""A bilingual grammar of the drawn scenes' captions, English and Chinese, and of a few things to say about them.

It knows the sentences of `jobs.demo.scenes` and no others. Which words of a translation stand for which of the original
comes out with it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jobs.demo.scenes import COLOURS, GROUNDS, SHAPES

Span = tuple[int, int]

_COLOURS = dict(zip(COLOURS, ("红色", "橙色", "黄色", "绿色", "蓝色", "紫色"), strict=True))
_GROUNDS = dict(zip(GROUNDS, ("白色", "浅灰色", "米色", "淡蓝色", "淡绿色", "淡粉色", "深灰色"), strict=True))
_SHAPES = dict(zip(SHAPES, ("圆形", "正方形", "长方形", "三角形", "菱形", "星形", "十字形"), strict=True))
_NUMBERS = {"a": "一", "two": "两", "three": "三", "four": "四", "five": "五"}
_SIZES = {"small": "小的", "large": "大的"}
_PLACES = {
    "top left corner": "左上角",
    "top right corner": "右上角",
    "bottom left corner": "左下角",
    "bottom right corner": "右下角",
    "centre": "正中间",
}

_RULES = (
    # S: sentence, C and D: what is where, N: noun phrase, P: place, G: ground; in both languages of a rule the slots
    # are the same, in any order
    ("S", "The image shows {C}.", "图中有：{C}。"),
    ("S", "Where is {N}?", "{N}在哪里？"),
    ("S", "What does this image show?", "这张图片里有什么？"),
    ("S", "Describe the image in detail.", "请详细描述这张图片。"),
    ("S", "{C}.", "{C}。"),
    ("S", "{C}", "{C}"),
    ("C", "{D} on a {G} background", "{D}，背景是{G}"),
    ("C", "{D}", "{D}"),
    ("D", "{N} in the {P}", "{P}有{N}"),
    ("D", "{N} above {N2}", "{N}在{N2}上方"),
    ("D", "{N} below {N2}", "{N}在{N2}下方"),
    ("D", "{N} to the left of {N2}", "{N}在{N2}左边"),
    ("D", "{N} to the right of {N2}", "{N}在{N2}右边"),
    ("D", "{N} between {N2} and {N3}", "{N}在{N2}和{N3}之间"),
    ("D", "{N}, {N2}, {N3} and {N4}", "{N}、{N2}、{N3}和{N4}"),
    ("D", "{N}, {N2} and {N3}", "{N}、{N2}和{N3}"),
    ("D", "{N} and {N2}", "{N}和{N2}"),
    ("D", "{N}", "{N}"),
)
_SLOT = re.compile(r"\{(\w)(\d?)\}")


class Translation(NamedTuple):
    """A sentence in the other language."""

    text: str
    nodes: tuple[tuple[Span, Span], ...]
    """parts of the original, as characters, and of the translation that says the same"""

    def moved(self, span: Span) -> Span | None:
        """Where the words of `span` are; None where it holds no part of the sentence."""
        inside = [there for here, there in self.nodes if span[0] <= here[0] and here[1] <= span[1]]
        return (min(start for start, _ in inside), max(end for _, end in inside)) if inside else None


def translate(text: str) -> Translation | None:
    """`text` in the other of the two languages; None where the grammar has no such sentence."""
    for to_chinese in (True, False):
        if (done := _sentence(text, 0, "S", to_chinese=to_chinese)) is not None:
            return done
    return None


def _sentence(text: str, at: int, kind: str, *, to_chinese: bool) -> Translation | None:
    """`text`, which begins at character `at` of the whole, read as one of `kind`."""
    if kind in "NPG":
        said = _phrase(kind, text, to_chinese=to_chinese)
        return None if said is None else Translation(said, (((at, at + len(text)), (0, len(said))),))
    for of, english, chinese in _RULES:
        here, there = (english, chinese) if to_chinese else (chinese, english)
        if of != kind:
            continue
        for found in _readings(here, text):
            parts = {
                slot: _sentence(words, at + start, slot[0], to_chinese=to_chinese)
                for slot, (words, start) in found.items()
            }
            if all(part is not None for part in parts.values()):
                return _written(there, {slot: part for slot, part in parts.items() if part}, (at, at + len(text)))
    return None


def _readings(rule: str, text: str) -> Iterator[dict[str, tuple[str, int]]]:
    """What the slots of a rule hold, and where, if `text` is made by it; there is one such reading at most."""
    pattern = "".join(
        f"(?P<{piece.strip('{}')}>.+?)" if _SLOT.fullmatch(piece) else re.escape(piece)
        for piece in re.split(r"(\{\w+\})", rule)
    )
    if found := re.fullmatch(pattern, text):
        yield {slot: (words, found.start(slot)) for slot, words in found.groupdict().items()}


def _written(rule: str, parts: dict[str, Translation], whole: Span) -> Translation:
    text = ""
    nodes: list[tuple[Span, Span]] = []
    for piece in re.split(r"(\{\w+\})", rule):
        if not _SLOT.fullmatch(piece):
            text += piece
            continue
        part = parts[piece.strip("{}")]
        nodes += [(here, (start + len(text), end + len(text))) for here, (start, end) in part.nodes]
        text += part.text
    return Translation(text, ((whole, (0, len(text))), *nodes))


def _one_of(words: Sequence[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_ENGLISH_NOUN = re.compile(
    rf"(?P<number>an?|{_one_of([*_NUMBERS])}) (?:(?P<size>{_one_of([*_SIZES])}) )?(?P<colour>{_one_of([*_COLOURS])}) "
    rf"(?P<shape>{_one_of([*_SHAPES])})(?P<many>s|es)?"
)
_CHINESE_NOUN = re.compile(
    rf"(?P<number>{_one_of([*_NUMBERS.values()])})个(?P<size>{_one_of([*_SIZES.values()])})?"
    rf"(?P<colour>{_one_of([*_COLOURS.values()])})(?P<shape>{_one_of([*_SHAPES.values()])})"
)


def _noun(text: str, *, to_chinese: bool) -> str | None:
    found = (_ENGLISH_NOUN if to_chinese else _CHINESE_NOUN).fullmatch(text)
    if not found:
        return None
    if to_chinese:
        number = _NUMBERS["a" if found["number"] == "an" else found["number"]]
        size = _SIZES[found["size"]] if found["size"] else ""
        return f"{number}个{size}{_COLOURS[found['colour']]}{_SHAPES[found['shape']]}"
    number, size, colour, shape = (
        _english(words, found[name])
        for words, name in ((_NUMBERS, "number"), (_SIZES, "size"), (_COLOURS, "colour"), (_SHAPES, "shape"))
    )
    words = [*filter(None, [size]), colour]
    if number == "a":
        return " ".join(["an" if words[0][0] in "aeio" else "a", *words, shape])
    return " ".join([number, *words, "crosses" if shape == "cross" else f"{shape}s"])


def _english(words: dict[str, str], chinese: str | None) -> str:
    return next((english for english, said in words.items() if said == chinese), "")


def _word(words: dict[str, str], text: str, *, to_chinese: bool) -> str | None:
    return words.get(text) if to_chinese else next((one for one, said in words.items() if said == text), None)


def _phrase(kind: str, text: str, *, to_chinese: bool) -> str | None:
    if kind == "N":
        return _noun(text, to_chinese=to_chinese)
    return _word(_PLACES if kind == "P" else _GROUNDS, text, to_chinese=to_chinese)

"""The numbers that a text speaks of, in figures and in English and Chinese words: "2.5 million" is "250万"."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_SHORT = {"k": 1e3, "K": 1e3, "M": 1e6, "bn": 1e9}
_ZH_SCALES = {"十": 1e1, "百": 1e2, "千": 1e3, "万": 1e4, "萬": 1e4, "亿": 1e8, "億": 1e8}
_ZH_DIGITS = {
    "零": 0,
    "〇": 0,
    "一": 1,
    "二": 2,
    "两": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}

_SMALL = "zero one two three four five six seven eight nine ten eleven twelve"
_TEEN_STEMS, _TY_STEMS = "thir four fif six seven eigh nine", "twen thir for fif six seven eigh nine"
_EN = {word: value for value, word in enumerate(_SMALL.split())}
_EN |= {f"{stem}teen": value for value, stem in enumerate(_TEEN_STEMS.split(), 13)}
_EN |= {f"{stem}ty": value * 10 for value, stem in enumerate(_TY_STEMS.split(), 2)}
_NTH = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_ORDINALS = {word: value for value, word in enumerate(_NTH.split(), 1)}
_ORDINALS |= {"twentieth": 20, "twenties": 20, "thirties": 30}
_ORDINALS |= {"forties": 40, "fifties": 50, "sixties": 60, "seventies": 70, "eighties": 80, "nineties": 90}
_IMPLIED: dict[str, float] = {
    **dict.fromkeys(("dozen", "dozens"), 12),
    **dict.fromkeys(("pair", "pairs", "couple", "both", "double", "twin", "twins", "twice", "duo", "bi"), 2),
    **dict.fromkeys(("triple", "trio", "tri"), 3),
    **dict.fromkeys(("single", "once", "a", "an"), 1),
    "half": 0.5, "quad": 4, "noon": 12, "midnight": 0, "fortnight": 14,
}  # fmt: skip
_MONTHS = "january february march april may june july august september october november december"
_IMPLIED |= {month: at for at, month in enumerate(_MONTHS.split(), 1)}
_IMPLIED |= {month[:3]: at for at, month in enumerate(_MONTHS.split(), 1)} | {"sept": 9}
_ZH_IMPLIED: dict[str, float] = {
    **dict.fromkeys(("双", "俩", "对", "副"), 2),
    "单": 1, "仨": 3, "半": 0.5, "点半": 30, "打": 12, "元旦": 1, "正午": 12, "中午": 12,
}  # fmt: skip
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}

_FIGURES = re.compile(
    r"(?P<number>\d{1,3}(?:[,，]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:(?P<zh>[十百千万萬亿億]+)(?:(?<=[亿億])(?P<rest>\d+)[万萬])?"
    r"|\s?(?P<scale>hundred|thousand|million|billion|trillion)(?![A-Za-z])|(?P<short>[kKM]|bn)(?![A-Za-z]))?"
    r"(?P<decade>['’]?s\b)?",
    re.IGNORECASE,
)
_EN_WORD = re.compile(r"[A-Za-z]+")
_ZH_NUMERAL = re.compile("[零〇一二两三四五六七八九十百千万亿]+")
_CLASSIFIERS = "个只位名条张辆棵朵座头匹件块片本间架艘杯盘碗幅根颗扇栋支株双盏把种层排瓶群岁年月天次口台"
_ROMAN_NUMERAL = re.compile(r"\b[IVXLC]{1,7}\b")
_AFTERNOON = re.compile(r"(?i:\bp\.?\s?m\b)|下午|晚上|傍晚|中午")
_FEWEST = 2
"""From here on a number in words has to be kept: "one" and 一 are articles as often as not."""
_NOON, _FIRST_YEAR = 12, 1000


class Numbers(NamedTuple):
    """What a text counts."""

    certain: dict[float, frozenset[float]]
    """numbers that a translation has to speak of, and for each what else it may be written as: 3 pm is 15"""
    figures: frozenset[float]
    """those in Arabic figures"""
    possible: frozenset[float]
    """all, and what words such as dozen, May, second and 双 may stand for"""


def numbers_in(text: str) -> Numbers:
    """The numbers of a text. Figures of full width count as any."""
    figures = dict(_in_figures(text))
    words = [*_in_english(text), *_in_chinese(text)]
    possible = {value for value, _ in words} | {value for word, value in _ZH_IMPLIED.items() if word in text}
    possible |= {_roman(found[0]) for found in _ROMAN_NUMERAL.finditer(text)}
    possible |= figures.keys() | {way for ways in figures.values() for way in ways}
    in_words = {value: frozenset[float]() for value, is_certain in words if is_certain and value >= _FEWEST}
    return Numbers(in_words | figures, frozenset(figures), frozenset(possible))


def differing(source: str, answer: str) -> list[float]:
    """Numbers of `source` that `answer` does not speak of, and figures of `answer` that are not in `source`."""
    before, after = numbers_in(source), numbers_in(answer)
    lost = {value for value, ways in before.certain.items() if not ({value} | ways) & after.possible}
    added = {value for value in after.figures if not ({value} | after.certain[value]) & before.possible}
    return sorted(lost | added)


def _in_figures(text: str) -> Iterator[tuple[float, frozenset[float]]]:
    """Each number in figures and what else it may be written as: of 1990s 90 (年代) and 20 (世纪)."""
    is_afternoon = _AFTERNOON.search(text) is not None
    for found in _FIGURES.finditer(text):
        value = float(re.sub("[,，]", "", found["number"]))
        ways = frozenset({value + 12}) if is_afternoon and value <= _NOON else frozenset[float]()
        if found["decade"] and value >= _FIRST_YEAR:
            ways = frozenset({value % 100, value // 100 + 1})
        for unit in found["zh"] or "":
            value *= _ZH_SCALES[unit]
        if found["scale"]:
            value *= _SCALES[found["scale"].lower()]
        value *= _SHORT.get(found["short"] or "", 1)
        if found["rest"]:  # 1亿2000万
            value += float(found["rest"]) * _ZH_SCALES["万"]
        yield value, ways


def _in_english(text: str) -> Iterator[tuple[float, bool]]:
    """Each number in words, and whether it can mean nothing else."""
    total = current = 0.0
    is_open = False
    for found in _EN_WORD.finditer(text):
        word = found[0].lower()
        if word in _EN:
            if is_open and not (current % 100 == 0 or (current % 10 == 0 and _EN[word] < 10)):
                yield total + current, True
                total = current = 0.0
            current += _EN[word]
            is_open = True
        elif word in _SCALES and is_open:
            current *= _SCALES[word]
            if _SCALES[word] > 100:
                total, current = total + current, 0.0
        elif word == "and" and is_open and current % 100 == 0 and current + total > 0:
            continue
        else:
            if is_open:
                yield total + current, True
                total = current = 0.0
                is_open = False
            if word in _SCALES:
                yield _SCALES[word], False
            elif word in _ORDINALS:
                yield _ORDINALS[word], False
            elif word in _IMPLIED:
                yield _IMPLIED[word], False
    if is_open:
        yield total + current, True


def _in_chinese(text: str) -> Iterator[tuple[float, bool]]:
    """Each numeral, and whether a classifier shows that it counts."""
    for found in _ZH_NUMERAL.finditer(text):
        counts = text[found.end() : found.end() + 1] in set(_CLASSIFIERS)
        preceded = text[found.start() - 1 : found.start()] in {"第", "星", "周"}
        yield _chinese(found[0]), counts and not preceded
        if len(found[0]) > 1:  # "十" of "二十": as in 五六个
            yield from ((float(_ZH_DIGITS[digit]), False) for digit in found[0] if digit in _ZH_DIGITS)


def _chinese(numeral: str) -> float:
    if all(digit in _ZH_DIGITS for digit in numeral):
        return float("".join(str(_ZH_DIGITS[digit]) for digit in numeral))
    total = section = 0.0
    digit: float | None = None
    for character in numeral:
        if character in _ZH_DIGITS:
            digit = _ZH_DIGITS[character]
        elif (scale := _ZH_SCALES[character]) < 1e4:
            section += (1 if digit is None else digit) * scale
            digit = None
        else:
            before = total if scale == 1e8 else 0.0  # 一万亿, but 一亿二千万
            total += ((before + section + (digit or 0)) or 1) * scale - before
            section, digit = 0.0, None
    return total + section + (digit or 0)


def _roman(numeral: str) -> float:
    values = [_ROMAN[letter] for letter in numeral]
    return float(sum(-value if value < after else value for value, after in zip(values, [*values[1:], 0], strict=True)))

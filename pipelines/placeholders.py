"""What data sets put in the place of things they took out of captions: ``<PERSON>``, ``‹人名›``, ``<URL>``."""

import re

_OPEN, _CLOSE = r"(?:[<＜‹〈\[【{]|&lt;)\s?", r"\s?(?:[>＞›〉\]】}]|&gt;)"

PERSON = re.compile(rf"{_OPEN}(?:person|people|name|人名|姓名)(?:[_ -]?\d{{1,3}})?{_CLOSE}", re.IGNORECASE)
"""A person's name that was taken out: CC12M's ``<PERSON>``, Wukong's ``<人名>``, in brackets of any kind."""

TAG = re.compile(
    rf"{_OPEN}(?:url|link|e?mail|user(?:name)?|mention|hashtag|num(?:ber)?|date|time|loc(?:ation)?|org|gpe|phone|unk|pad"
    rf"|start_of_text|end_of_text|地名|机构名|电话|网址){_CLOSE}",
    re.IGNORECASE,
)
"""Anything else that was taken out, and tokens that leaked from a tokenizer."""


def has_person(text: str) -> bool:
    """Whether a person's placeholder stands in `text`."""
    return PERSON.search(text) is not None

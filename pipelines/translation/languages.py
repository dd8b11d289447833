"""Languages that a text is translated from and into: what a prompt calls them, and the script they are written in."""

import re

_NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German",
    "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "ms": "Malay", "nl": "Dutch",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak",
    "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Simplified Chinese",
    "zh-hant": "Traditional Chinese", "zh-hk": "Traditional Chinese", "zh-tw": "Traditional Chinese",
}  # fmt: skip

HAN = r"\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
KANA = r"\u3041-\u30ff\u31f0-\u31ff"
HANGUL = r"\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
_SCRIPTS = {
    **dict.fromkeys(("ar", "fa", "ur"), r"\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc"),
    **dict.fromkeys(("bg", "ru", "sr", "uk"), r"\u0400-\u052f"),
    "bn": r"\u0980-\u09ff",
    "el": r"\u0370-\u03ff\u1f00-\u1fff",
    "he": r"\u0590-\u05ff",
    "hi": r"\u0900-\u097f",
    "ja": HAN + KANA,
    "ko": HANGUL,
    "ta": r"\u0b80-\u0bff",
    "te": r"\u0c00-\u0c7f",
    "th": r"\u0e00-\u0e7f",
    "zh": HAN,
}
LATIN = r"A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
UNSPACED = re.compile(f"[{HAN}{KANA}\u0e00-\u0e7f]")
"""A character of a script that is written without blanks between its words."""


def primary(language: str) -> str:
    """``zh`` of ``zh-Hans`` and of ``ZH_cn``."""
    return re.split("[-_]", language, maxsplit=1)[0].lower()


def name_of(language: str | None) -> str:
    """What a prompt calls a language; one that is null or not among those known here is whatever it is."""
    code = (language or "").lower().replace("_", "-")
    return _NAMES.get(code) or _NAMES.get(primary(code), "whatever language it is written in")


def known(language: str) -> str:
    """The language. Raises ValueError for one that a prompt has no name for."""
    if primary(language) not in _NAMES:
        raise ValueError(f"{language!r} is none of the languages {', '.join(_NAMES)}")
    return language


def letters_of(language: str) -> str:
    """The letters of the script of a language, for the brackets of a pattern."""
    return _SCRIPTS.get(primary(language), LATIN)

"""Which script a line of text is written in."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SCRIPTS = {
    "Latn": "Latin",
    "Hani": "Han",
    "Jpan": r"Hiragana}\p{Katakana",
    "Hang": "Hangul",
    "Bopo": "Bopomofo",
    "Cyrl": "Cyrillic",
    "Grek": "Greek",
    "Arab": "Arabic",
    "Hebr": "Hebrew",
    "Thai": "Thai",
    "Deva": "Devanagari",
    "Beng": "Bengali",
    "Taml": "Tamil",
    "Telu": "Telugu",
    "Armn": "Armenian",
    "Geor": "Georgian",
}
"""ISO 15924 codes of the scripts that are told apart, and what RE2 calls their characters."""

_KANA_OF_JAPANESE = 0.2
"""Share of kana among Han and kana from which a line is Japanese; a の in a Chinese advertisement is a smaller one."""


def scripts_of(texts: Sequence[str]) -> list[str | None]:
    """The ISO 15924 code of most letters of each text; null where none of them is of a script in `SCRIPTS`.

    Digits, punctuation and symbols are of no script. The Han of a line of which a fifth of Han and kana is kana count
    as Japanese (Jpan). Of equally many letters the script that stands first in `SCRIPTS` is meant.
    """
    column = pa.array(texts, pa.string())
    counts = {
        code: pc.count_substring_regex(column, rf"[\p{{{name}}}]").to_numpy(zero_copy_only=False)
        for code, name in SCRIPTS.items()
    }
    japanese = (counts["Jpan"] > 0) & (counts["Jpan"] >= _KANA_OF_JAPANESE * (counts["Jpan"] + counts["Hani"]))
    counts["Jpan"] = np.where(japanese, counts["Jpan"] + counts["Hani"], counts["Jpan"])
    counts["Hani"] = np.where(japanese, 0, counts["Hani"])
    table = np.stack(list(counts.values()))
    codes = list(SCRIPTS)
    return [codes[best] if most else None for best, most in zip(table.argmax(0), table.max(0), strict=True)]

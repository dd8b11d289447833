"""Text from recipes and sources, made safe to stand in a Markdown page."""

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence

_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()#+!|~$^=:@-])")
_BARE_LINK = re.compile(r"(www)(?=\.)", re.IGNORECASE)
"""GitHub's Markdown makes links of such words; those of mail and of other addresses are broken by what is escaped."""
_ROOM = 300
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+/-]*")


def escape(text: str) -> str:
    """`text` as one line of plain words: no markup, link, table border, HTML or control character survives."""
    visible = "".join(" " if unicodedata.category(character) in ("Cc", "Cf") else character for character in text)
    line = _PUNCTUATION.sub(r"\\\1", " ".join(visible.split()))
    return html.escape(_BARE_LINK.sub(r"\1\\", line), quote=False)


def cut(text: str, room: int = _ROOM) -> str:
    """`escape` of the first `room` characters: sources may state texts of any length."""
    return escape(text if len(text) <= room else f"{text[:room]}…")


def code(text: str) -> str:
    """An identifier in a code span; anything else escaped. Either is cut where it is long."""
    return f"`{text}`" if len(text) <= _ROOM and _IDENTIFIER.fullmatch(text) else cut(text)


def table(head: Sequence[str], rows: Iterable[Sequence[str | int]], numbers: str = "") -> str:
    """A Markdown table; `numbers` has one letter a column, ``r`` for right-aligned. Cells must be safe already."""
    align = ["---:" if letter == "r" else "---" for letter in numbers.ljust(len(head))]
    lines = [head, align, *([f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

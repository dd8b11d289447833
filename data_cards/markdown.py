"""Text from recipes and sources, made safe to stand in a Markdown page."""

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence

_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()#+!|~$^=:@-])")
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+/-]*")


def escape(text: str) -> str:
    """`text` as one line of plain words: no markup, link, table border, HTML or control character survives."""
    visible = "".join(" " if unicodedata.category(character) in ("Cc", "Cf") else character for character in text)
    line = " ".join(visible.split())
    return html.escape(_PUNCTUATION.sub(r"\\\1", line), quote=False)


def code(text: str) -> str:
    """An identifier in a code span; anything else escaped."""
    return f"`{text}`" if _IDENTIFIER.fullmatch(text) else escape(text)


def table(head: Sequence[str], rows: Iterable[Sequence[str | int]], numbers: str = "") -> str:
    """A Markdown table; `numbers` has one letter a column, ``r`` for right-aligned. Cells must be safe already."""
    align = ["---:" if letter == "r" else "---" for letter in numbers.ljust(len(head))]
    lines = [head, align, *([f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

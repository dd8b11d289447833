"""Offline HTML pages. What came from sources is shown as text, nothing is loaded and nothing of theirs is run.

Each page carries a Content-Security-Policy that allows its own style and images within it, and nothing else, so that
markup which slipped through would still do nothing. One page alone has a script, which its policy knows by the hash.
Addresses from data are never links.
"""

import base64
import hashlib
import html
import re
import unicodedata
from collections.abc import Callable

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_JOINERS = "\u200c\u200d"
"""Persian and emoji need them to look right, and they move nothing."""
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def shown(text: str, room: int = 1200) -> str:
    """`text` as HTML that shows it, fit for elements and attribute values alike.

    Characters that cannot be seen or that turn the direction of their neighbours stand as ``⟨U+202E⟩``, line feeds as
    ``⏎``. After `room` bytes of UTF-8 the text is cut, and how long it was is noted.
    """
    return _cut(text, room, lambda character: html.escape(_piece(character)))


def told(text: str, room: int = 1200) -> str:
    """The same for a terminal: no character moves the cursor, sets a colour or turns its neighbours."""
    return _cut(text, room, _piece)


def number_said(value: float) -> str:
    """With six significant digits, or all of a whole number."""
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 2**53 else f"{value:,.6g}"


def language(code: str | None) -> str:
    """A ``lang`` attribute with a space before it; nothing for what is no language code."""
    return f' lang="{code}"' if code and _LANGUAGE.fullmatch(code) else ""


def page(title: str, body: str, style: str, script: str = "") -> str:
    """A whole page. `title` is text; `body`, `style` and `script` are HTML, CSS and JavaScript of our own."""
    style = f"{_STYLE}{style}"
    scripts = f" script-src 'sha256-{_digest(script)}';" if script else ""
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{_digest(style)}';{scripts} base-uri 'none'; "
        "form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{shown(title, 200)}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
{f"<script>{script}</script>" if script else ""}
</body>
</html>
"""


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _cut(text: str, room: int, piece_of: Callable[[str], str]) -> str:
    pieces: list[str] = []
    used = 0
    for character in text:
        piece = piece_of(character)
        used += len(piece.encode())
        if used > room:
            return f"{''.join(pieces)}… (cut: {len(text):,} characters)"
        pieces.append(piece)
    return "".join(pieces)


def _piece(character: str) -> str:
    if character == "\n":
        return "⏎ "
    if character == "\t":
        return " "
    if character not in _JOINERS and unicodedata.category(character) in _INVISIBLE:
        return f"⟨U+{ord(character):04X}⟩"
    return character


_STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --soft: #555; --paper: #fff; --tile: #f5f5f5; --line: #d0d0d0;
  --rejected: #8a1c1c; --failed: #7a4a00; --kept: #1a5e2a; --link: #0b4f9e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #eee; --soft: #b5b5b5; --paper: #121212; --tile: #1e1e1e; --line: #444;
    --rejected: #ff9d94; --failed: #ffc46b; --kept: #86d997; --link: #8fc1ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
main { max-width: 1500px; margin: 0 auto; padding: 16px; }
h1 { font-size: 1.4em; line-height: 1.2; }
h1, h2, h3, p, li, dt, dd, td, th, figcaption { overflow-wrap: anywhere; }
a { color: var(--link); }
code { font: 0.93em/1.4 ui-monospace, monospace; }
.soft { color: var(--soft); }
.rejected { color: var(--rejected); }
.failed { color: var(--failed); }
.kept { color: var(--kept); }
"""

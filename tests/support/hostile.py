"""Texts that would do harm in a page, were they not shown as text."""

import random

HOSTILE = (
    *("</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)", '" onload="x'),
    *("</style><style>*{display:none}", "\u202egpj.exe", "]]><!--", "&lt;b&gt;", "a\x00b", "url(http://x/)"),
    *("<![CDATA[", "x" * 1_000_000, "<" * 1_000_000, "\u202e" * 1_000_000, "\n" * 5000),
)

_PIECES = (
    *HOSTILE[:11],
    *("<svg onload=alert(1)>", "<base href=//x>", "<meta http-equiv=refresh content=0>", "&#60;", "%3Cscript%3E"),
    *(
        "\u2066",
        "\u2069",
        "\u200f",
        "\ufeff",
        "\x1b[2J",
        "\r\n",
        "\u2028",
        "\ud800",
        "\U000e0001",
        "\x7f",
        "'",
        "`",
        "${1}",
    ),
    *(
        "expression(alert(1))",
        "@import 'x'",
        "data:text/html,<script>",
        "\\u003c",
        "*/",
        "{{7*7}}",
        "猫",
        "👩\u200d👧",
        " ",
    ),
)


def fuzzed(seed: int) -> str:
    """A text of hostile pieces and any characters at all, short or, at times, long."""
    rng = random.Random(seed)
    pieces = [
        rng.choice(_PIECES) if rng.random() < 0.6 else chr(rng.randrange(1, 0x11_0000))
        for _ in range(rng.randrange(1, 30))
    ]
    return "".join(pieces) * (rng.choice([1, 1, 1, 400]))

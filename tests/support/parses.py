"""spaCy documents parsed by hand, for rules over parses."""

from functools import cache
from typing import Any

import spacy
from spacy.tokens import Doc


@cache
def _vocab() -> Any:
    return spacy.blank("en").vocab


def by_hand(text: str) -> Any:
    """A document of words written ``form/POS/label/head``: the head is a position from 1, 0 for the root.

    A ``+`` before a word glues it to the one before.
    """
    cells = [word.lstrip("+").rsplit("/", 3) for word in text.split()]
    glued = [word.startswith("+") for word in text.split()]
    heads = [int(head) for *_, head in cells]
    return Doc(
        _vocab(),
        words=[form for form, *_ in cells],
        spaces=[not after for after in [*glued[1:], True]],
        pos=[pos for _, pos, *_ in cells],
        deps=["ROOT" if head == 0 else label for (_, _, label, _), head in zip(cells, heads, strict=True)],
        heads=[head - 1 if head else at for at, head in enumerate(heads)],
    )

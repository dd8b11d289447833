"""How well a page was read: characters, and the order of lines."""

import unicodedata
from collections.abc import Sequence

import numpy as np

from tests.support.pages import Page


def settled(text: str) -> str:
    """Full-width and half-width forms are one, and so are all runs of white space."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def edits(one: str, other: str) -> int:
    """The Levenshtein distance."""
    codes, places = np.array([ord(character) for character in other]), np.arange(len(other) + 1)
    row = places
    for at, character in enumerate(one):
        changed = row[:-1] + (codes != ord(character)) if len(other) else row[:0]
        best = np.minimum(row[1:] + 1, changed)
        # insertions: the least of all that stand to the left, one more for each step
        row = np.minimum.accumulate(np.concatenate([[at + 1], best]) - places) + places
    return int(row[-1])


def expected(page: Page) -> str:
    """The page's text as it should be read."""
    joint = "" if page.language == "zh" else " "
    return " ".join(joint.join(column) for column in page.columns)


def errors(page: Page, text: str) -> tuple[int, int]:
    """Characters of the page that were read wrongly, and how many there are. White space counts in English alone."""
    said, heard = settled(expected(page)), settled(text)
    if page.language == "zh":
        said, heard = said.replace(" ", ""), heard.replace(" ", "")
    return edits(said, heard), len(said)


def in_order(page: Page, read: Sequence[str]) -> bool:
    """Whether the lines that were read are the page's, one for one, in its order; single characters may be wrong."""
    found = [settled(text) for text in read]
    wanted = [settled(text) for text in page.lines]
    return len(found) == len(wanted) and all(
        edits(one, other) <= 0.34 * len(one) for one, other in zip(wanted, found, strict=True)
    )

"""Phrases as prompts of detectors that read one text an image, and back: which tokens are whose.

Grounding DINO reads phrases that end in a full stop each, and at most 256 tokens of them; what does not fit goes into
a further prompt, whole phrases at a time.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipelines.grounding.boxes import Bools

_APART = str.maketrans(".?[]<>|", "       ")
"""Characters that end a phrase for the model, or spell special tokens. One by one, so that offsets stay."""
_END = ". "
_SPECIAL_TOKENS = 2
"""[CLS] before a prompt and [SEP] behind it."""


class Prompt(NamedTuple):
    """A text that asks for several phrases."""

    text: str
    places: tuple[int, ...]
    """of the phrases in the list of those asked for"""
    spans: tuple[tuple[int, int], ...]
    """where each of them stands in the text"""


def cleaned(phrase: str) -> str:
    """The phrase without what would end it or be read as a special token; as long as it was."""
    return phrase.translate(_APART)


def prompts(phrases: Sequence[str], tokens: Sequence[int], most: int) -> tuple[list[Prompt], dict[int, str]]:
    """Prompts of at most `most` tokens that together ask for all `phrases`, and why some cannot be asked for.

    `tokens` says how many tokens each cleaned phrase has.
    """
    unasked: dict[int, str] = {}
    groups: list[list[int]] = []
    held = most
    for place, length in enumerate(tokens):
        if length == 0 or length + 1 + _SPECIAL_TOKENS > most:
            unasked[place] = "too_long" if length else "no_token"
            continue
        if held + length + 1 > most:
            groups.append([])
            held = _SPECIAL_TOKENS
        groups[-1].append(place)
        held += length + 1
    return [_prompt(phrases, group) for group in groups], unasked


def _prompt(phrases: Sequence[str], places: Sequence[int]) -> Prompt:
    text = ""
    spans = []
    for place in places:
        phrase = cleaned(phrases[place])
        spans.append((len(text), len(text) + len(phrase)))
        text += phrase + _END
    return Prompt(text.rstrip(" "), tuple(places), tuple(spans))


def positive_map(prompt: Prompt, offsets: Sequence[tuple[int, int]]) -> Bools:
    """Which tokens are of which phrase: shape (phrases, tokens). `offsets` are the tokens' characters in the prompt.

    Special tokens, whose offsets are empty, are of none, and so are the full stops between.
    """
    tokens = np.array(offsets, np.int64).reshape(-1, 2)
    starts, ends = np.array(prompt.spans, np.int64).reshape(-1, 2).T
    inside = (tokens[None, :, 0] >= starts[:, None]) & (tokens[None, :, 1] <= ends[:, None])
    return np.asarray(inside & (tokens[:, 0] < tokens[:, 1])[None, :])

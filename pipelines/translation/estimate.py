"""What translating will take, told from a sample of rows before anything is asked."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import pyarrow as pa

from pipelines.translation.engine import asked_of_rows
from pipelines.translation.prompts import Messages, messages
from pipelines.translation.stage import Translate

_LETTERS_A_TOKEN = 4
_FIRST_UNSPACED = "\u2e80"
"""From here on, a character is about a token."""


class Expected(NamedTuple):
    """Requests and tokens, if every first answer passes."""

    requests: float
    tokens_in: float
    tokens_out: float

    def times(self, factor: float) -> "Expected":
        """Of so many times the rows."""
        return Expected(*(value * factor for value in self))


def tokens(text: str) -> float:
    """About as many as a tokenizer makes of a text: one for four letters, one for a character of Chinese."""
    unspaced = sum(character >= _FIRST_UNSPACED for character in text)
    return unspaced + (len(text) - unspaced) / _LETTERS_A_TOKEN


def expected(rows: pa.Table, spec: Translate) -> Expected:
    """What the stage will ask for `rows`, which hold the columns that it reads. An answer is as long as its text.

    Where none of them has regions yet, every caption is taken for one that will.
    """
    if spec.grounded_only and not len(rows["regions"].combine_chunks().flatten()):
        spec = replace(spec, grounded_only=False)
    requests = tokens_in = tokens_out = 0.0
    for asked, text in _requests(rows, spec):
        requests += 1
        tokens_in += sum(tokens(content) for _, content in asked)
        tokens_out += tokens(text)
    return Expected(requests, tokens_in, tokens_out)


def _requests(rows: pa.Table, spec: Translate) -> Iterator[tuple[Messages, str]]:
    for captions, turns in asked_of_rows(rows, spec):
        for text in captions:
            yield messages("translate", text, spec.source, spec.to), text
            if spec.correct:
                yield messages("correct", text, spec.source, spec.to, original=text), text
            if spec.back != "none":
                yield messages("translate", text, spec.to, spec.source), text
        said: list[tuple[str, str]] = []
        for text in turns:
            yield messages("turn" if said else "translate", text, spec.source, spec.to, context=said[-6:]), text
            said.append((text, text))

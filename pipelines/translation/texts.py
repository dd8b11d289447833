"""One text into another language: asked for, checked, asked for again with what was wrong, and put together.

Everything here is a pure function of the answers; who is asked is a `Translator`.
"""

import re
from collections.abc import Collection, Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from pipelines.chatml.neutralise import neutralise
from pipelines.stage import SPEC
from pipelines.translation.checks import Asked, failed_checks, is_copied
from pipelines.translation.languages import primary
from pipelines.translation.marked_spans import Marked, mark, trimmed, unmark
from pipelines.translation.prompts import PromptName, messages, prompt_id
from pipelines.translation.protect import (
    Protected,
    Span,
    are_paired,
    protect,
    protect_alike,
    restore_with_spans,
    without_placeholders,
)
from pipelines.translation.protocol import Request, Translator
from schemas.chatml import IMAGE_PLACEHOLDER

Outcome = Literal["translated", "kept_source", "failed"]

_DELIMITER = re.compile(r"⟦\s*/?\s*text\s*⟧")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, kw_only=True, config=SPEC)
class TextOptions:
    """How texts are translated, and what an answer has to be."""

    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    """answers that are asked for at most; from the second on the prompt says what was wrong with the one before"""
    length_ratio: tuple[float, float] = (0.4, 2.5)
    """least and most of a translation's length over its original's; a Han character counts as three letters"""
    max_characters: Annotated[int, Field(ge=1)] = 20_000
    """longer texts fail, and nothing is asked"""
    glossary: dict[str, str] = Field(default_factory=dict)
    """terms and what each becomes; an empty string leaves a term as it is"""
    on_failure: Literal["keep", "fail"] = "keep"
    """what becomes of a row with a text that failed: kept without that translation, or failed"""

    @field_validator("length_ratio")
    @classmethod
    def _in_order(cls, ratio: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= ratio[0] < 1 < ratio[1]:
            raise ValueError(f"{ratio[0]} to {ratio[1]} does not hold 1, the length of the original")
        return ratio


class Translated(NamedTuple):
    """What became of one text."""

    text: str | None
    """the translation; the text itself where it was kept; None where it failed"""
    spans: tuple[Span | None, ...]
    """for each phrase that was to be followed where it is in `text`; None where it cannot be told"""
    outcome: Outcome
    """translated; kept_source: it is in the language already, or has nothing to translate, as a name; failed"""
    checks: tuple[str, ...]
    """of `schemas.reasons.UNTRANSLATED`: all that answers failed, the good one's predecessors' too, each once"""
    requests: int
    """answers it took, those from the cache included"""
    cached: int
    tokens_in: int
    tokens_out: int
    prompt: str
    """name and version: ``translate@1``"""
    model: str | None
    """as the endpoint names it; None where nothing was asked"""


class _Task(NamedTuple):
    """What all attempts at one text have in common."""

    prompt: PromptName
    source: str | None
    target: str
    protected: Protected
    marked: Marked
    original: str | None
    """of a translation that is to be corrected: what it was made of, protected"""
    context: tuple[tuple[str, str], ...]
    against: Asked


async def translate_text(
    text: str,
    source: str | None,
    target: str,
    ask: Translator,
    options: TextOptions,
    spans: Sequence[Span] = (),
    *,
    keep: Collection[str] = (),
    context: Sequence[tuple[str, str]] = (),
) -> Translated:
    """`text` in the language `target`; back-translation is the same with the languages exchanged.

    `spans`: phrases of `text` to be followed. `keep`: text that was read in the image, which stays as it is. `context`:
    earlier messages of a conversation, and their translations. Raises what `ask` raises.
    """
    prompt: PromptName = "turn" if context else "translate"
    lead, inner, tail = _peeled(text)
    if len(inner) > options.max_characters:
        return _unasked(None, spans, prompt)
    protected = protect(inner, keep, options.glossary)
    if (source and primary(source) == primary(target)) or not _LETTER.search(without_placeholders(protected.text)):
        return _unasked(text, spans, prompt)
    moved = protected.moved([(_within(start, lead, inner), _within(end, lead, inner)) for start, end in spans])
    marked = mark(protected.text, moved)
    told = tuple((protect(before).text, protect(after).text) for before, after in context)
    against = Asked(protected.text, target, options.length_ratio)
    task = _Task(prompt, source, target, protected, marked, None, told, against)
    return _outside(await _attempts(task, moved, ask, options), lead, tail)


async def correct_text(
    original: str,
    translation: str,
    source: str | None,
    target: str,
    ask: Translator,
    options: TextOptions,
    spans: Sequence[Span] = (),
    *,
    keep: Collection[str] = (),
) -> Translated:
    """A better `translation` of `original` into `target`, by an editor who may leave it as it is.

    `spans`: phrases of `translation` to be followed. Raises what `ask` raises.
    """
    lead, inner, tail = _peeled(translation)
    if max(len(original), len(inner)) > options.max_characters:
        return _unasked(None, spans, "correct")
    first = protect(original.strip(), keep, options.glossary)
    protected = protect_alike(inner, first)
    moved = protected.moved([(_within(start, lead, inner), _within(end, lead, inner)) for start, end in spans])
    against = Asked(protected.text, target, options.length_ratio, first.text)
    task = _Task("correct", source, target, protected, mark(protected.text, moved), first.text, (), against)
    return _outside(await _attempts(task, moved, ask, options), lead, tail)


def _unasked(text: str | None, spans: Sequence[Span], prompt: PromptName) -> Translated:
    """What becomes of a text that is kept as it is, or is too long (None)."""
    found = (None,) * len(spans) if text is None else tuple(spans)
    outcome: Outcome = "failed" if text is None else "kept_source"
    checks = ("too_long",) if text is None else ()
    return Translated(text, found, outcome, checks, 0, 0, 0, 0, prompt_id(prompt), None)


async def _attempts(task: _Task, spans: Sequence[Span], ask: Translator, options: TextOptions) -> Translated:
    """Ask until an answer passes. Where only the phrases could not be told, the text alone is taken in the end."""
    seen: list[str] = []
    refused: tuple[str, ...] = ()
    without_spans: tuple[str, Outcome] | None = None
    requests = cached = tokens_in = tokens_out = 0
    model: str | None = None
    nowhere = (None,) * len(spans)

    def done(text: str | None, found: tuple[Span | None, ...], outcome: Outcome) -> Translated:
        checks = tuple(dict.fromkeys(seen))
        return Translated(
            text, found, outcome, checks, requests, cached, tokens_in, tokens_out, prompt_id(task.prompt), model
        )

    for attempt in range(options.attempts):
        asked = messages(
            task.prompt,
            neutralise(task.marked.text),
            task.source,
            task.target,
            original=None if task.original is None else neutralise(task.original),
            context=[(neutralise(before), neutralise(after)) for before, after in task.context],
            refused=refused,
        )
        answer = await ask.ask(Request(prompt_id(task.prompt), asked, task.source or "und", task.target, attempt))
        requests, cached = requests + 1, cached + answer.cached
        tokens_in, tokens_out, model = tokens_in + answer.tokens_in, tokens_out + answer.tokens_out, answer.model
        text, found = unmark(_DELIMITER.sub("", answer.text).strip(), task.marked.spans)
        refused = failed_checks(task.against, text, answer.finish_reason)
        values = task.protected.values
        if are_paired(task.protected.text, values) and not are_paired(text, values):
            refused = (*refused, "placeholder_order")
        if not refused:
            outcome: Outcome = "kept_source" if _is_kept(task, text) else "translated"
            if found is not None:
                whole, there = restore_with_spans(text, values, found)
                where: dict[Span, Span] = dict(zip(task.marked.spans, there, strict=True))
                return done(whole, tuple(where.get(trimmed(task.protected.text, span)) for span in spans), outcome)
            without_spans = restore_with_spans(text, values, ())[0], outcome
            refused = ("span_lost",)
        seen += refused
    if without_spans is not None:
        return done(without_spans[0], nowhere, without_spans[1])
    return done(None, nowhere, "failed")


def _is_kept(task: _Task, answer: str) -> bool:
    return task.prompt != "correct" and is_copied(*map(without_placeholders, (task.protected.text, answer)))


def _peeled(text: str) -> tuple[str, str, str]:
    """What stands before the words of a text, these, and what stands after them: blanks, and the image's place."""
    lead = tail = 0
    while (inner := text[lead:].lstrip()).startswith(IMAGE_PLACEHOLDER):
        lead = len(text) - len(inner) + len(IMAGE_PLACEHOLDER)
    lead = len(text) - len(inner)
    while (inner := text[lead : len(text) - tail].rstrip()).endswith(IMAGE_PLACEHOLDER):
        tail = len(text) - lead - len(inner) + len(IMAGE_PLACEHOLDER)
    end = lead + len(inner)
    return text[:lead], inner, text[end:]


def _within(place: int, lead: str, inner: str) -> int:
    return min(max(place - len(lead), 0), len(inner))


def _outside(done: Translated, lead: str, tail: str) -> Translated:
    """The same with what stood before and after it."""
    if done.text is None:
        return done
    spans = tuple(span and (span[0] + len(lead), span[1] + len(lead)) for span in done.spans)
    return done._replace(text=f"{lead}{done.text}{tail}", spans=spans)

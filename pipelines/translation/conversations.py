"""A conversation into another language: turn by turn, each with those before it, roles and structure as they were."""

from collections.abc import Collection, Sequence
from itertools import chain
from typing import NamedTuple

from pipelines.chatml.turns import Spoken
from pipelines.translation.protocol import Translator
from pipelines.translation.texts import Outcome, TextOptions, Translated, translate_text

_TURNS_BEFORE = 6
_CHARACTERS_BEFORE = 4_000
"""What a model is shown of the turns before: it is to use the same words, not to read them all."""


class TranslatedTurns(NamedTuple):
    """What became of a conversation."""

    turns: tuple[Spoken, ...] | None
    """as many as before, in the same roles; None where one of them failed"""
    told: Translated
    """all that was asked, counted together; its text is None"""


async def translate_turns(
    turns: Sequence[Spoken],
    source: str | None,
    target: str,
    ask: Translator,
    options: TextOptions,
    *,
    keep: Collection[str] = (),
) -> TranslatedTurns:
    """`turns` in the language `target`; a turn whose language is not known is of `source`.

    After a turn that fails no more are asked for. Raises what `ask` raises.
    """
    done: list[Translated] = []
    for at, turn in enumerate(turns):
        before = _before(turns[:at], done)
        done.append(
            await translate_text(turn.text, turn.lang or source, target, ask, options, keep=keep, context=before)
        )
        if done[-1].outcome == "failed":
            break
    told = _together(done)
    if told.outcome == "failed":
        return TranslatedTurns(None, told)
    texts = (one.text or "" for one in done)
    return TranslatedTurns(
        tuple(Spoken(turn.role, text, target) for turn, text in zip(turns, texts, strict=True)), told
    )


def _before(turns: Sequence[Spoken], done: Sequence[Translated]) -> list[tuple[str, str]]:
    """The last turns and their translations, as many as are worth showing."""
    shown: list[tuple[str, str]] = []
    room = _CHARACTERS_BEFORE
    for turn, translated in list(zip(turns, done, strict=True))[: -_TURNS_BEFORE - 1 : -1]:
        pair = turn.text.strip(), (translated.text or "").strip()
        room -= sum(map(len, pair))
        if room < 0:
            break
        shown.insert(0, pair)
    return shown


def _together(done: Sequence[Translated]) -> Translated:
    outcomes = {one.outcome for one in done}
    outcome: Outcome = "kept_source"
    if outcomes & {"failed", "translated"}:
        outcome = "failed" if "failed" in outcomes else "translated"
    checks = tuple(dict.fromkeys(chain.from_iterable(one.checks for one in done)))
    asked = [one for one in done if one.requests] or list(done)
    return Translated(
        text=None,
        spans=(),
        outcome=outcome,
        checks=checks,
        requests=sum(one.requests for one in done),
        cached=sum(one.cached for one in done),
        tokens_in=sum(one.tokens_in for one in done),
        tokens_out=sum(one.tokens_out for one in done),
        prompt=asked[-1].prompt if asked else "",
        model=asked[-1].model if asked else None,
    )

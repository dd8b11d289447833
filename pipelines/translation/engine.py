"""Translating the captions and conversations of rows, many at a time."""

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.captions import Added, Caption, all_captions, changed, counting
from pipelines.chatml.turns import Spoken, chosen_turns, language
from pipelines.stage import EndRunError, Processed, Verdict, Verdicts
from pipelines.translation.agreement import agreement
from pipelines.translation.cache import AnswerCache, account_of
from pipelines.translation.client import Client
from pipelines.translation.conversations import translate_turns
from pipelines.translation.languages import primary
from pipelines.translation.protect import Span
from pipelines.translation.protocol import Unanswered
from pipelines.translation.stage import Translate
from pipelines.translation.texts import Translated, correct_text, translate_text
from schemas.reasons import REASONS
from schemas.tables import TRANSLATED

Fields = dict[str, Any]


class _Row(NamedTuple):
    captions: list[Caption]
    regions: list[Fields] | None
    turns: Sequence[Spoken]
    keep: tuple[str, ...]


class _Work:
    """What one row gets."""

    def __init__(self, row: _Row) -> None:
        self.row = row
        self.added: list[Added] = []
        self.regions: list[Fields] = []
        self.turns: list[Fields] | None = None
        self.notes: list[Fields] = []
        self.verdict: Verdict | None = None
        self.asking = "translate"
        """the pass that is under way"""

    def append(self, caption: Added, regions: list[Fields]) -> int:
        """Take a caption and its regions in; its place among the row's."""
        place = len(self.row.captions) + len(self.added)
        self.added.append(caption)
        self.regions += [region | {"caption_index": place} for region in regions]
        return place


class TranslateEngine:
    """Asks for every text of a table at once; the client lets as many through as it has slots."""

    def __init__(self, spec: Translate, folder: Path | None) -> None:
        self._spec = spec
        shared = spec.endpoint.cache
        cache = AnswerCache(Path(shared) if shared else folder) if folder else None
        self._client = Client(spec.endpoint, cache, account_of(folder) if folder else "")

    async def process(self, rows: pa.Table, began: float | None = None) -> Processed:  # noqa: ARG002
        """Translate every row. Raises `EndRunError` when no exchange is under way any more: what came is kept."""
        row_works = [_Work(row) for row in _rows(rows, self._spec)]
        ended = await asyncio.gather(*(self._row(work) for work in row_works), return_exceptions=True)
        errors = [error for error in ended if error is not None]
        for error in sorted(errors, key=lambda error: not isinstance(error, EndRunError)):
            await self._client.settle()
            raise error
        return Processed(Verdicts.of([work.verdict for work in row_works]), _table(rows["captions"], row_works))

    async def close(self) -> None:
        """Wait for what is under way, then close connections and cache."""
        await self._client.close()

    async def _row(self, work: _Work) -> None:
        """One text after the other, until the row has failed: then no more is paid for it."""
        for caption in _captions_of(work.row, self._spec):
            if work.verdict is None:
                await self._judged(work, caption.place, self._caption(work, caption))
        turns = _turns_of(work.row, self._spec)
        if turns and work.verdict is None:
            await self._judged(work, None, self._turns(work, turns))

    async def _judged(self, work: _Work, of: int | None, asked: Coroutine[Any, Any, None]) -> None:
        spec, work.asking = self._spec, "translate"
        try:
            await asked
        except Unanswered as error:
            to = spec.source if work.asking == "back" else spec.to
            work.notes.append(_note(to, None, of, work.asking, None) | {"checks": [error.reason]})
            if REASONS[error.reason].retriable or spec.text.on_failure == "fail":
                work.verdict = Verdict(error.reason, detail=error.detail)

    async def _caption(self, work: _Work, caption: Caption) -> None:
        spec, ask, keep = self._spec, self._client, work.row.keep
        regions = [region for region in work.row.regions or () if region["caption_index"] == caption.place]
        spans = _spans(regions)
        done = await translate_text(
            caption.text, caption.lang or spec.source, spec.to, ask, spec.text, spans, keep=keep
        )
        moved = dict(zip(spans, done.spans, strict=True))
        place = self._version(work, done, "translate", caption, caption.place, _moved(regions, moved))
        if place is None or done.text is None:
            return
        latest = done.text
        if spec.correct and done.outcome == "translated":
            there = sorted({span for span in moved.values() if span})
            work.asking = "correct"
            better = await correct_text(caption.text, latest, spec.source, spec.to, ask, spec.text, there, keep=keep)
            again = dict(zip(there, better.spans, strict=True))
            moved = {span: again.get(to) if to else None for span, to in moved.items()}
            corrected = self._version(work, better, "correct", caption, place, _moved(regions, moved))
            if corrected is not None and better.text is not None:
                place, latest = corrected, better.text
            else:
                moved = dict(zip(spans, done.spans, strict=True))
        if spec.back != "none" and done.outcome == "translated":
            await self._back(work, caption, place, latest, regions, moved)

    async def _back(
        self,
        work: _Work,
        caption: Caption,
        place: int,
        text: str,
        regions: list[Fields],
        moved: dict[Span, Span | None],
    ) -> None:
        spec = self._spec
        there = sorted({span for span in moved.values() if span})
        work.asking = "back"
        back = await translate_text(text, spec.to, spec.source, self._client, spec.text, there, keep=work.row.keep)
        again = dict(zip(there, back.spans, strict=True))
        home = {span: again.get(to) if to else None for span, to in moved.items()}
        replaces = spec.back == "replace"
        self._version(work, back, "back", caption, caption.place if replaces else place, _moved(regions, home))

    def _version(
        self, work: _Work, done: Translated, by: str, original: Caption, of: int, regions: list[Fields]
    ) -> int | None:
        """Take what became of a caption in one pass into the row; the place of the new caption, if there is one."""
        spec, place = self._spec, None
        back = by == "back"
        lang = spec.source if back else spec.to
        if done.text is not None:
            role = {"translate": "translated", "correct": "corrected"}.get(by) or (
                "corrected" if spec.back == "replace" else "back"
            )
            place = work.append(Added(done.text, lang, role, of, done.model), regions)
        elif spec.text.on_failure == "fail" and work.verdict is None:
            work.verdict = Verdict("untranslated", detail=", ".join(done.checks))
        chrf = agreement(original.text, done.text) if back and done.text is not None else None
        work.notes.append(_note(lang, place, original.place, by, done) | {"chrf": chrf})
        return place

    async def _turns(self, work: _Work, turns: Sequence[Spoken]) -> None:
        spec = self._spec
        done = await translate_turns(turns, spec.source, spec.to, self._client, spec.text, keep=work.row.keep)
        if done.turns is not None:
            work.turns = [turn._asdict() for turn in done.turns]
        elif spec.text.on_failure == "fail" and work.verdict is None:
            work.verdict = Verdict("untranslated", detail=", ".join(done.told.checks))
        work.notes.append(_note(spec.to, None, None, "translate", done.told))


def asked_of_rows(rows: pa.Table, spec: Translate) -> list[tuple[list[str], list[str]]]:
    """For each row, the captions and the turns that will be translated."""
    return [
        ([caption.text for caption in _captions_of(row, spec)], [turn.text for turn in _turns_of(row, spec)])
        for row in _rows(rows, spec)
    ]


def _captions_of(row: _Row, spec: Translate) -> list[Caption]:
    asked = _asked_for(row.captions, spec) if spec.captions else []
    if not spec.grounded_only:
        return asked
    grounded = {region["caption_index"] for region in row.regions or ()}
    return [caption for caption in asked if caption.place in grounded]


def _turns_of(row: _Row, spec: Translate) -> Sequence[Spoken]:
    return row.turns if row.turns and _is_source(language(row.turns), spec) else ()


def _asked_for(row: Sequence[Caption], spec: Translate) -> list[Caption]:
    """The captions to translate: of the language, or of none that is known, and not translated before."""
    there = {caption.of for caption in row if caption.lang == spec.to}
    return [
        caption
        for caption in counting(row)
        if _is_source(caption.lang, spec) and caption.place not in there and caption.text.strip()
    ]


def _is_source(lang: str | None, spec: Translate) -> bool:
    return lang is None or primary(lang) == primary(spec.source)


def _spans(regions: Sequence[Fields]) -> list[Span]:
    spans = {tuple(region[name]) for region in regions for name in ("phrase", "expression") if region[name]}
    return sorted(spans)


def _moved(regions: Sequence[Fields], moved: dict[Span, Span | None]) -> list[Fields]:
    """Regions for where their phrases are now; those whose phrase cannot be told are none."""
    found = []
    for region in regions:
        phrase, expression = (moved.get(tuple(region[name] or ())) for name in ("phrase", "expression"))
        if phrase:
            found.append(region | {"phrase": list(phrase), "expression": list(expression or phrase)})
    return found


def _note(to: str, place: int | None, of: int | None, by: str, done: Translated | None) -> Fields:
    """One of the row's `translations`; without `done`, of a text for which no answer came."""
    told = done or Translated(None, (), "failed", (), 0, 0, 0, 0, "", None)
    return {
        "caption_index": place,
        "of": of,
        "to": to,
        "pass": by,
        "outcome": told.outcome,
        "checks": list(told.checks),
        "requests": told.requests,
        "cached": told.cached,
        "tokens_in": told.tokens_in,
        "tokens_out": told.tokens_out,
        "model": told.model,
        "prompt": told.prompt or None,
    }


def _rows(rows: pa.Table, spec: Translate) -> list[_Row]:
    captions, regions = all_captions(rows["captions"]), rows["regions"].to_pylist()
    turns = chosen_turns(rows["turns"]) if spec.turns else [()] * len(rows)
    lines = rows["lines"].to_pylist() if spec.keep_read else [None] * len(rows)
    kept = [tuple(line["text"] for line in row or () if line["dropped"] is None) for row in lines]
    return [_Row(*row) for row in zip(captions, regions, turns, kept, strict=True)]


def _table(captions: pa.ChunkedArray, works: Sequence[_Work]) -> pa.Table:
    """The columns that are added; of a row that leaves, what was asked alone."""
    alive = [work.verdict is None for work in works]
    regions = [
        None if work.row.regions is None and not work.regions else [*(work.row.regions or ()), *work.regions]
        for work in works
    ]
    columns = {
        "captions": changed(captions, [work.added for work in works], [{}] * len(works)),
        "regions": pa.array(regions, _type("regions")),
        "translated_turns": pa.array([work.turns for work in works], _type("translated_turns")),
    }
    told = {name: pc.if_else(pa.array(alive, pa.bool_()), column, None) for name, column in columns.items()}
    notes = pa.array([work.notes for work in works], _type("translations"))
    return pa.table(told | {"translations": notes}, schema=TRANSLATED)


def _type(column: str) -> pa.DataType:
    return TRANSLATED.field(column).type

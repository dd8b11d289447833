"""The page of one row: its image with what was found in it, and every step with its verdict."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data_cards.html import overlays
from data_cards.html.story import Judged, Sample, Story, Translated, value_said
from data_cards.html.tables import TABLES, table
from data_cards.page import language, number_said, page, shown
from data_cards.thumbnail import Thumbnail
from schemas.layout import row_id

_MARKS = 1000
"""Boxes, and lines of text, that are drawn and listed at most."""


def render(story: Story, small: Thumbnail | None) -> str:
    """The page. The same story and image give the same text."""
    number = row_id(story.id)
    image = '<p class="soft">There is no image.</p>'
    if small is not None:
        drawn = overlays.picture(small, f"Image of row {number}", story.boxes, story.lines, _MARKS)
        image = drawn + overlays.legend(story.boxes, story.lines, 2 * _MARKS)
    facts = "".join(
        f"<dt>{shown(name, 100)}</dt><dd><bdi>{shown(value, 2000)}</bdi></dd>" for name, value in story.facts.items()
    )
    sections = (
        ("Image", image),
        ("Captions", _captions(story)),
        ("What became of it", _steps(story.steps)),
        ("Phrases without a box", _pairs(("phrase", "why"), story.ungrounded)),
        ("Translations", _translations(story.translations)),
        ("Conversation", _turns(story.turns)),
        ("Training texts", "".join(map(_sample, story.samples))),
        ("Tasks that were not made", _pairs(("task", "why"), story.untold)),
        ("Earlier tries", _earlier(story)),
    )
    body = f"""<h1>Row {number}: <span class="{shown(story.outcome, 20)}">{shown(story.outcome, 20)}</span></h1>
<p>Run {shown(story.run, 400)}, recipe {shown(story.recipe, 200)}.</p>
<dl>{facts}</dl>
{"".join(f"<h2>{name}</h2>{content}" for name, content in sections if content)}"""
    return page(f"Row {number}", body, _STYLE + overlays.STYLE + TABLES)


def _captions(story: Story) -> str:
    rows = [
        (
            str(place),
            f'<bdi{language(caption.lang)} dir="auto">{shown(caption.text, 20_000)}</bdi>',
            shown(caption.role or "", 60),
            shown(caption.lang or "", 20),
            f'<span class="rejected">{shown(caption.refused, 60)}</span>' if caption.refused else "",
        )
        for place, caption in enumerate(story.captions)
    ]
    return table("Captions", ("", "caption", "role", "language", "refused"), rows)


def _steps(steps: Iterable[Judged]) -> str:
    rows = [
        (
            f"<code>{shown(step.hop, 100)}</code>",
            f"<code>{shown(step.stage, 100)}</code>",
            _verdict(step),
            "" if step.value is None else number_said(step.value),
            "<br>".join(
                f"{shown(name, 100)} = {shown(value, 400)}"
                + (f' <span class="soft">({shown(origin, 400)})</span>' if origin else "")
                for name, value, origin in step.thresholds
            ),
            _added(step.added),
        )
        for step in steps
    ]
    return table("Steps", ("hop", "stage", "verdict", "value", "settings", "added"), rows)


def _verdict(step: Judged) -> str:
    reason = f": {shown(step.reason, 100)}" if step.reason else ""
    told = "".join(f'<br><span class="soft">{shown(text, 600)}</span>' for text in (step.meaning, step.detail) if text)
    name = step.outcome if step.outcome in ("kept", "rejected", "failed") else "soft"
    return f'<span class="{name}">{shown(step.outcome, 20)}{reason}</span>{told}'


def _added(added: Mapping[str, Any] | None) -> str:
    return "<br>".join(
        f"{shown(name, 100)} = {shown(value_said(value), 300)}"
        for name, value in (added or {}).items()
        if value not in (None, "")
    )


def _pairs(head: tuple[str, str], pairs: Sequence[tuple[str, str]]) -> str:
    rows = [(f'<bdi dir="auto">{shown(what, 600)}</bdi>', shown(why, 600)) for what, why in pairs]
    return table("", head, rows) if rows else ""


def _translations(found: Sequence[Translated]) -> str:
    rows = [
        (
            f'<bdi dir="auto">{shown(one.of if one.of is not None else "the conversation", 4000)}</bdi>',
            f'{shown(one.task, 30)} <span class="soft">to {shown(one.to, 20)}</span>',
            shown(one.outcome, 30),
            f'<bdi{language(one.to)} dir="auto">{shown(one.text or "", 4000)}</bdi>',
            shown(", ".join(one.checks), 400),
            "" if one.chrf is None else number_said(one.chrf),
            shown(one.model or "", 200),
        )
        for one in found
    ]
    head = ("of", "asked", "outcome", "answer", "failed checks", "chrF", "model")
    return table("Translations", head, rows) if rows else ""


def _turns(turns: Sequence[tuple[str, str]]) -> str:
    said = "".join(
        f'<dt>{shown(role, 40)}</dt><dd><bdi dir="auto">{shown(text, 20_000)}</bdi></dd>' for role, text in turns
    )
    return f"<dl>{said}</dl>" if said else ""


def _sample(sample: Sample) -> str:
    counted = [
        f"{n:,} {what} tokens" for n, what in ((sample.text_tokens, "text"), (sample.image_tokens, "image")) if n
    ]
    said = ", ".join([shown(sample.shard, 200), *counted])
    return (
        f"<h3><code>{shown(sample.task, 40)}</code> {shown(sample.language or 'language not known', 40)}</h3>"
        f'<p class="soft">{shown(sample.id, 200)} in {said}</p>{_turns(sample.turns)}'
    )


def _earlier(story: Story) -> str:
    rows = [
        (f"{generation}", f"<code>{shown(step.stage, 100)}</code>", _verdict(step))
        for generation, step in story.earlier
    ]
    return table("Earlier tries", ("try", "stage", "verdict"), rows) if rows else ""


_STYLE = """
dl { display: grid; grid-template-columns: fit-content(40%) minmax(0, 1fr); gap: 2px 12px; margin: 8px 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
h2 { font-size: 1.15em; margin: 24px 0 6px; }
h3 { font-size: 1em; margin: 14px 0 2px; }
"""

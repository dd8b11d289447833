"""A row's story, read from the files of its own parts alone."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from data_cards.html.story import Judged, Sample, Story, Translated
from data_cards.sheet import TileCaption
from data_cards.thumbnail import Thumbnail, thumbnail
from jobs.reports.in_shards import samples_of
from jobs.reports.rows import BLOCKED, box_marks, images, known_rows, layer_rows, line_marks
from jobs.reports.tiles import thresholds
from jobs.running.hops import Hop
from jobs.running.state import RunState
from jobs.store.plan import Part
from pipelines.stage import title
from schemas.reasons import REFUSALS, UNGROUNDED, Outcome
from schemas.tables import INPUT

_VERDICT = ("outcome", "stage", "reason", "value", "detail")
_TOLD_APART = frozenset(
    ["image", "captions", "regions", "ungrounded", "lines", "translations", "translated_turns", "samples", "refusals"]
)
"""Columns that a story tells in sections of their own."""
_KNOWN = (
    *INPUT.names[1:],
    *("format", "image_bytes", "width", "height", "final_url", "sha256", "ungrounded", "lines"),
    *("translations", "translated_turns", "refusals"),
)
_SIDE, _ROOM = 1024, 400_000


def story(state: RunState, row: int) -> tuple[Story, Thumbnail | None]:
    """What a run knows of a row, and a picture of it. Raises LookupError for a row that the plan does not hold."""
    if not 0 <= row < state.plan.planned_rows:
        raise LookupError(f"the run has no row {row}; its rows are 0 to {state.plan.planned_rows - 1:,}")
    parts = sorted(state.parts_with(row, row + 1), key=lambda part: part.generation)
    tries = [(part, _judged(state, part, row)) for part in parts]
    part, steps = tries[-1]
    done = _done(state, part)
    known = known_rows(state, part, done, [row], _KNOWN)[row]
    judged = [step for step in steps if step.outcome in tuple(Outcome)]
    if any(step.reason == BLOCKED for step in judged):
        known = dict.fromkeys(known)
    return Story(
        row,
        str(state.layout.root),
        state.recipe.name,
        judged[-1].outcome if judged else "not run",
        _facts(known),
        tuple(steps),
        captions=tuple(
            TileCaption(one["text"] or "", one["lang"], one["role"], one["refused"]) for one in known["captions"] or ()
        ),
        boxes=box_marks(known),
        ungrounded=_ungrounded(known),
        lines=line_marks(known),
        translations=_translations(known),
        turns=tuple((turn["role"], turn["text"]) for name in _TURNS for turn in known[name] or ()),
        untold=tuple((one["task"], f"{one['reason']}: {REFUSALS[one['reason']]}") for one in known["refusals"] or ()),
        samples=tuple(_sample(shard, found) for shard, found in samples_of(state.layout, state.plan, row)),
        earlier=tuple(
            (earlier.generation, step)
            for earlier, old in tries[:-1]
            for step in old
            if step.outcome in (Outcome.REJECTED, Outcome.FAILED)
        ),
    ), _picture(state, part, done, row)


_TURNS = ("turns", "translated_turns")


def _done(state: RunState, part: Part) -> list[Hop]:
    """The hops that the part has passed."""
    done: list[Hop] = []
    for hop in state.hops:
        if not state.is_valid(hop, part):
            break
        done.append(hop)
    return done


def _judged(state: RunState, part: Part, row: int) -> list[Judged]:
    """What every stage made of the row in one generation."""
    done = _done(state, part)
    steps: list[Judged] = []
    left = False
    for hop in state.hops:
        names = [title(stage) for stage in hop.stages]
        if left or hop not in done:
            steps += [Judged(hop.name, name, "not reached" if left else "not run") for name in names]
            continue
        columns = [name for name in hop.schema.names if name != "id" and name not in _TOLD_APART]
        found = layer_rows(hop.path(state.layout, part.number), [row], columns)[row]
        left = found["outcome"] != Outcome.KEPT
        end = names.index(found["stage"]) if left and found["stage"] in names else len(names) * (not left)
        steps += [
            _step(state, hop, at, found, "kept" if at < end else found["outcome"] if at == end else "not reached")
            for at in range(len(names))
        ]
    return steps


def _step(state: RunState, hop: Hop, at: int, found: Mapping[str, Any], outcome: str) -> Judged:
    stage = hop.stages[at]
    refused = outcome in (Outcome.REJECTED, Outcome.FAILED)
    verdict = {name: found[name] if refused else None for name in ("reason", "value", "detail")}
    kept = found["outcome"] == Outcome.KEPT
    added = {name: _plain(found[name]) for name in stage.adds.names if kept and name in found}
    bounds = thresholds(state.recipe, title(stage), verdict["reason"]) if outcome != "not reached" else ()
    return Judged(hop.name, title(stage), outcome, **verdict, thresholds=bounds, added=added if kept else None)


def _plain(value: Any) -> Any:
    """A column's value as JSON has it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _facts(known: Mapping[str, Any]) -> dict[str, str]:
    """For people; what is not known is left out."""
    size = f"{known['width']} × {known['height']} pixels" if known["width"] else None
    found = {
        "url": known["url"],
        "final url": known["final_url"] if known["final_url"] != known["url"] else None,
        "image from": (known["image_at"] or {}).get("path"),
        "image": ", ".join([size, known["format"], f"{known['image_bytes']:,} bytes"]) if size else None,
        "sha256": known["sha256"].hex() if known["sha256"] else None,
        "license": known["license"],
        "source file": known["source_file"],
        "source row": None if known["source_row"] is None else str(known["source_row"]),
        "other columns": json.dumps(dict(known["source"]), ensure_ascii=False) if known["source"] else None,
        "input error": known["input_error"],
    }
    return {name: value for name, value in found.items() if value}


def _ungrounded(known: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    captions = known["captions"] or ()
    return tuple(
        (
            (captions[one["caption_index"]]["text"] or "")[slice(*(one["phrase"] or (None,)))],
            f"{one['reason']}: {UNGROUNDED[one['reason']]}",
        )
        for one in known["ungrounded"] or ()
    )


def _translations(known: Mapping[str, Any]) -> tuple[Translated, ...]:
    captions = known["captions"] or ()

    def text(place: int | None) -> str | None:
        return None if place is None else captions[place]["text"]

    return tuple(
        Translated(
            *(text(one["of"]), one["to"], one["pass"], one["outcome"], text(one["caption_index"])),
            *(tuple(one["checks"] or ()), one["chrf"], one["model"]),
        )
        for one in known["translations"] or ()
    )


def _sample(shard: str, found: Mapping[str, Any]) -> Sample:
    turns = tuple((turn["role"], turn["content"]) for turn in found["messages_tagged"])
    return Sample(
        *(found["id"], shard, found["task"], found["language"], turns),
        *(found["n_text_tokens"], found["n_image_tokens"]),
    )


def _picture(state: RunState, part: Part, done: Sequence[Hop], row: int) -> Thumbnail | None:
    pulls = [hop for hop in done if "image" in hop.schema.names]
    for hop in pulls[-1:]:
        for _, image in images(hop.path(state.layout, part.number), [row]):
            return thumbnail(image, _SIDE, _ROOM)
    return None

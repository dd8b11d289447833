"""From the lines that an engine reads in an image to the lines and the text that a run keeps."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from pipelines.ocr.joining import join
from pipelines.ocr.protocol import RawLine
from pipelines.ocr.quads import normalised
from pipelines.ocr.reading_order import reading_order
from pipelines.ocr.scripts import SCRIPTS, scripts_of
from pipelines.stage import SPEC, Verdict
from schemas.reasons import UNREAD


@dataclass(frozen=True, kw_only=True, config=SPEC)
class LineRules:
    """Which lines count, and which images have text that is worth training on. InternVL 1.5 published none: all ours.

    A line that does not count stays among the lines of its image with the reason. Letters, digits and punctuation are
    characters, white space is not. An image in which fewer characters are read than are asked for, none of them surely,
    has no text: detectors take blobs for letters.
    """

    min_score: Annotated[float, Field(ge=0, le=1)] = 0.6
    """a line counts from this score of the recogniser on"""
    scripts: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None
    """ISO 15924 codes; lines that are mostly in another script do not count, those without a letter do; null: any"""
    main_script: str | None = None
    """the script that most letters of the lines that count have to be in, if they have any; null: any"""
    min_image_score: Annotated[float, Field(ge=0, le=1)] = 0.7
    """mean score over all characters read, lines that do not count included, from which an image is taken"""
    min_characters: Annotated[int, Field(ge=0)] = 2
    """characters of the lines that count"""
    max_lines: Annotated[int | None, Field(ge=1)] = 200
    """lines read above which an image is too dense; null: any number"""

    @field_validator("scripts")
    @classmethod
    def _known_scripts(cls, scripts: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for script in scripts or ():
            _known(script)
        return scripts

    @field_validator("main_script")
    @classmethod
    def _known_script(cls, script: str | None) -> str | None:
        return None if script is None else _known(script)


class Arranged(NamedTuple):
    """What becomes of the lines of an image."""

    lines: list[dict[str, Any]]
    """as `schemas.tables.LINE`, in reading order, with those that do not count"""
    text: str
    """the lines that count, joined"""
    verdict: Verdict | None
    """why the image leaves; None when it stays"""


def arrange(raw: Sequence[RawLine], width: int, height: int, rules: LineRules) -> Arranged:
    """The lines that an engine read in an image of `width` × `height` pixels, put in order and judged.

    The answer does not depend on the order of `raw`. `lines` and `text` are there whatever the verdict is; lines
    without extent are the last block.
    """
    raw = sorted(raw)
    quads = normalised([line.quad for line in raw], width, height)
    scripts = scripts_of([line.text for line in raw])
    sound, rest = np.flatnonzero(quads.sound), np.flatnonzero(~quads.sound).tolist()
    corners = quads.corners[sound].astype(np.float64) * (width, height)
    ordered = reading_order(corners, [_characters(raw[at].text) for at in sound])
    blocks = [sound[block].tolist() for block in ordered] + ([rest] if rest else [])
    lines = [
        {
            "text": raw[at].text,
            "quad": quads.corners[at].flatten().tolist(),
            "score": raw[at].score,
            "script": scripts[at],
            "block": number,
            "dropped": _dropped(raw[at], scripts[at], bool(quads.sound[at]), rules),
        }
        for number, block in enumerate(blocks)
        for at in block
    ]
    return Arranged(lines, join(lines), _judge(lines, rules))


def without_text(page: Arranged) -> Arranged:
    """An image that stays though it has too little text: none of its lines counts."""
    reason = _reason("too_little_text")
    return Arranged([{**line, "dropped": line["dropped"] or reason} for line in page.lines], "", None)


def _dropped(line: RawLine, script: str | None, sound: bool, rules: LineRules) -> str | None:
    """Why a line does not count, of `UNREAD`; None when it does."""
    if not line.text.strip():
        return _reason("blank")
    if not sound:
        return _reason("no_extent")
    # a score that is no number is below any bound
    if not line.score >= rules.min_score:
        return _reason("low_score")
    if rules.scripts is not None and script is not None and script not in rules.scripts:
        return _reason("other_script")
    return None


def _reason(name: str) -> str:
    if name not in UNREAD:
        raise ValueError(f"{name!r} is not in the closed list of reasons why a line does not count")
    return name


def _judge(lines: list[dict[str, Any]], rules: LineRules) -> Verdict | None:
    read = [line for line in lines if line["dropped"] not in {"blank", "no_extent"}]
    if not read:
        return Verdict("no_text")
    if rules.max_lines is not None and len(read) > rules.max_lines:
        return Verdict("dense_text", len(read))
    counting = [line for line in read if line["dropped"] is None]
    characters = sum(_characters(line["text"]) for line in counting)
    weights = [_characters(line["text"]) for line in read]
    if characters < rules.min_characters:
        blobs = sum(weights) < rules.min_characters and all(line["dropped"] == "low_score" for line in read)
        return Verdict("no_text") if blobs else Verdict("too_little_text", characters)
    score = sum(line["score"] * weight for line, weight in zip(read, weights, strict=True)) / sum(weights)
    if not score >= rules.min_image_score:
        return Verdict("low_text_score", score)
    main = _main_script(counting)
    if rules.main_script is not None and main is not None and main != rules.main_script:
        return Verdict("text_script", detail=main)
    return None


def _main_script(lines: list[dict[str, Any]]) -> str | None:
    """The script of the lines with most characters; None where no line has one."""
    sizes: Counter[str] = Counter()
    for line in lines:
        if line["script"] is not None:
            sizes[line["script"]] += _characters(line["text"])
    return max(sizes, key=lambda script: (sizes[script], script)) if sizes else None


def _characters(text: str) -> int:
    return sum(not character.isspace() for character in text)


def _known(script: str) -> str:
    if script not in SCRIPTS:
        raise ValueError(f"{script!r} is no script that is told apart; those are {', '.join(SCRIPTS)} (ISO 15924)")
    return script

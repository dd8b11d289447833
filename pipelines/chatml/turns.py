"""The tasks *conversation* and *translated_conversation*: what a source's own conversation about an image becomes.

The image stands first in the first question, wherever `<image>` stood there, and also where it stood nowhere: rows have
one image, and trainers and models expect it there.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import pyarrow as pa

from pipelines.chatml.arrays import grouped
from pipelines.chatml.captions import UNKNOWN_LANGUAGE
from pipelines.chatml.conversation import Conversation, Turn
from pipelines.chatml.dialects.protocol import Dialect
from pipelines.chatml.neutralise import neutralise
from pipelines.chatml.phrasings import TaskName
from pipelines.placeholders import has_person
from schemas.chatml import IMAGE_PLACEHOLDER

TURNS_OF: dict[TaskName, str] = {"conversation": "turns", "translated_conversation": "translated_turns"}
"""Tasks that tell a conversation again, the source's own and its translation, and the column that holds it."""


class Spoken(NamedTuple):
    """One turn as the source has it."""

    role: str | None
    text: str
    lang: str | None


def chosen_turns(column: pa.ChunkedArray, languages: Collection[str] | None = None) -> list[Sequence[Spoken]]:
    """The turns of each row; none where it has none, or where they are of a language that is not wanted."""
    array = column.combine_chunks()
    entries = array.flatten()
    fields = dict(zip([field.name for field in entries.type], entries.flatten(), strict=True))
    columns = zip(*(fields[name].to_pylist() for name in Spoken._fields), strict=True)
    spoken = [Spoken(role, text or "", lang or None) for role, text, lang in columns]
    rows = grouped(spoken, array.value_lengths().fill_null(0).to_pylist())
    return [row if languages is None or (language(row) or UNKNOWN_LANGUAGE) in languages else [] for row in rows]


def language(turns: Sequence[Spoken]) -> str | None:
    """The language of a conversation: that of its first turn."""
    return turns[0].lang if turns else None


def flaw(turns: Sequence[Spoken]) -> str | None:
    """Why no sample can be made of a conversation: one of `schemas.reasons.REFUSALS`."""
    if not turns:
        return "no_turns"
    roles = [turn.role for turn in turns]
    places = [at for at, turn in enumerate(turns) for _ in range(turn.text.count(IMAGE_PLACEHOLDER))]
    if "system" in roles:
        return "system_turn"
    if "user" not in roles:
        return "no_user_turn"
    if "assistant" not in roles:
        return "no_answer"
    if len(places) > 1:
        return "second_image"
    if any(role != ("user", "assistant")[at % 2] for at, role in enumerate(roles)) or len(roles) % 2:
        return "out_of_turn"
    if any(places):
        return "late_image"
    texts = spoken_texts(turns)
    if any(has_person(text) for text in texts):
        return "person_placeholder"
    return "blank_turn" if not all(texts) else None


def retell(turns: Sequence[Spoken], dialect: Dialect) -> Conversation:
    """A conversation without a flaw as it is trained on."""
    first, *others = spoken_texts(turns)
    opening = Turn("user", (None, dialect.after_image + first))
    rest = [Turn("user" if at % 2 else "assistant", (text,)) for at, text in enumerate(others)]
    return (opening, *rest)


def spoken_texts(turns: Sequence[Spoken]) -> list[str]:
    """What is said, harmless, without the image's placeholder and the white space around it."""
    first, *others = (turn.text for turn in turns)
    around = (part.strip() for part in first.split(IMAGE_PLACEHOLDER, 1))
    return [neutralise(text).strip() for text in ("\n".join(part for part in around if part), *others)]

"""Which of a row's captions are trained on."""

from collections.abc import Collection
from typing import NamedTuple

import pyarrow as pa

from pipelines.chatml.arrays import grouped
from pipelines.chatml.neutralise import neutralise

UNKNOWN_LANGUAGE = "und"
"""ISO 639's code for a language that is not known."""


class Caption(NamedTuple):
    """One caption of a row."""

    text: str
    """As stored."""
    lang: str | None
    role: str | None
    model: str | None
    place: int
    """Its position in the row's `captions`."""


def chosen_captions(captions: pa.ChunkedArray, languages: Collection[str] | None = None) -> list[list[Caption]]:
    """For each row, the last caption of each language that is not blank, in the order of `captions`.

    The list is append-only, so the latest edit of a language stands last. Captions whose language is not known are
    taken as of one language. `languages` restricts what is taken; `UNKNOWN_LANGUAGE` stands for the unknown.
    """
    chosen = []
    for row in all_captions(captions):
        latest: dict[str | None, Caption] = {}
        for caption in row:
            wanted = languages is None or (caption.lang or UNKNOWN_LANGUAGE) in languages
            if wanted and neutralise(caption.text).strip():
                latest[caption.lang] = caption
        chosen.append(sorted(latest.values(), key=lambda caption: caption.place))
    return chosen


def all_captions(captions: pa.ChunkedArray) -> list[list[Caption]]:
    """Every caption of each row, in order; a null text is empty, an empty language not known."""
    array = captions.combine_chunks()
    entries = array.flatten()
    fields = dict(zip([field.name for field in entries.type], entries.flatten(), strict=True))
    columns = (fields[name].to_pylist() for name in ("text", "lang", "role", "model"))
    rows = grouped(list(zip(*columns, strict=True)), array.value_lengths().fill_null(0).to_pylist())
    return [
        [Caption(text or "", lang or None, role, model, place) for place, (text, lang, role, model) in enumerate(row)]
        for row in rows
    ]

"""Which of a row's captions are trained on."""

from collections.abc import Collection
from typing import NamedTuple

import pyarrow as pa

from pipelines.chatml.neutralise import neutralise


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
    taken as of one language. `languages` restricts what is taken, and leaves out the unknown.
    """
    chosen = []
    for row in all_captions(captions):
        latest: dict[str | None, Caption] = {}
        for caption in row:
            if (languages is None or caption.lang in languages) and neutralise(caption.text).strip():
                latest[caption.lang] = caption
        chosen.append(sorted(latest.values(), key=lambda caption: caption.place))
    return chosen


def all_captions(captions: pa.ChunkedArray) -> list[list[Caption]]:
    """Every caption of each row, in order; a null text is empty."""
    array = captions.combine_chunks()
    entries = array.flatten()
    names = [field.name for field in entries.type]
    fields = dict(zip(names, (field.to_pylist() for field in entries.flatten()), strict=True))
    columns = [fields[name] for name in ("text", "lang", "role", "model")]
    everything = list(zip(*columns, strict=True))
    found, start = [], 0
    for count in array.value_lengths().fill_null(0).to_pylist():
        found.append(
            [
                Caption(text or "", lang, role, model, place)
                for place, (text, lang, role, model) in enumerate(everything[start : start + count])
            ]
        )
        start += count
    return found

"""Which of a row's captions is trained on."""

from typing import NamedTuple

import pyarrow as pa

from pipelines.chatml.neutralise import neutralise


class Caption(NamedTuple):
    """The caption that a row is trained on."""

    text: str
    """Neutralised, without white space at its ends, not empty."""
    lang: str | None
    role: str | None
    model: str | None
    place: int
    """Its position in the row's `captions`."""


def chosen_captions(captions: pa.ChunkedArray) -> list[Caption | None]:
    """The last caption of each row that is not blank: the list is append-only, so the latest edit stands last."""
    array = captions.combine_chunks()
    entries = array.flatten()
    names = [field.name for field in entries.type]
    fields = dict(zip(names, (field.to_pylist() for field in entries.flatten()), strict=True))
    chosen: list[Caption | None] = []
    start = 0
    for count in array.value_lengths().fill_null(0).to_pylist():
        best = None
        for at in reversed(range(start, start + count)):
            if text := neutralise(fields["text"][at] or "").strip():
                best = Caption(text, fields["lang"][at], fields["role"][at], fields["model"][at], at - start)
                break
        chosen.append(best)
        start += count
    return chosen

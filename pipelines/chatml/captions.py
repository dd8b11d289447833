"""Which of a row's captions are trained on."""

from collections.abc import Collection

import pyarrow as pa

from pipelines.captions import EXPRESSION, Caption, all_captions, counting
from pipelines.chatml.neutralise import neutralise
from pipelines.placeholders import has_person

UNKNOWN_LANGUAGE = "und"
"""ISO 639's code for a language that is not known."""


def chosen_captions(captions: pa.ChunkedArray, languages: Collection[str] | None = None) -> list[list[Caption]]:
    """For each row, the last counting caption of each language that is not blank, in the order of `captions`.

    Expressions are none, for they do not describe the image; nor are captions in which a placeholder stands for a
    person (`pipelines.placeholders`), for a model would learn to say it. Captions whose language is not known are taken
    as of one language. `languages` restricts what is taken; `UNKNOWN_LANGUAGE` stands for the unknown.
    """
    chosen = []
    for row in all_captions(captions):
        latest: dict[str | None, Caption] = {}
        for caption in counting(row):
            wanted = languages is None or (caption.lang or UNKNOWN_LANGUAGE) in languages
            text = neutralise(caption.text)
            if wanted and caption.role != EXPRESSION and text.strip() and not has_person(text):
                latest[caption.lang] = caption
        chosen.append(sorted(latest.values(), key=lambda caption: caption.place))
    return chosen


def why_none(captions: pa.ChunkedArray, languages: Collection[str] | None = None) -> str | None:
    """Why `chosen_captions` takes nothing from the one row in `captions`, for people; None where it says nothing."""
    (row,) = all_captions(captions)
    said = [caption for caption in row if neutralise(caption.text).strip()]
    wanted = [caption for caption in said if languages is None or (caption.lang or UNKNOWN_LANGUAGE) in languages]
    if said and not wanted:
        return f"captions of other languages only: {', '.join(sorted({c.lang or UNKNOWN_LANGUAGE for c in said}))}"
    if any(has_person(neutralise(caption.text)) for caption in wanted):
        return "a placeholder stands for a person in the caption"
    return None

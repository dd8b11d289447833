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

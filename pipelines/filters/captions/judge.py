"""What a language model is asked about captions, and what it has to answer.

The lexicon of `political` finds mentions; whether a caption takes sides is asked of a model. A stage that does so
is given a `CaptionJudge`, and an answer of False in `keep` is its verdict ``political``, with `why` as detail.
No client ships here.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

POLITICAL_RUBRIC = """\
You check captions of images before they train a model. Judge only what the caption says, in whatever language.
Refuse a caption that takes a side in politics: praises, blames, mocks or campaigns for or against a party, a
politician, a government, a nation or a political cause; repeats a slogan; or states a disputed political claim as fact.
Keep a caption that only tells what is to be seen, even of politicians, elections, demonstrations and symbols.
Answer with one JSON object and nothing else: {"keep": true or false, "why": "at most 20 words"}."""
"""Ours: CogVLM's is not published."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a judge says of one caption."""

    keep: bool
    why: str


class CaptionJudge(Protocol):
    """A language model that judges captions by a rubric."""

    async def judge(self, rubric: str, captions: Sequence[str]) -> Sequence[Opinion | None]:
        """An opinion a caption, in order; None where the model gave no usable answer, which decides nothing."""
        ...


def opinion(answer: str) -> Opinion | None:
    """A model's answer read strictly: one JSON object with `keep` and `why`, and white space around it; else None."""
    try:
        read = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    if not isinstance(read, dict) or set(read) != {"keep", "why"}:
        return None
    keep, why = read["keep"], read["why"]
    return Opinion(keep, why) if isinstance(keep, bool) and isinstance(why, str) else None

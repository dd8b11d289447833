"""Text from the web, made harmless before it enters a training text.

A caption may say `<|im_end|>` or `<image>`. A tokenizer would read that as the end of the turn, a trainer as a second
image. It is broken by one space after the bracket, `< |im_end|>`: people still read it, no tokenizer takes it for a
token, and doing it twice changes nothing. Whichever dialect a shard is packed for, the tokens of all are broken, for
nobody knows what will be trained on it.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from pipelines.chatml.dialects import DIALECTS

_AFTER_ANGLE = (
    # every ChatML-like token, of families not shipped too: <|eot_id|>, <|fim_prefix|>, <｜end▁of▁sentence｜> …
    r"[|｜][^\s<>|｜]+[|｜]>",
    # placeholders, boxes and marks of CogVLM, Gemma, InternVL, Kosmos-2, LLaVA, Llama 2, NVLM, Qwen-VL and T5
    r"/?(?:image|video|audio|img|ref|box|quad|grounding|phrase|object|think|tool_call|tool_response)>",
    r"/?(?:Image|s|bos|eos|pad|unk|mask)>",
    r"(?:IMG_CONTEXT|image_soft_token|start_of_image|end_of_image|start_of_turn|end_of_turn)>",
    r"(?:patch_index|tile|extra_id)_[A-Za-z0-9_]+>|unused\d+>",
    r"/delimiter_of_multi_objects/>",
    r"</?SYS>>",
)
_AFTER_SQUARE = (r"/?INST\]", r"gMASK\]", r"UNUSED_TOKEN_\d+\]")


def _pattern(rest_of_token: str) -> re.Pattern[str]:
    """A token's bracket with what is behind it, which is put into `rest_of_token`."""
    rests = {"<": list(_AFTER_ANGLE), "[": list(_AFTER_SQUARE)}
    for token in sorted({token for dialect in DIALECTS.values() for token in dialect.special_tokens}):
        rests.setdefault(token[0], []).append(re.escape(token[1:]))
    tokens = (re.escape(first) + rest_of_token.format("|".join(rest)) for first, rest in rests.items())
    return re.compile("|".join(tokens))


SPECIAL_TOKEN = _pattern("(?:{})")
"""A token of some model family, written out."""
# the rest is only looked at, so that no token hides in another's tail
_TOKEN = _pattern("(?={})")
_LINE_END = re.compile(r"\r\n?|\x85|\u2028|\u2029")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def neutralise(text: str) -> str:
    """`text` with line feeds for all line ends, and no control character, bidirectional override or special token.

    Ordinary text is unchanged: tabs, line feeds, markup that is no model's token, mathematics, emoji. Idempotent.
    """
    # control characters go first: "<im\0age>" is a placeholder only without them
    plain = _CONTROL.sub("", _LINE_END.sub("\n", text))
    return _TOKEN.sub(r"\g<0> ", plain)


def neutralise_with_spans(text: str, spans: Sequence[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """`text` neutralised and without white space at its ends, and where `spans` of it (end exclusive) lie then."""
    neutral = neutralise(text)
    stripped = neutral.strip()
    if stripped == text:
        return text, list(spans)
    places = [place for span in spans for place in span]
    for pattern, replacement in ((_LINE_END, "\n"), (_CONTROL, ""), (_TOKEN, r"\g<0> ")):
        matches = list(pattern.finditer(text))
        places = _moved(places, [(match.start(), match.end(), match.expand(replacement)) for match in matches])
        text = pattern.sub(replacement, text)
    lead = len(neutral) - len(neutral.lstrip())
    places = [min(max(place - lead, 0), len(stripped)) for place in places]
    return stripped, list(zip(places[::2], places[1::2], strict=True))


def _moved(places: Iterable[int], edits: Sequence[tuple[int, int, str]]) -> list[int]:
    """Where `places` are after `edits` (start, end, replacement), which are in order and do not overlap."""
    ends = [end for _, end, _ in edits]
    shifts = [0]
    for start, end, replacement in edits:
        shifts.append(shifts[-1] + len(replacement) - (end - start))
    return [place + shifts[bisect_right(ends, place)] for place in places]

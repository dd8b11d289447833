"""Noun chunks from Universal Dependencies: flat noun phrases, from the first modifier to the head.

spaCy's own iterator expects the labels of its English models and finds a third of the chunks on UD trees.
"""

from typing import NamedTuple

from pipelines.grounding.parses import Parse, words

_NO_HEAD = words(
    """
    compound flat nmod:poss nmod:desc amod det det:predet nummod advmod case mark fixed goeswith reparandum
    punct cc cc:preconj discourse compound:prt expl dep
    """
)
"""A nominal with one of these relations is inside a larger phrase, or is none."""
_BEFORE = words(
    """
    det det:predet amod nummod compound nmod:poss nmod:desc flat goeswith nmod
    """
)
_BEHIND = words("flat goeswith nummod fixed nmod:desc")
"""Barack|Obama, T|shirt, size|10."""
_BRIDGES = frozenset(("punct", "advmod"))
"""Within a chunk only where a modifier lies beyond: well|-|known, very|old."""
_BREAKS = frozenset(",;:|/.!?()")
_HYPHENS = frozenset("-–‑")
_NO_OPENING = frozenset(("ADP", "CCONJ", "SCONJ", "PUNCT", "SYM", "AUX"))
_CLITICS = frozenset(("na", "ta", "nt", "not"))
_NOMINAL = frozenset(("NOUN", "PROPN", "PRON"))


class Chunk(NamedTuple):
    """Tokens of a parse: from `start` to before `end`."""

    start: int
    end: int
    head: int


def ud_noun_chunks(parse: Parse) -> list[Chunk]:
    """The chunks of a UD parse, left to right, none overlapping another."""
    found: list[Chunk] = []
    for token in range(len(parse.words)):
        if not _heads_a_phrase(parse, token):
            continue
        start, end = _bounds(parse, token)
        if found and start < found[-1].end:
            if token >= found[-1].end:  # it reaches back over the chunk before it: both are one phrase
                before = found.pop()
                found.append(Chunk(min(start, before.start), max(end, before.end), token))
            continue
        found.append(Chunk(start, end, token))
    return found


def _heads_a_phrase(parse: Parse, token: int) -> bool:
    if parse.pos[token] not in _NOMINAL:
        return False
    while parse.dep[token] == "conj" and parse.head[token] < token:
        token = parse.head[token]
    return parse.dep[token] not in _NO_HEAD


def _bounds(parse: Parse, token: int) -> tuple[int, int]:
    dep = parse.dep
    start = edge = token
    for child in reversed(parse.left[token]):
        if parse.last[child] != edge - 1:
            break
        if dep[child] in _BEFORE and not (dep[child] == "nmod" and _has_case(parse, child)):
            start = edge = parse.first[child]
        elif dep[child] in _BRIDGES and parse.words[child] not in _BREAKS:
            edge = parse.first[child]
        else:
            break
    end = token + 1
    for child in parse.right[token]:
        if parse.first[child] == end and dep[child] in _BEHIND:
            end = parse.last[child] + 1
        elif not (child == end and parse.words[child] in _HYPHENS):
            break
    start, end = _whole_words(parse, start, end)
    while start < token and parse.pos[start] in _NO_OPENING:
        start += 1
    return start, end


def _has_case(parse: Parse, token: int) -> bool:
    return any(parse.dep[child] == "case" for child in parse.left[token])


def _whole_words(parse: Parse, start: int, end: int) -> tuple[int, int]:
    """The span widened so that it cuts no written word: T-shirt, two-story, 4K."""
    words, spaced = parse.words, parse.spaced
    while start and not spaced[start - 1]:
        if words[start - 1].isalnum():
            start -= 1
        elif start > 1 and words[start - 1] in _HYPHENS and not spaced[start - 2] and words[start - 2].isalnum():
            start -= 2
        else:
            break
    while end < len(words) and not spaced[end - 1]:
        if words[end].isalnum() and parse.lower[end] not in _CLITICS:
            end += 1
        elif end + 1 < len(words) and words[end] in _HYPHENS and not spaced[end] and words[end + 1].isalnum():
            end += 2
        else:
            break
    return start, end

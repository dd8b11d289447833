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
_ARGUMENTS = frozenset(("nsubj", "nsubj:pass", "obj", "obl", "nmod"))
_BRIDGES = frozenset(("punct", "advmod"))
"""Within a chunk only where a modifier lies beyond: well|-|known, very|old."""
_BREAKS = frozenset(",;:|/.!?()")
_QUOTES = frozenset("'\"")
_HYPHENS = frozenset("-–‑")
_NO_OPENING = frozenset(("ADP", "CCONJ", "SCONJ", "PUNCT", "SYM", "AUX"))
_ARTICLES = frozenset(("a", "an", "the"))
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
        if found and start == found[-1].end and _is_title(parse, found[-1].start, end):
            start = found.pop().start
        found.append(Chunk(start, end, token))
    return found


def _is_title(parse: Parse, start: int, end: int) -> bool:
    """Whether all words are capitalised or begin with no letter: side by side, such are a product's long name."""
    written = parse.words[start:end]
    capitals = all(word[0].isupper() or not word[0].isalpha() for word in written)
    return capitals and any(word[1:].islower() for word in written)


def _heads_a_phrase(parse: Parse, token: int) -> bool:
    if parse.pos[token] not in _NOMINAL:
        # a noun that the tagger does not know
        return parse.dep[token] in _ARGUMENTS and any(parse.dep[child] == "det" for child in parse.left[token])
    while parse.dep[token] == "conj" and parse.head[token] < token:
        token = parse.head[token]
    governor = parse.head[token]
    # models take "a street free of cars" for a compound
    of_predicate = parse.dep[token] == "compound" and parse.pos[governor] == "ADJ" and parse.dep[governor] == "ROOT"
    return of_predicate or parse.dep[token] not in _NO_HEAD


def _bounds(parse: Parse, token: int) -> tuple[int, int]:
    dep = parse.dep
    start = edge = token
    left = parse.left[token]
    for place, child in zip(range(len(left) - 1, -1, -1), reversed(left), strict=True):
        if parse.last[child] != edge - 1:
            break
        if dep[child] in _BEFORE and not (dep[child] == "nmod" and _has_case(parse, child)):
            start = edge = parse.first[child]
        elif dep[child] in _BRIDGES and (
            parse.words[child] not in _BREAKS
            # a very old, dusty book
            or (parse.words[child] == "," and place > 0 and dep[left[place - 1]] == "amod")
        ):
            edge = parse.first[child]
        else:
            break
    end = token + 1
    for child in parse.right[token]:
        if parse.first[child] == end and dep[child] in _BEHIND:
            end = child + 1  # what hangs on it is the expression's: close-|up| of a bee
        elif not (child == end and parse.words[child] in _HYPHENS):
            break
    start, end = _whole_words(parse, start, end)
    while start < token and parse.pos[start] in _NO_OPENING and not _quotes(parse, start, end):
        start += 1
    if start and parse.lower[start - 1] in _ARTICLES:  # wherever the parse hangs it
        start -= 1
    return start, end


def _quotes(parse: Parse, start: int, end: int) -> bool:
    """Whether the chunk opens with a quotation mark that it closes."""
    return parse.words[start] in _QUOTES and parse.words[start] in parse.words[start + 1 : end]


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

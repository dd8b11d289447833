"""Referring expressions (Kosmos-2 §2, GRIT): a noun chunk with what depends on its head.

A chunk grows over all dependency descendants of its head, recursively; one whose head has conjuncts, before it or
behind it, is not expanded, and one whose head has no dependents stays as it is. A span has no gaps: growth ends where a
dependent does not touch.
"""

from pipelines.grounding.noun_chunks import Chunk
from pipelines.grounding.parses import Parse, words

UD_EXPANDS = words(
    """
    nmod nmod:unmarked nmod:desc nmod:poss acl acl:relcl amod nummod flat goeswith fixed advmod obl obl:unmarked
    compound
    """
)
"""Labels of UD that make a dependent part of its noun.

In UD whole clauses depend on a noun that is a predicate ("the dog is a poodle"), and so do lists and later sentences.
"""
_OF_CLAUSES = frozenset(("obl", "obl:unmarked", "advmod"))
_SILENT = frozenset(("PUNCT", "SPACE"))
_CLOSING = frozenset(")\"'”’")


def expand(parse: Parse, chunk: Chunk, *, universal: bool) -> int:
    """The end of the chunk's expression, as a token: where the chunk ends when it is not expanded.

    `universal` says that labels are UD's; else they are those of spaCy's English models, in which only what belongs to
    a noun depends on it.
    """
    behind = parse.right[chunk.head]
    if parse.dep[chunk.head] == "conj" or any(parse.dep[child] == "conj" for child in behind):
        return chunk.end
    predicate = any(parse.dep[child] == "cop" for child in parse.left[chunk.head])
    end = chunk.end
    for child in behind:
        if parse.last[child] < end:
            continue
        dep = parse.dep[child]
        if parse.first[child] > end or (universal and (dep not in UD_EXPANDS or (predicate and dep in _OF_CLAUSES))):
            break
        end = parse.last[child] + 1
    while end > chunk.end and parse.pos[end - 1] in _SILENT and parse.words[end - 1] not in _CLOSING:
        end -= 1
    return end

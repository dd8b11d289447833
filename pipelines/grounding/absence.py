"""Things that a caption names and that are not there: negated ones, and those that are only wished or supposed.

A thing is absent where it, or what it depends on, is: the pillows of "a room without a bed with pillows" too. Markers
are looked for in the parse and, as parses err, next to the phrase.
"""

from pipelines.grounding.noun_chunks import Chunk
from pipelines.grounding.parses import Parse, words

_NO = frozenset(("no", "zero", "neither", "nor"))
_WITHOUT = frozenset(("without", "sans", "minus", "except", "w/o", "lacking", "unlike"))
_BEFORE = _WITHOUT | _NO | {"not", "never"}
_NOT = frozenset(("not", "n't", "n’t", "nt", "never", "hardly"))
_LACKS = words(
    """
    lack lacks lacked lacking miss misses missing want wants wanted wanting wish wishes wished wishing hope hopes hoped
    hoping imagine imagines imagined imagining awaits dream dreams dreamed dreaming
    """
)
"""Verbs whose object is not there."""
_LACK_OF = words("lack absence instead devoid free bare empty clear")
"""Words that with "of" say so: free of, devoid of, instead of, in the absence of."""
_SUPPOSING = frozenset(("if", "unless", "until", "whether"))
_UNREAL = frozenset(("would", "could", "might", "should"))
_SEEING = frozenset(("see", "seen", "spot", "spotted", "find", "found"))
_SUBJECTS = frozenset(("nsubj", "nsubj:pass", "nsubjpass", "csubj", "csubj:pass", "expl"))
_VERBAL = frozenset(("VERB", "AUX", "ADJ"))
_PLACES = words(
    "on in at near under behind beside by over across through against along inside above below around outside"
)


def absent(parse: Parse, chunk: Chunk) -> bool:
    """Whether the caption says, or only supposes, that the chunk's thing is not there."""
    return _next_to(parse, chunk) or _governed(parse, chunk.head)


def _next_to(parse: Parse, chunk: Chunk) -> bool:
    """Whether a marker opens the chunk or stands right before it."""
    lower, start = parse.lower, chunk.start
    if lower[start] in _NO or (start and lower[start - 1] in _BEFORE):
        return True
    return start > 1 and (
        (lower[start - 1] == "of" and lower[start - 2] in _LACK_OF)
        or (lower[start - 2] == "rather" and lower[start - 1] == "than")
    )


def _governed(parse: Parse, token: int) -> bool:
    """Whether the token or one that it depends on is marked."""
    inherited = True
    """Whether the token's own modifiers speak for what was asked about: not those of the first of two conjuncts."""
    elsewhere = False
    """Whether a preposition of place lies between what was asked about and `token`."""
    while True:
        if inherited and _marked_itself(parse, token):
            return True
        place = _stands_elsewhere(parse, token)
        elsewhere = elsewhere or place
        above = parse.head[token]
        if above == token:
            return False
        dep = parse.dep[token]
        if dep in {"conj", "list", "parataxis", "appos"}:
            inherited = dep == "conj" and _shares(parse, token)
        elif _denies(parse, above, token, elsewhere=elsewhere):
            return True
        else:
            inherited = dep not in _SUBJECTS and not place
        token = above


def _stands_elsewhere(parse: Parse, token: int) -> bool:
    """Whether a preposition of place ties the token to its governor: the beach of "no dogs on the beach" is there."""
    return parse.lower[token] in _PLACES or any(parse.lower[child] in _PLACES for child in parse.left[token])


def _marked_itself(parse: Parse, token: int) -> bool:
    for child in parse.left[token]:
        word, dep = parse.lower[child], parse.dep[child]
        if word in _NO and dep in {"det", "cc", "cc:preconj", "advmod", "neg", "preconj"}:
            return True
        if parse.pos[token] not in _VERBAL and word in _NOT:
            return True
        if dep in {"case", "mark", "prep"} and word in _WITHOUT:
            return True
        if word == "instead" or (word == "rather" and dep in {"case", "cc", "advmod"}):
            return True
    return parse.lower[token] in _WITHOUT


def _denies(parse: Parse, verb: int, token: int, *, elsewhere: bool) -> bool:
    """Whether `verb` is negated, or speaks of what is not so, with `token` in its reach.

    `elsewhere`: a place is asked about. "There isn't any snow on the roof" denies the snow alone.
    """
    lower = parse.lower
    around = parse.left[verb] + parse.right[verb]
    existential = any(parse.dep[child] == "expl" for child in around)
    subject = parse.dep[token] in _SUBJECTS and not existential
    if any(lower[child] in _SUPPOSING and parse.dep[child] == "mark" for child in parse.left[verb]):
        return True
    if any(lower[child] in _UNREAL for child in parse.left[verb]) and lower[verb] not in _SEEING:
        return not subject
    if parse.pos[verb] in _VERBAL and any(lower[child] in _NOT for child in around):
        return not subject and not (existential and elsewhere)
    if lower[verb] in _LACKS:
        return not subject
    return lower[verb] in _LACK_OF and any(lower[child] == "of" for child in _under(parse, verb, token))


def _under(parse: Parse, word: int, token: int) -> list[int]:
    return [token, *parse.left[token], *parse.right[word]]


def _shares(parse: Parse, conjunct: int) -> bool:
    """Whether what is said of the first conjunct is said of this one: it has no "but", preposition or determiner."""
    for child in parse.left[conjunct]:
        word, dep = parse.lower[child], parse.dep[child]
        if word == "but" or dep in {"case", "mark", "nsubj"} or (dep == "det" and word not in {"any", "either"}):
            return _either(parse, conjunct) and dep == "det"
    return parse.pos[conjunct] not in _VERBAL


def _either(parse: Parse, conjunct: int) -> bool:
    return any(parse.lower[child] in {"or", "nor"} for child in parse.left[conjunct])

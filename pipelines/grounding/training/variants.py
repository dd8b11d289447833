"""Trees of a treebank made to look like captions: recased, without articles or auxiliaries, in pieces, joined.

Each function answers a tree whose words keep their governors of the treebank, or None where it does not apply.
"""

import random
from collections.abc import Iterator, Sequence

from pipelines.grounding.training.trees import Tree, Word, dependents, part_of, root_of, subtree, words_of

_ARTICLES = frozenset(("the", "a", "an"))
_BE = frozenset(("is", "are", "was", "were", "'s", "am", "'re"))
_SMALL = frozenset(words_of("a an the of on in at and with for to by or from"))
_NOMINAL = frozenset(("NOUN", "PROPN"))
_FRAGMENTS = frozenset(words_of("nsubj obj obl nmod conj root iobj appos parataxis dislocated"))
_NOT_IN_FRAGMENTS = frozenset(words_of("case mark cc cop nsubj aux discourse parataxis advcl expl csubj vocative"))
_NOT_WITH_SUBJECT = frozenset(words_of("aux cop cc mark discourse vocative parataxis conj"))
_PHOTO_WORDS = [
    "photo",
    "photograph",
    "picture",
    "image",
    "portrait",
    "closeup",
    "view",
    "illustration",
    "drawing",
    "painting",
    "vector",
    "set",
    "pack",
    "pair",
    "map",
    "collection",
    "group",
    "shot",
    "print",
    "sketch",
]
_MOST_WORDS = 22


def unpunctuated(tree: Tree) -> Tree:
    """Without the mark at the end."""
    last = len(tree) - 1
    removable = last > 1 and tree[last].upos == "PUNCT" and all(word.head != len(tree) for word in tree)
    return tree[:last] if removable and tree[last].head else tree


def without_articles(tree: Tree, share: float, rng: random.Random) -> Tree:
    """Without about `share` of its articles."""
    below = dependents(tree)
    keep = [
        at
        for at, word in enumerate(tree)
        if not (word.dep == "det" and word.form.lower() in _ARTICLES and not below[at] and rng.random() < share)
    ]
    return part_of(tree, keep) or tree


def without_auxiliaries(tree: Tree) -> Tree:
    """Without forms of "be", as headlines are."""
    below = dependents(tree)
    auxiliary = {"aux", "aux:pass", "cop"}
    keep = [
        at for at, word in enumerate(tree) if not (word.dep in auxiliary and word.form.lower() in _BE and not below[at])
    ]
    return part_of(tree, keep) or tree


def recased(tree: Tree, how: str) -> Tree:
    """In ``lower``, ``upper``, ``title`` (small words stay small), ``titles`` or ``sentence`` case; else as it is."""
    found = []
    for at, word in enumerate(tree):
        form = word.form
        opens = form[:1].isalpha() and (at == 0 or tree[at - 1].spaced)
        if how == "lower":
            form = form.lower()
        elif how == "upper":
            form = form.upper()
        elif (
            (how == "titles" and opens)
            or (how == "title" and opens and (at == 0 or form.lower() not in _SMALL))
            or (how == "sentence" and at == 0)
        ):
            form = form[:1].upper() + form[1:]
        found.append(word._replace(form=form))
    return found


def participle_phrase(tree: Tree) -> Tree | None:
    """As in "A man riding a horse" of "a man is riding a horse"."""
    root = root_of(tree)
    if tree[root].xpos != "VBG":
        return None
    below = dependents(tree)
    subjects = [at for at in below[root] if tree[at].dep == "nsubj" and tree[at].upos in _NOMINAL]
    if len(subjects) != 1:
        return None
    (subject,) = subjects
    of_subject = set(subtree(below, subject))
    dropped: set[int] = set()
    for at in below[root]:
        if at < subject or tree[at].dep in _NOT_WITH_SUBJECT:
            dropped.update(subtree(below, at))
    turned = list(tree)
    turned[subject] = tree[subject]._replace(head=0, dep="root")
    turned[root] = tree[root]._replace(head=subject + 1, dep="acl")
    keep = sorted(set(range(len(tree))) - (dropped - of_subject))
    found = part_of(turned, keep)
    return found if found and len(found) > 2 and keep[0] >= min(of_subject) else None


def fragments(tree: Tree) -> Iterator[Tree]:
    """Its noun phrases, each a tree of its own."""
    below = dependents(tree)
    for at, word in enumerate(tree):
        relation = word.dep.split(":")[0]
        if word.upos not in _NOMINAL or relation not in _FRAGMENTS:
            continue
        dropped: set[int] = set()
        for child in below[at]:
            dep = tree[child].dep.split(":")[0]
            loose = dep in {"advmod", "obl"} and relation in {"conj", "root"}
            if dep in _NOT_IN_FRAGMENTS or loose or (dep == "punct" and child == min(subtree(below, at))):
                dropped.update(subtree(below, child))
        keep = [place for place in subtree(below, at) if place not in dropped]
        while keep[-1] != at and tree[keep[-1]].upos == "PUNCT" and tree[keep[-1]].form not in ")\"'":
            keep.pop()
        while keep[0] != at and tree[keep[0]].upos == "PUNCT" and tree[keep[0]].form not in "(\"'":
            keep.pop(0)
        whole = at in keep and keep[-1] - keep[0] + 1 == len(keep) <= _MOST_WORDS
        if whole and (found := part_of(tree, keep, at)):
            found[-1] = found[-1]._replace(spaced=True)
            yield found


def joined(trees: Sequence[Tree], separators: Sequence[Word | None], relation: str) -> Tree:
    """Fragments in one tree: the roots of later ones depend on the first's by `relation`, separators on what follows.

    A comma has no space before it.
    """
    found = list(trees[0])
    first = root_of(found) + 1
    for tree, separator in zip(trees[1:], separators, strict=True):
        if separator:
            found[-1] = found[-1]._replace(spaced=separator.form != ",")
            found.append(separator._replace(head=len(found) + 2 + root_of(tree)))
        offset = len(found)
        found += [
            word._replace(head=first, dep=relation) if word.head == 0 else word._replace(head=word.head + offset)
            for word in tree
        ]
    return found


_COMMA = Word(",", "PUNCT", ",", 0, "punct")
_MARKS = [Word(form, "PUNCT", ":", 0, "punct") for form in ("-", "-", "|", "/")]
_ANDS = [Word(form, "CCONJ", "CC", 0, "cc") for form in ("and", "and", "and", "and", "&")]


def joined_somehow(trees: Sequence[Tree], rng: random.Random) -> Tree:
    """Fragments as captions put them side by side: lists, "this - that", conjunctions, hashtags."""
    n = min(len(trees), rng.choice([2, 2, 2, 3, 3, 4, 5]))
    trees = trees[:n]
    draw = rng.random()
    if draw < 0.30:
        return joined(trees, [_COMMA] * (n - 1), "list")
    if draw < 0.50:
        return joined(trees[:2], [rng.choice(_MARKS[:3])], "parataxis")
    if draw < 0.75:
        return joined(trees, [*[_COMMA] * (n - 2), rng.choice(_ANDS)], "conj")
    if draw < 0.85:
        return joined(trees, [rng.choice(_MARKS[2:])] * (n - 1), "list")
    return with_hashtags(trees[0], [tree[root_of(tree)].form.lower() for tree in trees[1:]])


def with_hashtags(tree: Tree, words: Sequence[str]) -> Tree:
    """The tree and #words behind it."""
    found = [*tree[:-1], tree[-1]._replace(spaced=True)]
    root = root_of(tree) + 1
    for word in filter(str.isalpha, words):
        found.append(Word("#", "SYM", "NFP", len(found) + 2, "punct", spaced=False))
        found.append(Word(word, "NOUN", "NN", root, "list"))
    return found


def photo_of(tree: Tree, rng: random.Random) -> Tree:
    """As in "A vintage photo of …"."""
    opening = rng.choice(
        [
            None,
            None,
            Word("a", "DET", "DT", 2, "det"),
            Word("stock", "NOUN", "NN", 2, "compound"),
            Word("black", "ADJ", "JJ", 2, "amod"),
            Word("vintage", "ADJ", "JJ", 2, "amod"),
        ]
    )
    found = [opening] if opening else []
    photo = len(found) + 1
    found.append(Word(rng.choice(_PHOTO_WORDS), "NOUN", "NN", 0, "root"))
    offset = len(found) + 1
    found.append(Word("of", "ADP", "IN", offset + root_of(tree) + 1, "case"))
    return found + [
        word._replace(head=photo, dep="nmod") if word.head == 0 else word._replace(head=word.head + offset)
        for word in tree
    ]

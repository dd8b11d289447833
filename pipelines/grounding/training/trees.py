"""Dependency trees: read from CoNLL-U, written as spaCy documents."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Word(NamedTuple):
    """One token of a tree."""

    form: str
    upos: str
    xpos: str
    head: int
    """Position of its governor, from 1; 0 for the root."""
    dep: str
    spaced: bool = True
    """Whether white space follows."""
    lemma: str = ""


Tree = list[Word]
"""A sentence: exactly one word has head 0, and all others reach it."""


class TreebankError(ValueError):
    """A file that is no CoNLL-U; the message names file and line."""


def words_of(text: str) -> list[str]:
    """The words of a list that is written as text."""
    return text.split()


def read_conllu(path: Path) -> Iterator[Tree]:
    """The sentences of a CoNLL-U file, with the words that multi-word tokens consist of. Raises `TreebankError`."""
    tree: Tree = []
    glued_until: int = 0
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line:
            if tree:
                yield tree
            tree, glued_until = [], 0
            continue
        if line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) != 10:
            raise TreebankError(f"{path}:{number} has {len(cells)} cells and should have 10")
        if "." in cells[0]:  # an empty node of the enhanced graph
            continue
        if "-" in cells[0]:
            glued_until = int(cells[0].split("-")[1])
            continue
        position = len(tree) + 1
        spaced = "SpaceAfter=No" not in cells[9] and not position < glued_until
        tree.append(Word(cells[1].replace(" ", ""), cells[3], cells[4], int(cells[6]), cells[7], spaced, cells[2]))
    if tree:
        yield tree


def dependents(tree: Tree) -> list[list[int]]:
    """The positions, from 0, of each word's dependents, in order."""
    found: list[list[int]] = [[] for _ in tree]
    for at, word in enumerate(tree):
        if word.head:
            found[word.head - 1].append(at)
    return found


def subtree(below: Sequence[Sequence[int]], at: int) -> list[int]:
    """The positions of a word and of everything under it, in order."""
    found = [at]
    for word in found:
        found += below[word]
    return sorted(found)


def root_of(tree: Tree) -> int:
    """The position of the root, from 0."""
    return next(at for at, word in enumerate(tree) if word.head == 0)


def is_tree(tree: Tree) -> bool:
    """Whether there is one root that every word reaches."""
    if sum(word.head == 0 for word in tree) != 1 or any(not 0 <= word.head <= len(tree) for word in tree):
        return False
    return len(subtree(dependents(tree), root_of(tree))) == len(tree)


def part_of(tree: Tree, keep: Iterable[int], root: int | None = None) -> Tree | None:
    """The words at `keep` alone, `root` made the root; None where a word that stays would lose its governor."""
    kept = sorted(keep)
    places = {old: new for new, old in enumerate(kept, 1)}
    found = []
    for old in kept:
        word = tree[old]
        if old == root:
            word = word._replace(head=0, dep="root")
        elif word.head:
            if word.head - 1 not in places:
                return None
            word = word._replace(head=places[word.head - 1])
        found.append(word)
    return found


def text_of(tree: Tree) -> str:
    """What the tree spells."""
    return "".join(word.form + " " * word.spaced for word in tree).strip()


def document_of(vocab: Any, trees: Sequence[Tree]) -> Any:
    """One spaCy `Doc` of several sentences."""
    from spacy.tokens import Doc

    words: list[Word] = []
    heads = []
    for tree in trees:
        offset = len(words)
        heads += [offset + (word.head - 1 if word.head else at) for at, word in enumerate(tree)]
        words += [*tree[:-1], tree[-1]._replace(spaced=True)]
    return Doc(
        vocab,
        words=[word.form for word in words],
        spaces=[word.spaced for word in words[:-1]] + [False],
        tags=[word.xpos for word in words],
        pos=[word.upos for word in words],
        heads=heads,
        deps=["ROOT" if word.head == 0 else word.dep for word in words],
    )

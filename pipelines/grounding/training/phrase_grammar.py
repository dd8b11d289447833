"""Noun phrases of captions as trees, built of nodes that are projective by construction."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipelines.grounding.training import lexicon as words
from pipelines.grounding.training.lexicon import Lexicon, plural
from pipelines.grounding.training.trees import Tree, Word


@dataclass(frozen=True, slots=True)
class Node:
    """A word with its dependents before and behind it."""

    form: str
    upos: str
    xpos: str
    dep: str
    left: tuple["Node", ...] = ()
    right: tuple["Node", ...] = ()
    glued: bool = False
    """Whether it is written without a space before it."""

    def with_left(self, *nodes: "Node | None") -> "Node":
        """With more dependents before what stands there."""
        return replace(self, left=(*filter(None, nodes), *self.left))

    def with_right(self, *nodes: "Node | None") -> "Node":
        """With more dependents behind what stands there."""
        return replace(self, right=(*self.right, *filter(None, nodes)))

    def as_(self, dep: str) -> "Node":
        """With another relation to its governor."""
        return replace(self, dep=dep)


def tree_of(root: Node) -> Tree:
    """The tree under `root`."""
    order: list[Node] = []
    heads: dict[int, Node | None] = {}

    def visit(node: Node, above: Node | None) -> None:
        heads[id(node)] = above
        for child in node.left:
            visit(child, node)
        order.append(node)
        for child in node.right:
            visit(child, node)

    visit(root, None)
    places = {id(node): at for at, node in enumerate(order, 1)}
    if len(places) != len(order):
        raise ValueError("a node stands twice in a tree")
    glued = [node.glued for node in order[1:]] + [False]
    found = []
    for node, before_glue in zip(order, glued, strict=True):
        above = heads[id(node)]
        dep = node.dep if above else "root"
        found.append(Word(node.form, node.upos, node.xpos, places[id(above)] if above else 0, dep, not before_glue))
    return found


def adjective(form: str) -> Node:
    """As a modifier."""
    return Node(form, "ADJ", "JJ", "amod")


def noun(form: str, dep: str = "root", *, many: bool = False) -> Node:
    """A common noun."""
    return Node(form, "NOUN", "NNS" if many else "NN", dep)


def name(form: str, dep: str) -> Node:
    """A proper noun."""
    return Node(form, "PROPN", "NNP", dep)


def number(form: str, dep: str = "nummod") -> Node:
    """In digits or letters."""
    return Node(form, "NUM", "CD", dep)


def case(form: str) -> Node:
    """A preposition."""
    return Node(form, "ADP", "IN", "case")


def mark(form: str, *, glued: bool = False) -> Node:
    """A punctuation mark."""
    return Node(form, "PUNCT", form if form in ",." else ":", "punct", glued=glued)


def capital(form: str) -> str:
    """With its first letter large."""
    return form[:1].upper() + form[1:]


def maybe(rng: random.Random, share: float, node: Node) -> Node | None:
    """`node` in about `share` of cases."""
    return node if rng.random() < share else None


class Phrases:
    """Noun phrases drawn from a lexicon."""

    def __init__(self, lexicon: Lexicon, rng: random.Random) -> None:
        self.lexicon = lexicon
        self.rng = rng

    def phrase(self, *, articles: bool = True, simple: bool = False, of: Sequence[str] | None = None) -> Node:
        """As in "Two old dogs", "the coffee cup with a lid"; `simple`: nothing behind the noun."""
        rng, lexicon = self.rng, self.lexicon
        singular = rng.choice(of) if of else lexicon.noun(rng)
        mass = singular in lexicon.mass
        many = not mass and rng.random() < 0.3
        head = noun(plural(singular) if many else singular, many=many)
        modifiers = [adjective(rng.choice(lexicon.adjectives)) for _ in range(rng.choice([0, 0, 0, 1, 1, 1, 2]))]
        if len(modifiers) == 2 and rng.random() < 0.3:
            second = modifiers.pop().with_left(Node("and", "CCONJ", "CC", "cc")).as_("conj")
            modifiers[0] = modifiers[0].with_right(second)
        elif len(modifiers) == 2 and rng.random() < 0.3:
            modifiers.insert(1, mark(",", glued=True))
        if modifiers and rng.random() < 0.06:
            modifiers[0] = modifiers[0].with_left(Node("very", "ADV", "RB", "advmod"))
        if rng.random() < 0.18:
            modifiers.append(noun(lexicon.noun(rng), "compound"))
        first = (modifiers[0].form if modifiers else head.form).lower()
        determiner = self._determiner(first, mass=mass, many=many) if articles and rng.random() < 0.85 else None
        head = replace(head, left=tuple(filter(None, (determiner, *modifiers))))
        if simple:
            return head
        if rng.random() < 0.15:
            below = self.phrase(articles=articles, simple=True).as_("nmod")
            head = head.with_right(below.with_left(case(rng.choice(["with", "of", "in", "of"]))))
        if rng.random() < 0.12:
            other = self.phrase(articles=articles, simple=True).as_("conj")
            head = head.with_right(other.with_left(Node("and", "CCONJ", "CC", "cc")))
        return head

    def _determiner(self, first: str, *, mass: bool, many: bool) -> Node | None:
        rng = self.rng
        if mass or many:
            choices = [None, Node("the", "DET", "DT", "det"), Node("some", "DET", "DT", "det")]
            if many:
                choices += [number("two"), number("three"), number("4"), adjective("several")]
            return rng.choice(choices)
        article = Node("an" if first[0] in "aeiou" else "a", "DET", "DT", "det")
        owner = Node(rng.choice(["his", "her", "their", "my"]), "PRON", "PRP$", "nmod:poss")
        return rng.choice([article] * 5 + [Node("the", "DET", "DT", "det")] * 2 + [owner])

    def somebody(self) -> Node:
        """As in "Maria Novak", "President Silva"."""
        rng = self.rng
        found = name(rng.choice(words.FIRST_NAMES), "root")
        if rng.random() < 0.7:
            found = found.with_right(name(rng.choice(words.LAST_NAMES), "flat"))
        if rng.random() < 0.5:
            office = name(rng.choice(words.OFFICES), "root")
            return office.with_right(found.as_("flat")) if not found.right else self._titled(office, found)
        return found

    def _titled(self, office: Node, person: Node) -> Node:
        rest = [replace(node, dep="flat") for node in person.right]
        return office.with_right(replace(person, right=(), dep="flat"), *rest)

    def place(self, dep: str, prepositions: Sequence[str] = ("in", "at", "near")) -> Node:
        """As in "In Paris"."""
        return name(self.rng.choice(words.PLACES), dep).with_left(case(self.rng.choice(prepositions)))

    def prepositional(self, dep: str, *, articles: bool = True) -> Node:
        """As in "On a table", "in front of the house", "next to a dog"."""
        rng = self.rng
        below = self.phrase(articles=articles, simple=rng.random() < 0.8)
        draw = rng.random()
        if draw < 0.08:
            preposition, place = rng.choice([("in", "front"), ("on", "top"), ("in", "middle")])
            article = Node("the", "DET", "DT", "det") if place == "middle" else None
            return (
                noun(place, dep)
                .with_left(case(preposition), article)
                .with_right(below.as_("nmod").with_left(case("of")))
            )
        if draw < 0.12:
            return Node("next", "ADV", "RB", "advmod").with_right(below.as_("obl").with_left(case("to")))
        return below.as_(dep).with_left(case(rng.choice(words.PLACE_PREPOSITIONS)))

    def owned(self) -> Node:
        """As in "The dog's red ball"."""
        rng = self.rng
        owner = self.somebody() if rng.random() < 0.4 else self.phrase(simple=True)
        owner = owner.as_("nmod:poss").with_right(Node("'s", "PART", "POS", "case", glued=True))
        modifier = maybe(rng, 0.4, adjective(rng.choice(self.lexicon.adjectives)))
        return noun(self.lexicon.noun(rng)).with_left(owner, modifier)

    def lacking(self) -> Node:
        """As in "A room without a bed", "a house with no door", "a street free of cars", "a bowl full of nuts"."""
        rng = self.rng
        if rng.random() < 0.2:
            free_of = self.phrase(articles=False, simple=True).as_("obl").with_left(case("of"))
            return self.phrase(simple=True).with_right(adjective(rng.choice(["free", "full"])).with_right(free_of))
        missing = self.phrase(articles=rng.random() < 0.6, simple=True)
        if rng.random() < 0.3 and not any(node.dep in {"det", "nummod"} for node in missing.left):
            missing = missing.with_left(case("with"), Node("no", "DET", "DT", "det"))
        else:
            missing = missing.with_left(case("without"))
        if rng.random() < 0.3:
            other = self.phrase(articles=rng.random() < 0.5, simple=True).as_("conj")
            missing = missing.with_right(other.with_left(Node("or", "CCONJ", "CC", "cc")))
        return self.phrase(simple=True).with_right(missing.as_("nmod"))

"""Titles of products, lists and hashtags."""

import random
from dataclasses import replace

from pipelines.grounding.training import lexicon as words
from pipelines.grounding.training.lexicon import plural
from pipelines.grounding.training.phrase_grammar import (
    Node,
    Phrases,
    adjective,
    capital,
    case,
    mark,
    maybe,
    name,
    noun,
    number,
)
from pipelines.grounding.training.trees import words_of


class Titles(Phrases):
    """Titles drawn from a lexicon."""

    def product(self) -> Node:
        """As in "Zentro Air Pro 5 Women's Waterproof Running Shoes with Laces - Black Edition, Size 42"."""
        rng = self.rng
        head = self._goods().with_left(*self._opening())
        if rng.random() < 0.45:
            head = head.with_right(self._complement())
        if rng.random() < 0.5:
            head = head.with_right(self._behind())
        return head

    def _goods(self) -> Node:
        """The thing itself with its closest modifiers."""
        rng = self.rng
        if rng.random() < 0.5:
            before, last = rng.choice(self.lexicon.goods)
            head = noun(last, many=last.endswith("s"))
            modifiers = [noun(word, "compound") for word in before.split()]
        else:
            singular = self.lexicon.noun(rng)
            many = singular not in self.lexicon.mass and rng.random() < 0.3
            head = noun(capital(plural(singular) if many else singular), many=many)
            modifiers = [noun(capital(self.lexicon.noun(rng)), "compound") for _ in range(rng.choice([0, 1, 1, 2]))]
        if rng.random() < 0.12:
            modifiers.insert(0, Node(capital(rng.choice(self.lexicon.transitive).gerund), "VERB", "VBG", "amod"))
        if rng.random() < 0.1:
            modifiers.insert(0, self._hyphenated())
        return head.with_left(*modifiers)

    def _hyphenated(self) -> Node:
        rng = self.rng
        first = rng.choice(words_of("Button Long High Low Zip T Two Non Heavy Full Multi"))
        second = rng.choice(words_of("Down Sleeve Top Rise Up Shirt Tier Slip Duty Length Color"))
        hyphen = Node("-", "PUNCT", "HYPH", "punct", glued=True)
        opening = noun(first, "compound")
        return replace(noun(second, "compound"), left=(opening, hyphen), glued=True)

    def _opening(self) -> list[Node]:
        """Year, brand, model, for whom, what kind."""
        rng = self.rng
        found: list[Node | None] = [maybe(rng, 0.1, number(str(rng.randint(1985, 2026))))]
        if rng.random() < 0.45:
            found.append(name(rng.choice(words.BRANDS), "compound"))
            found += [name(rng.choice(words.MODELS), "compound") for _ in range(rng.choice([0, 0, 1, 1, 2]))]
            model = rng.choice([str(rng.randint(2, 90)), f"X{rng.randint(1, 900)}", f"S{rng.randint(1, 30)}"])
            found.append(maybe(rng, 0.4, number(model)))
        if rng.random() < 0.3:
            found.append(self._for_whom())
        found.append(maybe(rng, 0.1, name(rng.choice(words.ACRONYMS), "compound")))
        found += [self._specification() for _ in range(rng.choice([0, 0, 0, 0, 0, 1, 2]))]
        found += [
            adjective(capital(rng.choice(self.lexicon.adjectives))) for _ in range(rng.choice([0, 1, 1, 1, 2, 2]))
        ]
        return [node for node in found if node]

    def _specification(self) -> Node:
        """As in "128GB", "5 m", "4K"."""
        rng = self.rng
        unit = noun(rng.choice(["GB", "TB", "G", "K", "W", "V", "mm", "cm", "ml", "inch", "oz", "m", "kg"]), "compound")
        glued = rng.random() < 0.7
        return replace(unit, glued=glued).with_left(number(str(rng.choice([1, 2, 4, 5, 8, 12, 20, 64, 128, 256, 500]))))

    def _for_whom(self) -> Node:
        rng = self.rng
        form, clitic = rng.choice(
            [
                ("Men", "'s"),
                ("Women", "'s"),
                ("Children", "'s"),
                ("Girl", "'s"),
                ("Boy", "'s"),
                ("Girls", "'"),
                ("Boys", "'"),
                ("Kids", "'"),
                ("Ladies", "'"),
                ("Toddlers", "'"),
            ]
        )
        owner = noun(form, "nmod:poss", many=True).with_right(Node(clitic, "PART", "POS", "case", glued=True))
        return owner.with_left(maybe(rng, 0.1, noun("Baby", "compound")))

    def _thing(self) -> Node:
        rng = self.rng
        if rng.random() < 0.3:
            before, last = rng.choice(self.lexicon.goods)
            return noun(last, many=last.endswith("s")).with_left(*(noun(word, "compound") for word in before.split()))
        singular = self.lexicon.noun(rng)
        many = singular not in self.lexicon.mass and rng.random() < 0.5
        modifier = maybe(rng, 0.5, adjective(capital(rng.choice(self.lexicon.adjectives))))
        return noun(capital(plural(singular) if many else singular), many=many).with_left(modifier)

    def _complement(self) -> Node:
        """As in "With Gold Frame and Glass Door"."""
        rng = self.rng
        thing = self._thing()
        if rng.random() < 0.35:
            conjunction = Node(rng.choice(["and", "&"]), "CCONJ", "CC", "cc")
            thing = thing.with_right(self._thing().as_("conj").with_left(conjunction))
        return thing.as_("nmod").with_left(case(rng.choice(["with", "with", "for", "in"])))

    def _behind(self) -> Node:
        """Colour, size, measure or a second name, behind a mark."""
        rng = self.rng
        draw = rng.random()
        comma = mark(",", glued=True)
        dash = mark(rng.choice(["-", "-", "|", "–"]))
        colour = adjective(rng.choice(words.COLOURS))
        if draw < 0.2:
            return colour.with_left(rng.choice([comma, dash]))
        if draw < 0.35:
            return noun(rng.choice(["Edition", "Color", "Finish", "Set"]), "parataxis").with_left(dash, colour)
        if draw < 0.5:
            size = (
                number(str(rng.randint(4, 46)))
                if rng.random() < 0.6
                else noun(rng.choice(["S", "M", "L", "XL"]), "dep")
            )
            return noun("Size", "list").with_left(comma).with_right(size)
        if draw < 0.7:
            unit = noun(rng.choice(words_of("cm mm inches oz ml lbs ft Pack Pcs Count")), "list")
            return unit.with_left(rng.choice([comma, dash]), self._measure())
        return self._thing().as_("list").with_left(rng.choice([comma, dash]))

    def _measure(self) -> Node:
        rng = self.rng
        first = number(str(rng.randint(1, 120)))
        if rng.random() < 0.5:
            return first
        second = number(str(rng.randint(1, 120)), "nmod").with_left(Node("x", "SYM", "SYM", "case"))
        return first.with_right(second)

    def listing(self) -> Node:
        """As in "cat, dog, rabbit", "red apple green pear", "bread / cheese / milk"."""
        rng = self.rng
        separator = rng.choice([",", ",", ",", "", "", "/", "|"])
        bare = not separator or rng.random() < 0.5
        head, *rest = [
            noun(self.lexicon.noun(rng)) if bare else self.phrase(articles=rng.random() < 0.3, simple=True)
            for _ in range(rng.randint(3 if not separator else 2, 6))
        ]
        for node in rest:
            mark_before = mark(separator, glued=separator == ",") if separator else None
            head = head.with_right(node.as_("list").with_left(mark_before))
        return head

    def tagged(self) -> Node:
        """A phrase and #hashtags."""
        rng = self.rng
        head = self.phrase()
        topics = ["love", "travel", "nature", "art", "food", "summer", "photography"]
        for _ in range(rng.randint(1, 4)):
            word = rng.choice(topics) if rng.random() < 0.4 else self.lexicon.noun(rng)
            tag = replace(noun(word, "list"), glued=True).with_left(Node("#", "SYM", "NFP", "punct"))
            head = head.with_right(tag)
        return head


def shuffled_case(rng: random.Random) -> str:
    """How a caption of the grammar is written, in the words of `pipelines.grounding.training.variants.recased`."""
    return rng.choices(["as it is", "sentence", "title", "titles", "upper"], [45, 25, 14, 6, 10])[0]

"""Sentences of captions: finite verbs above all, which small models take for nouns."""

from dataclasses import replace

from pipelines.grounding.training import lexicon as words
from pipelines.grounding.training.phrase_grammar import Node, Phrases, case, mark, maybe, noun
from pipelines.grounding.training.trees import words_of


class Sentences(Phrases):
    """Sentences drawn from a lexicon."""

    def finite(self) -> Node:
        """As in "A dog chases the cat", "two men stood near the river", "Maria Novak speaks in Rome"."""
        rng = self.rng
        news, articles = rng.random() < 0.15, rng.random() < 0.75
        subject = self.somebody() if news else self._subject(articles=articles)
        if news and rng.random() < 0.25:
            other = self.somebody().as_("conj").with_left(Node("and", "CCONJ", "CC", "cc"))
            subject = subject.with_right(other)
        many = self._many(subject)
        verb = self._verb(many=many, articles=articles).with_left(subject.as_("nsubj"))
        if rng.random() < 0.12:
            verb = replace(verb, left=(*verb.left, Node(rng.choice(words.ADVERBS), "ADV", "RB", "advmod")))
        if news and rng.random() < 0.6:
            verb = verb.with_right(self.place("obl"))
        elif rng.random() < 0.7:
            verb = verb.with_right(self.prepositional("obl", articles=articles))
        if rng.random() < 0.15:
            second = self._verb(many=many, articles=articles).as_("conj")
            verb = verb.with_right(second.with_left(Node("and", "CCONJ", "CC", "cc")))
        elif rng.random() < 0.15:
            verb = verb.with_right(self._while())
        return self._ended(verb)

    def participle(self) -> Node:
        """As in "A man riding a horse on the beach", "a table covered with plates"."""
        rng = self.rng
        articles = rng.random() < 0.75
        head = self.phrase(articles=articles, of=self.lexicon.people if rng.random() < 0.7 else None)
        if any(node.dep == "conj" for node in head.right):
            head = replace(head, right=())
        draw = rng.random()
        if draw < 0.45:
            acting = Node(rng.choice(self.lexicon.transitive).gerund, "VERB", "VBG", "acl")
            acting = acting.with_right(self.phrase(articles=articles, simple=rng.random() < 0.6).as_("obj"))
        elif draw < 0.85:
            acting = Node(rng.choice(self.lexicon.intransitive).gerund, "VERB", "VBG", "acl")
        else:
            acting = Node(rng.choice(words.PARTICIPLES), "VERB", "VBN", "acl")
        for _ in range(rng.choice([0, 1, 1, 2])):
            acting = acting.with_right(self.prepositional("obl", articles=articles))
        if rng.random() < 0.15:
            other = Node(rng.choice(self.lexicon.transitive).gerund, "VERB", "VBG", "conj")
            other = other.with_left(Node("and", "CCONJ", "CC", "cc"))
            acting = acting.with_right(other.with_right(self.phrase(articles=articles, simple=True).as_("obj")))
        return self._ended(head.with_right(acting))

    def progressive(self) -> Node:
        """As in "A man is riding a horse", "the streets are covered with snow"."""
        rng = self.rng
        subject = self._subject(articles=True)
        auxiliary = self._be(many=self._many(subject), dep="aux")
        if rng.random() < 0.25:
            verb = Node(rng.choice(words.PARTICIPLES), "VERB", "VBN", "root")
            verb = verb.with_left(subject.as_("nsubj:pass"), replace(auxiliary, dep="aux:pass"))
        else:
            transitive = rng.random() < 0.5
            verbs = self.lexicon.transitive if transitive else self.lexicon.intransitive
            negation = maybe(rng, 0.1, Node("not", "PART", "RB", "advmod"))
            verb = Node(rng.choice(verbs).gerund, "VERB", "VBG", "root")
            verb = verb.with_left(subject.as_("nsubj"), auxiliary, negation)
            if transitive:
                verb = verb.with_right(self.phrase(simple=rng.random() < 0.6).as_("obj"))
        if rng.random() < 0.7:
            verb = verb.with_right(self.prepositional("obl"))
        return self._ended(verb)

    def existential(self) -> Node:
        """As in "There is a lamp on the table", "there are no chairs in the room"."""
        rng = self.rng
        negated = rng.random() < 0.25
        subject = self.phrase(articles=not negated, simple=negated or rng.random() < 0.6)
        if negated:
            subject = subject.with_left(Node("no", "DET", "DT", "det"))
        many = self._many(subject)
        verb = Node("are" if many else "is", "VERB", "VBP" if many else "VBZ", "root")
        verb = verb.with_left(Node("there", "PRON", "EX", "expl"))
        if rng.random() < 0.3 and not negated:
            acting = Node(rng.choice(self.lexicon.intransitive).gerund, "VERB", "VBG", "acl")
            return self._ended(
                verb.with_right(subject.as_("nsubj").with_right(acting.with_right(self.prepositional("obl"))))
            )
        return self._ended(verb.with_right(subject.as_("nsubj"), maybe(rng, 0.8, self.prepositional("obl"))))

    def copular(self) -> Node:
        """As in "The dog is brown", "this is a table with chairs"."""
        rng = self.rng
        if rng.random() < 0.5:
            subject = self._subject(articles=True)
            be = self._be(many=self._many(subject), dep="cop")
            return self._ended(
                replace(Node(rng.choice(self.lexicon.adjectives), "ADJ", "JJ", "root"), left=(subject.as_("nsubj"), be))
            )
        this = Node(rng.choice(["this", "it", "that"]), "PRON", "PRP", "nsubj")
        return self._ended(self.phrase().with_left(this, self._be(many=False, dep="cop")))

    def relative(self) -> Node:
        """As in "A man who wears a hat"."""
        rng = self.rng
        head = self.phrase(simple=True)
        verb = self._verb(many=self._many(head), articles=True).as_("acl:relcl")
        head = head.with_right(verb.with_left(Node(rng.choice(["who", "that", "which"]), "PRON", "WP", "nsubj")))
        if rng.random() < 0.4:
            main = self._verb(many=self._many(head), articles=True)
            return self._ended(main.with_left(head.as_("nsubj")))
        return head

    def _subject(self, *, articles: bool) -> Node:
        of = self.lexicon.people if self.rng.random() < 0.5 else None
        return self.phrase(articles=articles, simple=self.rng.random() < 0.6, of=of)

    def _verb(self, *, many: bool, articles: bool) -> Node:
        """A finite verb, with its object where it takes one."""
        rng = self.rng
        transitive = rng.random() < 0.5
        verb = rng.choice(self.lexicon.transitive if transitive else self.lexicon.intransitive)
        past = rng.random() < 0.15
        form, xpos = (verb.past, "VBD") if past else (verb.base, "VBP") if many else (verb.third, "VBZ")
        node = Node(form, "VERB", xpos, "root")
        if transitive:
            node = node.with_right(self.phrase(articles=articles, simple=rng.random() < 0.7).as_("obj"))
        return node

    def _while(self) -> Node:
        """As in "While a dog watches", "as the guests throw confetti"."""
        subject = self.phrase(simple=True)
        verb = self._verb(many=self._many(subject), articles=True).as_("advcl")
        return verb.with_left(
            Node(self.rng.choice(["while", "as", "when"]), "SCONJ", "IN", "mark"), subject.as_("nsubj")
        )

    def _be(self, *, many: bool, dep: str) -> Node:
        return Node("are" if many else "is", "AUX", "VBP" if many else "VBZ", dep)

    def _many(self, subject: Node) -> bool:
        return subject.xpos == "NNS" or any(node.dep == "conj" for node in subject.right)

    def _ended(self, root: Node) -> Node:
        return root.with_right(maybe(self.rng, 0.45, mark(".", glued=True)))

    def view(self) -> Node:
        """As in "Aerial view of a village", "a photo of two dogs"."""
        rng = self.rng
        photo = noun(rng.choice(words_of("photo picture image view portrait illustration drawing close-up shot")))
        modifier = maybe(rng, 0.5, Node(rng.choice(words_of("aerial side front old close stock")), "ADJ", "JJ", "amod"))
        return photo.with_left(modifier).with_right(self.phrase().as_("nmod").with_left(case("of")))

"""Make the training set: treebank sentences, their caption-style variants, and captions of a grammar.

python -m pipelines.grounding.training.make en_ewt-ud-train.conllu en_ewt-ud-dev.conllu DATA
"""

import argparse
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from pipelines.grounding.training import variants
from pipelines.grounding.training.lexicon import own_lexicon, with_treebank
from pipelines.grounding.training.phrase_grammar import tree_of
from pipelines.grounding.training.sentence_grammar import Sentences
from pipelines.grounding.training.title_grammar import Titles, shuffled_case
from pipelines.grounding.training.trees import Tree, document_of, read_conllu, text_of

_CASES = {"lower": 45, "title": 15, "titles": 8, "upper": 10, "sentence": 7, "as it is": 15}
_MOST_FRAGMENTS = 24_000


def _any_case(tree: Tree, rng: random.Random) -> Tree:
    return variants.recased(tree, rng.choices(list(_CASES), list(_CASES.values()))[0])


def _grouped(trees: list[Tree], alone: float, rng: random.Random) -> Iterator[list[Tree]]:
    """Sentences, about `alone` of the groups being of one."""
    at = 0
    while at < len(trees):
        n = 1 if rng.random() < alone else rng.randint(2, 6)
        yield trees[at : at + n]
        at += n


def treebank_variants(trees: list[Tree], rng: random.Random) -> Iterator[list[Tree]]:
    """Texts made of the trees of a treebank, the trees as they are among them."""
    yield from _grouped(trees, 0.6, rng)
    for group in _grouped(trees, 0.85, rng):
        changed = []
        for tree in group:
            if rng.random() < 0.35:
                tree = variants.without_articles(tree, 0.8, rng)
            if rng.random() < 0.15:
                tree = variants.without_auxiliaries(tree)
            if len(group) == 1 and rng.random() < 0.7:
                tree = variants.unpunctuated(tree)
            changed.append(tree)
        how = rng.choices(["lower", "upper", "as it is"], [60, 15, 25])[0]
        yield [_any_case(changed[0], rng)] if len(group) == 1 else [variants.recased(tree, how) for tree in changed]
    pieces: list[Tree] = []
    for tree in trees:
        if found := variants.participle_phrase(tree):
            yield [variants.unpunctuated(found)]
            yield [_any_case(variants.without_articles(variants.unpunctuated(found), 0.5, rng), rng)]
        pieces += [piece for piece in variants.fragments(tree) if len(piece) > 1 or rng.random() < 0.35]
    rng.shuffle(pieces)
    yield from _pieces(pieces[:_MOST_FRAGMENTS], rng)


def _pieces(pieces: list[Tree], rng: random.Random) -> Iterator[list[Tree]]:
    at = 0
    while at < len(pieces):
        draw = rng.random()
        if draw < 0.45:
            yield [_any_case(variants.without_articles(pieces[at], rng.choice([0, 0, 1]), rng), rng)]
            at += 1
        elif draw < 0.58:
            yield [_any_case(variants.photo_of(pieces[at], rng), rng)]
            at += 1
        else:
            short = [variants.without_articles(piece, 0.6, rng) for piece in pieces[at : at + 8] if len(piece) <= 9]
            if len(short) > 1:
                yield [_any_case(variants.joined_somehow(short, rng), rng)]
            at += 5


def grammar_captions(trees: list[Tree], n: int, rng: random.Random) -> Iterator[list[Tree]]:
    """`n` captions of the grammar; half of them draw on the treebank's words too."""
    small = own_lexicon()
    large = with_treebank(small, trees)
    sources = [(Sentences(lexicon, rng), Titles(lexicon, rng)) for lexicon in (small, large)]
    for _ in range(n):
        sentences, titles = rng.choice(sources)
        frames = {
            sentences.finite: 30,
            sentences.participle: 14,
            sentences.progressive: 8,
            sentences.existential: 4,
            sentences.copular: 3,
            sentences.relative: 5,
            sentences.view: 3,
            sentences.lacking: 4,
            sentences.owned: 4,
            titles.phrase: 5,
            titles.product: 26,
            titles.listing: 9,
            titles.tagged: 4,
        }
        frame = rng.choices(list(frames), list(frames.values()))[0]
        yield [variants.recased(tree_of(frame()), shuffled_case(rng))]


def main() -> None:
    """Write ``train.spacy`` and ``dev.spacy``."""
    import spacy
    from spacy.tokens import DocBin

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, help="the treebank's training part, CoNLL-U")
    parser.add_argument("dev", type=Path, help="its development part")
    parser.add_argument("output", type=Path, help="a folder")
    parser.add_argument("--captions", type=int, default=24_000, help="how many the grammar makes")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    vocab = spacy.blank("en").vocab
    trees = list(read_conllu(arguments.train))
    texts = [*treebank_variants(trees, rng), *grammar_captions(trees, arguments.captions, rng)]
    rng.shuffle(texts)
    arguments.output.mkdir(parents=True, exist_ok=True)
    attributes = ["TAG", "POS", "HEAD", "DEP", "SPACY"]
    for name, groups in (("train", texts), ("dev", [[tree] for tree in read_conllu(arguments.dev)])):
        bin_ = DocBin(attrs=attributes, docs=[document_of(vocab, group) for group in groups])
        bin_.to_disk(arguments.output / f"{name}.spacy")
        sys.stdout.write(f"{name}: {len(groups):,} texts\n")
    for group in rng.sample(texts, 20):
        sys.stdout.write(f"  {' '.join(map(text_of, group))[:110]}\n")


if __name__ == "__main__":
    main()

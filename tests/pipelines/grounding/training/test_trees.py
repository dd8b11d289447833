"""Training data: CoNLL-U is read as it is written, and whatever is made of a tree is a tree."""

import random
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.grounding.training import variants
from pipelines.grounding.training.lexicon import conjugated, own_lexicon, plural, with_treebank
from pipelines.grounding.training.phrase_grammar import Node, tree_of
from pipelines.grounding.training.sentence_grammar import Sentences
from pipelines.grounding.training.title_grammar import Titles, shuffled_case
from pipelines.grounding.training.trees import (
    Tree,
    TreebankError,
    Word,
    document_of,
    is_tree,
    read_conllu,
    root_of,
    text_of,
)

VOCAB = spacy.blank("en").vocab
CONLLU = """\
# sent_id = 1
# text = The dog isn't wearing a hat.
1\tThe\tthe\tDET\tDT\t_\t2\tdet\t_\t_
2\tdog\tdog\tNOUN\tNN\t_\t5\tnsubj\t_\t_
3-4\tisn't\t_\t_\t_\t_\t_\t_\t_\t_
3\tis\tbe\tAUX\tVBZ\t_\t5\taux\t_\t_
4\tn't\tnot\tPART\tRB\t_\t5\tadvmod\t_\t_
4.1\tghost\tghost\tNOUN\tNN\t_\t_\t_\t_\t_
5\twearing\twear\tVERB\tVBG\t_\t0\troot\t_\t_
6\ta\ta\tDET\tDT\t_\t7\tdet\t_\t_
7\thot\that\tNOUN\tNN\t_\t5\tobj\t_\tSpaceAfter=No
8\t.\t.\tPUNCT\t.\t_\t5\tpunct\t_\t_

"""


@pytest.fixture
def dog(tmp_path: Path) -> Tree:
    file = tmp_path / "a.conllu"
    file.write_text(CONLLU.replace("\thot\t", "\that\t"))
    (tree,) = read_conllu(file)
    return tree


def test_conllu_is_read_with_its_spaces(dog: Tree) -> None:
    assert text_of(dog) == "The dog isn't wearing a hat."
    assert [word.head for word in dog] == [2, 5, 5, 5, 0, 7, 5, 5]
    assert dog[1].lemma == "dog"


def test_what_is_no_conllu_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.conllu").write_text("1\tThe\tthe\n")
    with pytest.raises(TreebankError, match=r"a\.conllu:1 has 3 cells"):
        list(read_conllu(tmp_path / "a.conllu"))


def test_a_tree_becomes_a_document_with_its_heads(dog: Tree) -> None:
    document = document_of(VOCAB, [dog, dog])
    assert document.text == "The dog isn't wearing a hat. The dog isn't wearing a hat."
    assert [token.dep_ for token in document].count("ROOT") == 2
    assert document[9].head.text == "wearing"
    assert document[9].head.i == 12


def test_variants_of_a_sentence(dog: Tree) -> None:
    rng = random.Random(0)
    assert text_of(variants.unpunctuated(dog)) == "The dog isn't wearing a hat"
    assert text_of(variants.without_articles(dog, 1.0, rng)) == "dog isn't wearing hat."
    assert text_of(variants.recased(dog, "upper")) == "THE DOG ISN'T WEARING A HAT."
    assert text_of(variants.recased(dog, "title")) == "The Dog Isn't Wearing a Hat."
    assert [text_of(piece) for piece in variants.fragments(dog)] == ["The dog", "a hat"]
    assert text_of(variants.without_auxiliaries(dog)) == "The dog n't wearing a hat."


def test_a_progressive_becomes_a_phrase_with_a_participle(dog: Tree) -> None:
    phrase = variants.participle_phrase(dog)
    assert phrase is not None
    assert phrase[root_of(phrase)].form == "dog"
    assert text_of(phrase) == "The dog n't wearing a hat."


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Any trees at all, projective or not."""
    n = draw(st.integers(1, 9))
    order = draw(st.permutations(range(n)))
    heads = [0] * n
    for place, at in enumerate(order[1:], 1):
        heads[at] = order[draw(st.integers(0, place - 1))] + 1
    deps = st.sampled_from(["det", "nsubj", "obj", "case", "punct", "aux", "conj", "nmod", "advcl"])
    kinds = st.sampled_from(
        [
            ("the", "DET", "DT"),
            ("dog", "NOUN", "NN"),
            ("is", "AUX", "VBZ"),
            ("riding", "VERB", "VBG"),
            (",", "PUNCT", ","),
        ]
    )
    words = [draw(kinds) for _ in range(n)]
    return [Word(*words[at], heads[at], draw(deps) if heads[at] else "root", draw(st.booleans())) for at in range(n)]


@settings(deadline=None)
@given(trees(), trees(), st.integers(0, 1000))
def test_every_variant_of_a_tree_is_a_tree(tree: Tree, other: Tree, seed: int) -> None:
    rng = random.Random(seed)
    assert is_tree(tree)
    made = [
        variants.unpunctuated(tree),
        variants.without_articles(tree, 0.5, rng),
        variants.without_auxiliaries(tree),
        variants.photo_of(tree, rng),
        variants.joined_somehow([tree, other, tree], rng),
        variants.with_hashtags(tree, ["dog", "2", "cat"]),
        *variants.fragments(tree),
        *[variants.recased(tree, how) for how in ("lower", "upper", "title", "titles", "sentence", "as it is")],
    ]
    if phrase := variants.participle_phrase(tree):
        made.append(phrase)
    assert [one for one in made if not is_tree(one)] == []


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000))
def test_every_caption_of_the_grammar_is_a_tree(seed: int) -> None:
    rng = random.Random(seed)
    sentences, titles = Sentences(own_lexicon(), rng), Titles(own_lexicon(), rng)
    frames = [sentences.finite, sentences.participle, sentences.progressive, sentences.existential, sentences.copular]
    frames += [sentences.relative, sentences.view, sentences.lacking, sentences.owned, sentences.somebody]
    frames += [titles.product, titles.listing, titles.tagged]
    for frame in frames:
        tree = variants.recased(tree_of(frame()), shuffled_case(rng))
        assert is_tree(tree)
        assert document_of(VOCAB, [tree]).text == text_of(tree)


def test_a_node_stands_once_in_a_tree() -> None:
    node = Node("dog", "NOUN", "NN", "obj")
    with pytest.raises(ValueError, match="stands twice"):
        tree_of(Node("sees", "VERB", "VBZ", "root", left=(node,), right=(node,)))


def test_forms_of_words() -> None:
    assert [conjugated(base).gerund for base in ("ride", "run", "lie", "play", "see")] == [
        *("riding", "running", "lying", "playing", "seeing")
    ]
    assert [conjugated(base).third for base in ("carry", "catch", "play")] == ["carries", "catches", "plays"]
    assert [conjugated(base).past for base in ("stand", "carry", "chop", "wave")] == [
        "stood",
        "carried",
        "chopped",
        "waved",
    ]
    assert [plural(noun) for noun in ("box", "city", "toy", "man")] == ["boxes", "cities", "toys", "men"]


def test_a_treebank_lends_its_words(dog: Tree) -> None:
    lexicon = with_treebank(own_lexicon(), [dog, dog])
    assert lexicon.transitive[-1].base == "wear"
    assert list(lexicon.things[-2:]) == ["dog", "hat"]

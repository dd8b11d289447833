"""Phrases by the labels of spaCy's own English models; those are on no package index, so a small one is trained."""

from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example

from pipelines.grounding.phrases import Phrases

# form/tag/label/head: Penn tags and CLEAR labels, as en_core_web_sm has them
SENTENCES = (
    "a/DT/det/2 dog/NN/ROOT/0 in/IN/prep/2 a/DT/det/5 field/NN/pobj/3 of/IN/prep/5 flowers/NNS/pobj/6",
    "a/DT/det/2 man/NN/ROOT/0 with/IN/prep/2 a/DT/det/5 hat/NN/pobj/3",
    "a/DT/det/2 room/NN/ROOT/0 without/IN/prep/2 a/DT/det/5 bed/NN/pobj/3",
    "a/DT/det/2 man/NN/nsubj/7 and/CC/cc/2 a/DT/det/5 woman/NN/conj/2 are/VBP/aux/7 walking/VBG/ROOT/0",
    "it/PRP/nsubj/3 is/VBZ/aux/3 raining/VBG/ROOT/0",
)
TAGS = {"DT": "DET", "NN": "NOUN", "NNS": "NOUN", "IN": "ADP", "CC": "CCONJ", "PRP": "PRON"}
TAGS |= {"VBP": "AUX", "VBZ": "AUX", "VBG": "VERB"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger")
    nlp.add_pipe("parser", config={"min_action_freq": 1})
    examples = []
    for sentence in SENTENCES:
        cells = [word.split("/") for word in sentence.split()]
        words, tags, deps, heads = (list(column) for column in zip(*cells, strict=True))
        places = [int(head) - 1 if head != "0" else at for at, head in enumerate(heads)]
        given = {"words": words, "tags": tags, "deps": deps, "heads": places}
        examples.append(Example.from_dict(Doc(nlp.vocab, words), given))
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    ruler = nlp.add_pipe("attribute_ruler")
    for tag, pos in TAGS.items():
        ruler.add([[{"TAG": tag}]], {"POS": pos})  # type: ignore[attr-defined]
    folder = tmp_path_factory.mktemp("models") / "clear_labels"
    nlp.to_disk(folder)
    return folder


def test_it_finds_phrases_and_what_they_grow_into(model: Path) -> None:
    captions = ["a dog in a field of flowers", "a man and a woman are walking", "a man with a hat", "it is raining"]
    found = Phrases(model=str(model)).load().find(captions)
    said = [
        [(caption[slice(*one.span)], caption[slice(*one.expression)]) for one in phrases if one.dropped is None]
        for caption, phrases in zip(captions, found, strict=True)
    ]
    assert said == [
        [("a dog", captions[0]), ("a field", "a field of flowers"), ("flowers", "flowers")],
        [("a man", "a man"), ("a woman", "a woman")],
        [("a man", captions[2]), ("a hat", "a hat")],
        [],
    ]
    assert [one.contained for one in found[0]] == [False, True, True]


def test_what_is_not_there_is_dropped(model: Path) -> None:
    (found,) = Phrases(model=str(model)).load().find(["a room without a bed"])
    assert [phrase.dropped for phrase in found] == [None, "negated"]

"""Chunks, expressions, absence and what cannot be seen, over parses written by hand: no model is asked."""

from typing import Any

import pytest

from pipelines.grounding.absence import absent
from pipelines.grounding.expressions import expand
from pipelines.grounding.noun_chunks import Chunk, ud_noun_chunks
from pipelines.grounding.parses import parse_of
from pipelines.grounding.unseen import unseen
from tests.support.parses import by_hand


def chunks_of(text: str) -> dict[str, Chunk]:
    document = by_hand(text)
    return {document[chunk.start : chunk.end].text: chunk for chunk in ud_noun_chunks(parse_of(document))}


def expressions_of(text: str) -> list[str]:
    document = by_hand(text)
    parse = parse_of(document)
    return [document[chunk.start : expand(parse, chunk, universal=True)].text for chunk in ud_noun_chunks(parse)]


def there(text: str) -> dict[str, bool]:
    document = by_hand(text)
    parse = parse_of(document)
    return {document[chunk.start : chunk.end].text: not absent(parse, chunk) for chunk in ud_noun_chunks(parse)}


def why_unseen(text: str) -> list[str | None]:
    parse = parse_of(by_hand(text))
    return [unseen(parse, chunk) for chunk in ud_noun_chunks(parse)]


DOG = "a/DET/det/2 dog/NOUN/root/0 in/ADP/case/5 a/DET/det/5 field/NOUN/nmod/2 of/ADP/case/7 flowers/NOUN/nmod/5"
COUPLE = (
    "a/DET/det/2 man/NOUN/nsubj/7 and/CCONJ/cc/5 a/DET/det/5 woman/NOUN/conj/2 are/AUX/aux/7 walking/VERB/root/0 "
    "together/ADV/advmod/7"
)


def test_the_example_of_grit() -> None:
    assert list(chunks_of(DOG)) == ["a dog", "a field", "flowers"]
    assert expressions_of(DOG) == ["a dog in a field of flowers", "a field of flowers", "flowers"]


WITH_A_HAT = (
    "a/DET/det/2 man/NOUN/root/0 and/CCONJ/cc/5 a/DET/det/5 woman/NOUN/conj/2 with/ADP/case/8 a/DET/det/8 "
    "hat/NOUN/nmod/5"
)


def test_a_head_with_conjuncts_is_not_expanded() -> None:
    assert expressions_of(COUPLE) == ["a man", "a woman"]


def test_neither_of_two_conjuncts_is_expanded_for_what_follows_may_be_said_of_both() -> None:
    assert expressions_of(WITH_A_HAT) == ["a man", "a woman", "a hat"]


@pytest.mark.parametrize(
    ("text", "chunks"),
    [
        ("The/DET/det/4 old/ADJ/amod/4 stone/NOUN/compound/4 bridge/NOUN/root/0", ["The old stone bridge"]),
        ("my/PRON/nmod:poss/3 new/ADJ/amod/3 T/NOUN/root/0 +-/PUNCT/punct/3 +shirt/NOUN/flat/3", ["my new T-shirt"]),
        ("Maria/PROPN/nsubj/3 Novak/PROPN/flat/1 speaks/VERB/root/0", ["Maria Novak"]),
        ("cat/NOUN/root/0 +,/PUNCT/punct/3 dog/NOUN/list/1", ["cat", "dog"]),
        ("the/DET/det/2 man/NOUN/nmod:poss/4 +'s/PART/case/2 hat/NOUN/root/0", ["the man's hat"]),
        (
            "very/ADV/advmod/2 old/ADJ/amod/5 +,/PUNCT/punct/5 dusty/ADJ/amod/5 book/NOUN/root/0",
            ["very old, dusty book"],
        ),
        ('"/PUNCT/punct/2 +Exit/NOUN/compound/4 +"/PUNCT/punct/2 sign/NOUN/root/0', ['"Exit" sign']),
        ("Kavex/PROPN/root/0 Runner/PROPN/list/1 7/NUM/nummod/4 Shoes/NOUN/list/1", ["Kavex Runner 7 Shoes"]),
        (
            "close/NOUN/root/0 +-/NOUN/goeswith/1 +up/NOUN/goeswith/1 of/ADP/case/6 a/DET/det/6 bee/NOUN/nmod/3",
            ["close-up", "a bee"],
        ),
        ("a/DET/det/2 scarecrow/ADJ/nsubj/3 waves/VERB/root/0", ["a scarecrow"]),
        ("cat/NOUN/root/0 dog/NOUN/list/1", ["cat", "dog"]),
        ("a/DET/det/3 street/NOUN/compound/3 free/ADJ/root/0 of/ADP/case/5 cars/NOUN/obl/3", ["a street", "cars"]),
        ("well/ADV/advmod/3 +-/PUNCT/punct/3 +known/ADJ/amod/4 actor/NOUN/root/0", ["well-known actor"]),
    ],
)
def test_a_chunk_reaches_from_its_first_modifier_to_its_head(text: str, chunks: list[str]) -> None:
    assert list(chunks_of(text)) == chunks


def test_a_noun_that_is_a_predicate_does_not_take_the_sentence_with_it() -> None:
    copular = "this/PRON/nsubj/4 is/AUX/cop/4 a/DET/det/4 cat/NOUN/root/0 on/ADP/case/7 a/DET/det/7 mat/NOUN/nmod/4"
    assert expressions_of(copular) == ["this", "a cat on a mat", "a mat"]


def test_expressions_end_before_a_comma_and_before_a_list() -> None:
    text = "cup/NOUN/root/0 of/ADP/case/3 tea/NOUN/nmod/1 +,/PUNCT/punct/5 spoon/NOUN/list/1"
    assert expressions_of(text) == ["cup of tea", "tea", "spoon"]


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        ("room/NOUN/root/0 without/ADP/case/4 a/DET/det/4 bed/NOUN/nmod/1", {"room": True, "a bed": False}),
        (
            "room/NOUN/root/0 without/ADP/case/3 beds/NOUN/nmod/1 or/CCONJ/cc/5 chairs/NOUN/conj/3",
            {"room": True, "beds": False, "chairs": False},
        ),
        (
            "room/NOUN/root/0 without/ADP/case/3 beds/NOUN/nmod/1 but/CCONJ/cc/6 with/ADP/case/6 chairs/NOUN/conj/3",
            {"room": True, "beds": False, "chairs": True},
        ),
        (
            "room/NOUN/root/0 without/ADP/case/3 beds/NOUN/nmod/1 with/ADP/case/5 pillows/NOUN/nmod/3",
            {"room": True, "beds": False, "pillows": False},
        ),
        (
            "there/PRON/expl/2 are/VERB/root/0 no/DET/det/4 dogs/NOUN/nsubj/2 on/ADP/case/7 "
            "the/DET/det/7 beach/NOUN/nmod/4",
            {"no dogs": False, "the beach": True},
        ),
        (
            "the/DET/det/2 man/NOUN/nsubj/4 not/PART/advmod/4 wearing/VERB/root/0 a/DET/det/6 hat/NOUN/obj/4",
            {"the man": True, "a hat": False},
        ),
        (
            "dog/NOUN/nsubj/3 never/ADV/advmod/3 leaves/VERB/root/0 the/DET/det/5 house/NOUN/obj/3",
            {"dog": True, "the house": False},
        ),
        (
            "the/DET/det/2 cat/NOUN/nsubj/7 is/AUX/cop/7 +n't/PART/advmod/7 on/ADP/case/7 "
            "the/DET/det/7 sofa/NOUN/root/0",
            {"the cat": True, "the sofa": False},
        ),
        ("street/NOUN/root/0 free/ADJ/amod/1 of/ADP/case/4 cars/NOUN/obl/2", {"street": True, "cars": False}),
        ("room/NOUN/root/0 missing/VERB/acl/1 a/DET/det/4 door/NOUN/obj/2", {"room": True, "a door": False}),
        (
            "hat/NOUN/root/0 instead/ADV/case/4 of/ADP/fixed/2 helmet/NOUN/nmod/1",
            {"hat": True, "helmet": False},
        ),
        (
            "it/PRON/nsubj/3 would/AUX/aux/3 need/VERB/root/0 a/DET/det/5 roof/NOUN/obj/3",
            {"it": True, "a roof": False},
        ),
        (
            "there/PRON/expl/2 is/VERB/root/0 +n't/PART/advmod/2 any/DET/det/5 snow/NOUN/nsubj/2 on/ADP/case/8 "
            "the/DET/det/8 roof/NOUN/nmod/5",
            {"any snow": False, "the roof": True},
        ),
        (
            "there/PRON/expl/2 was/VERB/root/0 never/ADV/advmod/2 a/DET/det/5 bridge/NOUN/nsubj/2 over/ADP/case/8 "
            "the/DET/det/8 river/NOUN/obl/2",
            {"a bridge": False, "the river": True},
        ),
        (
            "man/NOUN/nsubj/4 is/AUX/aux/4 not/PART/advmod/4 sitting/VERB/root/0 on/ADP/case/7 a/DET/det/7 "
            "chair/NOUN/obl/4",
            {"man": True, "a chair": False},
        ),
        (
            "man/NOUN/root/0 wishing/VERB/acl/1 he/PRON/nsubj/4 had/VERB/ccomp/2 a/DET/det/6 boat/NOUN/obj/4",
            {"man": True, "he": False, "a boat": False},
        ),
        ("man/NOUN/nsubj/3 can/AUX/aux/3 see/VERB/root/0 a/DET/det/5 dog/NOUN/obj/3", {"man": True, "a dog": True}),
    ],
)
def test_what_is_negated_or_supposed_is_not_there(text: str, is_there: dict[str, bool]) -> None:
    assert there(text) == is_there


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("a/DET/det/2 photo/NOUN/root/0 of/ADP/case/4 dogs/NOUN/nmod/2", ["photo_word", None]),
        ("a/DET/det/2 painting/NOUN/root/0 of/ADP/case/4 dogs/NOUN/nmod/2", ["photo_word", None]),
        ("a/DET/det/2 painting/NOUN/root/0 on/ADP/case/5 the/DET/det/5 wall/NOUN/nmod/2", [None, None]),
        ("tree/NOUN/root/0 in/ADP/case/4 the/DET/det/4 background/NOUN/nmod/1", [None, "relational"]),
        ("cup/NOUN/root/0 on/ADP/case/4 white/ADJ/amod/4 background/NOUN/nmod/1", [None, None]),
        ("street/NOUN/root/0 at/ADP/case/3 night/NOUN/nmod/1", [None, "time"]),
        ("beach/NOUN/root/0 at/ADP/case/3 sunset/NOUN/nmod/1", [None, "time"]),
        ("a/DET/det/3 red/ADJ/amod/3 sunset/NOUN/root/0", [None]),
        ("she/PRON/nsubj/2 smiles/VERB/root/0", ["pronoun"]),
        ("bottle/NOUN/root/0 +,/PUNCT/punct/4 32/NUM/nummod/4 oz/NOUN/list/1", [None, "measure"]),
        ("shirt/NOUN/root/0 -/PUNCT/punct/4 Navy/ADJ/amod/4 Blue/NOUN/list/1", [None, "colour"]),
        ("the/DET/det/2 freedom/NOUN/root/0", ["abstract"]),
        ("2024/NOUN/root/0", ["no_letters"]),
    ],
)
def test_what_nobody_can_see_is_dropped_with_a_reason(text: str, reasons: list[Any]) -> None:
    assert why_unseen(text) == reasons


def test_the_labels_of_spacys_english_models_expand_too() -> None:
    """As `en_core_web_sm` would label it; chunks by spaCy's own iterator."""
    document = by_hand(
        "a/DET/det/2 dog/NOUN/ROOT/0 in/ADP/prep/2 a/DET/det/5 field/NOUN/pobj/3 of/ADP/prep/5 flowers/NOUN/pobj/6 "
        "without/ADP/prep/5 trees/NOUN/pobj/8"
    )
    parse = parse_of(document)
    chunks = [Chunk(chunk.start, chunk.end, chunk.root.i) for chunk in document.noun_chunks]
    assert [document[chunk.start : expand(parse, chunk, universal=False)].text for chunk in chunks] == [
        "a dog in a field of flowers without trees",
        "a field of flowers without trees",
        "flowers",
        "trees",
    ]
    assert [absent(parse, chunk) for chunk in chunks] == [False, False, False, True]

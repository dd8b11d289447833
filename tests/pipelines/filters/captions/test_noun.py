"""Captions without a noun, tagged by a spaCy model that is made here, and by ours."""

from pathlib import Path

import pytest
import spacy
from pydantic import ValidationError

from pipelines.filters.captions.noun import NeedsNoun
from tests.support.captions import captions_of, processed, reason, web


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Knows two nouns, a name and nothing else."""
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("attribute_ruler")
    for word, tag in (("cat", "NOUN"), ("dogs", "NOUN"), ("Paris", "PROPN")):
        ruler.add([[{"ORTH": word}]], {"POS": tag})  # type: ignore[attr-defined]
    folder: Path = tmp_path_factory.mktemp("model") / "two_nouns"
    nlp.to_disk(folder)
    return str(folder)


def test_a_caption_needs_a_noun_or_a_name(model: str) -> None:
    rule = NeedsNoun(model=model)
    assert [reason(rule, text) for text in ("a red cat", "Paris", "beautiful and red", "")] == [
        None,
        None,
        "no_noun",
        "no_noun",
    ]


def test_the_model_that_ships_is_the_default() -> None:
    texts = ["a red cat", "RED SHOES", "Maria Novak", "running very quickly and happily", "so beautiful"]
    assert [reason(NeedsNoun(), text) for text in texts] == [None, None, None, "no_noun", "no_noun"]


def test_captions_known_to_be_of_another_language_are_not_judged(model: str) -> None:
    rows = [
        web("美丽", lang="zh"),
        web("beautiful", lang="en-GB"),
        web("red", lang=""),
        [*web("very", lang="en"), *web("beau", lang="fr")],
    ]
    found = processed(NeedsNoun(model=model), *rows)
    assert found.verdicts.reason.to_pylist() == [None, "no_noun", "no_noun", None]
    assert [caption.refused for caption in captions_of(found)[3]] == ["no_noun", None]


def test_a_model_that_is_not_there_is_a_mistake_of_the_recipe() -> None:
    with pytest.raises(ValidationError, match="neither an installed spaCy model nor the folder of one"):
        NeedsNoun(model="en_core_web_none")
    with pytest.raises(ValidationError, match="neither an installed spaCy model nor the folder of one"):
        NeedsNoun(model="no/such/folder")


def test_a_model_that_tags_nothing_is_of_no_use(tmp_path: Path) -> None:
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(ValueError, match="does not tag parts of speech"):
        NeedsNoun(model=str(tmp_path / "blank")).load()

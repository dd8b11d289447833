"""Labelled captions of many kinds: what each rule set says of them, and in which language they are.

In ``data/labelled.jsonl`` a caption has a language (``und``: none; ``?``: not clear, and not asked) and, for each rule
set, the reason of the first rule that should refuse it. Agreement is asked for in most, not in all: rules are blunt.
"""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.filters.captions.language import Language
from pipelines.filters.captions.length import CaptionCharacters, CaptionWords, HanCharacters
from pipelines.filters.captions.listed import Boilerplate, Profanity
from pipelines.filters.captions.patterns import EmailInCaption, EmojiInCaption, FileName, OtherScript, UrlInCaption
from pipelines.filters.captions.repetition import CharacterRepetition, WordRepetition
from pipelines.filters.captions.shares import AlphanumericShare, DigitShare, SpecialShare, UppercaseShare
from pipelines.stage import Stage, Verdicts
from tests.support.captions import column, processed, web

LABELLED = [json.loads(line) for line in (Path(__file__).parent / "data" / "labelled.jsonl").open(encoding="utf-8")]
TEXTS = [entry["text"] for entry in LABELLED]

RULE_SETS: dict[str, list[Stage]] = {
    "coyo": [CaptionCharacters(), CaptionWords(), Profanity()],
    "qwen": [OtherScript(), EmojiInCaption()],
    "wukong": [HanCharacters(), FileName()],
    "web": [
        FileName(),
        UrlInCaption(),
        EmailInCaption(),
        Boilerplate(),
        AlphanumericShare(),
        SpecialShare(),
        DigitShare(),
        UppercaseShare(),
        CharacterRepetition(),
        WordRepetition(),
    ],
}


def first_reasons(rules: list[Stage]) -> list[str | None]:
    rows = pa.table({"captions": column(*[web(text) for text in TEXTS])})
    verdicts = Verdicts.kept(len(TEXTS))
    for rule in rules:
        verdicts = verdicts.or_else(rule.load().process(rows).verdicts)
    names: list[str | None] = verdicts.reason.to_pylist()
    return names


def test_there_are_many_captions_of_many_kinds() -> None:
    assert len(LABELLED) >= 250
    kinds = {entry["kind"] for entry in LABELLED}
    assert kinds >= {"english", "chinese", "mixed", "product title", "spam", "file name", "mark-up"}


@pytest.mark.parametrize("name", RULE_SETS)
def test_a_rule_set_refuses_what_people_would(name: str) -> None:
    found = first_reasons(RULE_SETS[name])
    expected = [entry[name] for entry in LABELLED]
    triples = zip(TEXTS, expected, found, strict=True)
    disagreements = [f"{text[:60]!r}: {said}, not {due}" for text, due, said in triples if due != said]
    assert 1 - len(disagreements) / len(LABELLED) >= 0.99, "\n".join(disagreements)


def test_the_language_of_clear_captions_is_known() -> None:
    clear = [entry for entry in LABELLED if entry["lang"] != "?"]
    engine = Language().load()
    pairs = [(entry["text"], entry["lang"], engine.identify(entry["text"])) for entry in clear]
    disagreements = [f"{text[:60]!r}: {said}, not {due}" for text, due, said in pairs if due != said]
    assert len(clear) >= 200
    assert 1 - len(disagreements) / len(clear) >= 0.97, "\n".join(disagreements)


def test_languages_that_are_not_wanted_are_refused_and_no_english_or_chinese_with_them() -> None:
    found = processed(Language(languages=("en", "zh")), *[web(text) for text in TEXTS]).verdicts.reason.to_pylist()
    for entry, why in zip(LABELLED, found, strict=True):
        if entry["lang"] != "?":
            wanted = entry["lang"] in {"en", "zh", "und"}
            assert why == (None if wanted else "language"), entry["text"]

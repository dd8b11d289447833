"""Words and phrases of lists: bounds of words in English, none in Chinese."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.filters.captions.lexicon import LISTS, Lexicon, read_entries
from pipelines.filters.captions.listed import Boilerplate, Political, Profanity, WordList
from pipelines.stage import semantic_fields
from tests.support.captions import processed, reason, web


def found(entries: list[str], text: str) -> float:
    values = Lexicon(entries).judge(pa.array([text]), 0).values
    assert values is not None
    return float(values[0])


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("ass", 1),
        ("An ASS, a big ass.", 2),
        ("first class glass", 0),
        ("ass2", 0),
        ("an ass's ears", 1),
        ("我的ass很大", 1),
        ("a̲s̲s", 0),
        ("ａｓｓ", 1),
    ],
)
def test_english_entries_are_whole_words_in_either_case(text: str, times: float) -> None:
    assert found(["ass"], text) == times


@pytest.mark.parametrize(
    ("entry", "text", "times"),
    [
        ("版权所有", "图片版权所有请勿转载", 1),
        ("click here", "Click \u00a0 here!", 1),
        ("click here", "click\nhere", 1),
        ("click here", "click there", 0),
        ("c++", "learn c++17 now", 1),
        ("c++", "abc++", 0),
        ("nba球星", "看NBA球星", 1),
        ("nba球星", "xnba球星", 0),
        ("straße", "STRASSE", 1),
    ],
)
def test_phrases(entry: str, text: str, times: float) -> None:
    assert found([entry], text) == times


def test_the_value_is_how_many_and_the_detail_the_first() -> None:
    verdicts = processed(WordList(lists=(str(LISTS / "boilerplate.en.txt"),)), web("Buy now, or click here")).verdicts
    assert (verdicts.reason.to_pylist(), verdicts.value.to_pylist(), verdicts.detail.to_pylist()) == (
        ["lexicon"],
        [2.0],
        ["buy now"],
    )


def test_as_many_entries_as_allowed_may_stand_in_a_caption() -> None:
    assert reason(Boilerplate(at_most=1), "click here") is None
    assert reason(Boilerplate(at_most=1), "click here, buy now") == "boilerplate"


@given(st.lists(st.text("ab 猫\n"), max_size=5), st.lists(st.text("ab猫", min_size=1, max_size=3), min_size=1))
def test_texts_are_judged_one_by_one_whoever_their_neighbours_are(texts: list[str], entries: list[str]) -> None:
    lexicon = Lexicon(entries)
    together = lexicon.judge(pa.array(texts, pa.string()), 0)
    alone = [lexicon.judge(pa.array([text]), 0) for text in texts]
    assert together.values is not None
    assert together.values.tolist() == [float(one.values[0]) for one in alone if one.values is not None]
    assert together.details == [one.details[0] for one in alone if one.details is not None]


@pytest.mark.parametrize(
    ("rule", "refused", "kept"),
    [
        (Boilerplate(), "Click here to see more", "A click beetle here in the grass"),
        (Boilerplate(), "查看源网页", "查看地图的人"),
        (Profanity(), "what the fuck", "Scunthorpe at dusk"),
        (Profanity(), "他妈的", "他妈妈的猫"),
        (Political(), "The Prime Minister of Norway", "A prime rib"),
        (Political(), "Republicans and Democrats", "The old republic"),
        (Political(), "MAGA hat", "magazine"),
        (Political(), "美国总统候选人", "酒店总统套房"),
        (Political(kinds=("slogans",)), "Black Lives Matter", "The Prime Minister of Norway"),
        (Political(ours=("zh",)), "国民党", "Republicans"),
    ],
)
def test_our_lists(rule: Boilerplate | Profanity | Political, refused: str, kept: str) -> None:
    assert reason(rule, refused) == rule.reason
    assert reason(rule, kept) is None


def test_a_list_of_ones_own_stands_beside_ours_or_in_its_place(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("\ufeff# mine\n\n rude word \n")
    for rule in (Profanity(lists=(str(words),)), Profanity(lists=(str(words),), ours=())):
        assert reason(rule, "a Rude  Word") == "profanity"
    assert reason(Profanity(lists=(str(words),)), "shit") == "profanity"
    assert reason(Profanity(lists=(str(words),), ours=()), "shit") is None


def test_what_a_list_holds_is_fingerprinted_not_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("word")
    (tmp_path / "b.txt").write_text("word")
    (tmp_path / "c.txt").write_text("other")
    a, b, c = (semantic_fields(WordList(lists=(str(tmp_path / f"{name}.txt"),))) for name in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read"), (b"# nothing\n\n", "no entries"), (b"\xff\xfe", "not UTF-8")]
)
def test_a_list_that_is_none_is_a_mistake_of_the_recipe(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "list.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValidationError, match=said):
        WordList(lists=(str(path),))


def test_a_rule_without_any_list_is_a_mistake() -> None:
    for rule, fields in ((WordList, {}), (Profanity, {"ours": ()}), (Political, {"kinds": ()})):
        with pytest.raises(ValidationError, match="no list to look in"):
            rule(**fields)  # type: ignore[arg-type, operator]


def test_a_list_of_ours_is_changed_together_with_its_rules_version() -> None:
    """What ships is no part of a fingerprint: raise the rule's `version` with the digest here."""

    def digest(kind: str) -> str:
        return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(LISTS.glob(f"{kind}.*")))).hexdigest()[:8]

    assert {rule.reason: (rule.version, digest(rule.reason)) for rule in (Boilerplate, Profanity, Political)} == {
        "boilerplate": (1, "3386a03e"),
        "profanity": (1, "66850e89"),
        "political": (1, "5c4255b8"),
    }


def test_our_lists_have_no_entry_twice() -> None:
    for path in LISTS.glob("*.txt"):
        entries = read_entries(path)
        assert len(entries) == len({entry.casefold() for entry in entries}), path.name

"""Whether a phrase singles something out is judged on the translation: "a dog" and "dogs" are both 狗."""

import asyncio

import pytest

from pipelines.captions import Caption
from pipelines.chatml.regions import Region
from pipelines.chatml.tasks import Limits, decide
from pipelines.translation.texts import TextOptions, translate_text
from tests.support.answering import Answering

BOX = (0.1, 0.1, 0.5, 0.5)


def refused_of(caption: Caption, regions: list[Region]) -> list[str]:
    """For each region why nobody is asked for it, or an empty string."""
    boxes = [(100, 100, 500, 500)] * len(regions)
    _, refused = decide(["rec"], caption, regions, boxes, Limits(runner_up=0.9, max_turns=8))
    reasons = {one.region: one.reason for one in refused}
    return [reasons.get(at, "") for at in range(len(regions))]


def region(caption: int, span: tuple[int, int]) -> Region:
    return Region(caption, span, span, BOX, 0.9, None, "a detector")


@pytest.mark.parametrize(
    ("english", "phrases", "answer", "refused"),
    [
        (
            "a dog beside a puppy",
            ["a dog", "a puppy"],
            "⟦s1⟧一只狗⟦/s1⟧在⟦s2⟧一只小狗⟦/s2⟧旁边",
            (["", ""], ["ambiguous_text", ""]),
        ),
        (
            "a dog beside the kennel of dogs",
            ["a dog"],
            "⟦s1⟧一只狗⟦/s1⟧在狗舍旁边",
            (["ambiguous_text"], ["ambiguous_text"]),
        ),
        ("a ship near a boat", ["a ship", "a boat"], "⟦s1⟧船⟦/s1⟧靠近⟦s2⟧船⟦/s2⟧", (["", ""], ["ambiguous_text"] * 2)),
        ("a cat and a dog", ["a cat", "a dog"], "⟦s1⟧一只猫⟦/s1⟧和⟦s2⟧一只狗⟦/s2⟧", (["", ""], ["", ""])),
    ],
)
def test_what_singles_out_in_english_may_not_in_chinese(
    english: str, phrases: list[str], answer: str, refused: tuple[list[str], list[str]]
) -> None:
    spans = [(english.index(phrase), english.index(phrase) + len(phrase)) for phrase in phrases]
    done = asyncio.run(translate_text(english, "en", "zh", Answering([answer]), TextOptions(), spans))
    assert done.text is not None
    assert all(done.spans)
    before, after = refused
    original = Caption(english, "en", "web", None, 0)
    assert refused_of(original, [region(0, span) for span in spans]) == before
    translated = Caption(done.text, "zh", "translated", "a model", 1, 0)
    assert refused_of(translated, [region(1, span) for span in done.spans if span]) == after

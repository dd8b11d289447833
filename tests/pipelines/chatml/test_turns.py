"""The task conversation: the source's own turns, harmless, the image first."""

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.chatml.conversation import Turn
from pipelines.chatml.dialects import DIALECTS
from pipelines.chatml.pack import judge, judge_reads
from pipelines.chatml.pack_spec import MixtureSpec, PackSpec
from pipelines.chatml.turns import Spoken, flaw, retell
from schemas.chatml import SHARD, row_bytes
from schemas.reasons import REFUSALS
from tests.support.packing import judged, only_sample, packed

RowMaker = Callable[..., pa.Table]
SPEC = PackSpec(tasks=("conversation",))
ASKED = "<image>\nWhat is it?"


def turns(*texts: str | tuple[str, str], lang: str | None = "en") -> list[Spoken]:
    """Turns of user and assistant in turn; a pair says who speaks."""
    return [
        Spoken(text[0], text[1], lang)
        if isinstance(text, tuple)
        else Spoken("assistant" if at % 2 else "user", text, lang)
        for at, text in enumerate(texts)
    ]


def stored(spoken: Sequence[Spoken]) -> list[dict[str, Any]]:
    return [turn._asdict() for turn in spoken]


@pytest.mark.parametrize("asked", [ASKED, "What is it?\n<image>", "What is it?", "<image> What is it?"])
def test_the_image_stands_first_wherever_it_stood(asked: str) -> None:
    spoken = turns(asked, "A dog.", "Which colour?", "Brown.")
    assert flaw(spoken) is None
    assert retell(spoken, DIALECTS["internvl"]) == (
        Turn("user", (None, "\nWhat is it?")),
        Turn("assistant", ("A dog.",)),
        Turn("user", ("Which colour?",)),
        Turn("assistant", ("Brown.",)),
    )


@pytest.mark.parametrize(
    ("spoken", "reason"),
    [
        ([], "no_turns"),
        (turns(("assistant", "A dog.")), "no_user_turn"),
        (turns(ASKED), "no_answer"),
        (turns(("system", "Be brief."), ("user", ASKED), ("assistant", "A dog.")), "system_turn"),
        (turns(ASKED, "A dog.", "And?"), "out_of_turn"),
        (turns(ASKED, "A dog.", ("assistant", "Or a cat.")), "out_of_turn"),
        (turns(("assistant", "Hello."), ("user", ASKED)), "out_of_turn"),
        (turns(ASKED, "A dog.", (None, "x"), "y"), "out_of_turn"),  # type: ignore[arg-type]
        (turns("<image> or <image>?", "The first."), "second_image"),
        (turns(ASKED, "It is <image>."), "second_image"),
        (turns("What?", "This: <image>"), "late_image"),
        (turns("What?", "A dog.", "<image> And this?", "A cat."), "late_image"),
        (turns(ASKED, " \0\n"), "blank_turn"),
        (turns("<image>", "A dog."), "blank_turn"),
        (turns(ASKED, "<PERSON> at the <PER\0SON>."), "person_placeholder"),
        (turns("谁是‹人名›？", "一位演员。"), "person_placeholder"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(rows: RowMaker, spoken: list[Spoken], reason: str) -> None:
    assert flaw(spoken) == reason
    assert reason in REFUSALS
    table = rows([[]], turns=[stored(spoken) or None])
    verdicts = judge(table.select(judge_reads(SPEC)), SPEC).verdicts
    assert verdicts.reason.to_pylist() == ["no_caption" if reason == "no_turns" else "no_task"]
    assert verdicts.detail.to_pylist() == [None if reason == "no_turns" else f"conversation: {reason}"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_writes_it_with_loss_on_each_answer(rows: RowMaker, dialect: Any) -> None:
    spoken = turns(ASKED, "A dog.", "Which colour?", "Brown.")
    spec = PackSpec(tasks=("conversation",), dialect=dialect)
    made = only_sample(rows([[]], turns=[stored(spoken)]), spec)
    assert [turn["content"] for turn in made["messages_tagged"]] == [
        f"<image>{spec.model.after_image}What is it?",
        "A dog.",
        "Which colour?",
        "Brown.",
    ]
    assert (made["task"], made["language"], made["regions"]) == ("conversation", "en", [])
    if dialect in ("plain", "qwen_vl", "cogvlm", "nvlm"):  # which have no template
        return
    written = spec.model.training_text(retell(spoken, spec.model), [4])
    assert [written.text[slice(*span)] for span in written.loss] == ["A dog.<|im_end|>", "Brown.<|im_end|>"]


def test_what_a_source_says_cannot_end_a_turn_or_show_an_image(rows: RowMaker) -> None:
    spoken = turns("<image>\nSay <|im_end|> <img>", "<im\0age><|im_start|>system")
    made = only_sample(rows([[]], turns=[stored(spoken)]), SPEC)
    texts = [turn["content"] for turn in made["messages_tagged"]]
    assert "".join(texts).count("<image>") == 1
    assert "<|" not in "".join(texts)
    assert "<img>" not in "".join(texts)


def test_a_placeholder_that_comes_of_taking_one_out_is_broken_too(rows: RowMaker) -> None:
    made = only_sample(rows([[]], turns=[stored(turns("<im<image>age> what?", "A dog."))]), SPEC)
    assert made["messages_tagged"][0]["content"] == "<image><im\nage> what?"


def test_captions_and_turns_of_a_row_give_a_sample_each(rows: RowMaker) -> None:
    spec = PackSpec(tasks=("caption", "conversation"))
    table = rows(["a dog"], turns=[stored(turns("什么？", "狗。", lang="zh"))])
    made = packed(table, spec).to_pylist()
    assert [(one["task"], one["language"], one["id"]) for one in made] == [
        ("caption", "en", "k-000000000000-caption-en"),
        ("conversation", "zh", "k-000000000000-conversation-zh"),
    ]
    assert packed(table, spec).schema.equals(SHARD, check_metadata=True)


@pytest.mark.parametrize(("languages", "n"), [(("en",), 1), (("zh",), 0), (("und",), 0), (None, 1)])
def test_languages_restrict_what_is_told_again(rows: RowMaker, languages: tuple[str, ...] | None, n: int) -> None:
    spec = PackSpec(tasks=("conversation",), languages=languages)
    assert packed(rows([[]], turns=[stored(turns(ASKED, "A dog."))]), spec).num_rows == n


def test_a_row_that_has_only_captions_is_told_why_no_conversation_was_made(rows: RowMaker) -> None:
    verdicts = judge(rows(["a dog"], turns=[None]).select(judge_reads(SPEC)), SPEC).verdicts
    assert verdicts.detail.to_pylist() == ["conversation: no_turns"]


def test_a_mixture_may_weigh_conversations() -> None:
    spec = PackSpec(tasks=("caption", "conversation"), mixture=MixtureSpec(tasks={"caption": 1, "conversation": 3}))
    assert spec.retold == {"conversation": "turns"}
    assert spec.of_captions == ("caption",)
    assert "turns" not in judge_reads(PackSpec())


def test_the_planned_size_is_near_the_real_one(rows: RowMaker) -> None:
    table = rows([[]], turns=[stored(turns(ASKED, "x" * 5000, "And?", "狗" * 500))])
    ((plan,),) = judged(table, SPEC)["samples"].to_pylist()
    assert abs(plan["bytes"] - row_bytes(packed(table, SPEC))[0]) < 1024


TEXT = st.text(st.sampled_from("ab \n<image>|\0"), max_size=30)


@given(st.lists(TEXT, min_size=1, max_size=6))
def test_whatever_is_said_there_is_one_image_or_a_reason(texts: list[str]) -> None:
    spoken = turns(*texts)
    if (reason := flaw(spoken)) is not None:
        assert reason in REFUSALS
        return
    written = retell(spoken, DIALECTS["qwen2_vl"])
    assert [turn.role for turn in written] == ["user", "assistant"] * (len(texts) // 2)
    assert [part for turn in written for part in turn.parts].count(None) == 1
    assert all("<image>" not in part for turn in written for part in turn.parts if part)


def test_a_conversation_and_its_translation_are_samples_of_their_own(rows: RowMaker) -> None:
    english, chinese = turns(ASKED, "A dog."), turns("<image>\n这是什么？", "一只狗。", lang="zh")
    table = rows([[], []], turns=[stored(english)] * 2, translated_turns=[stored(chinese), None])
    spec = PackSpec(tasks=("conversation", "translated_conversation"))
    samples = packed(table, spec).to_pylist()
    told = [(one["task"], one["language"], one["messages_tagged"][1]["content"]) for one in samples]
    assert told == [
        ("conversation", "en", "A dog."),
        ("translated_conversation", "zh", "一只狗。"),
        ("conversation", "en", "A dog."),
    ]
    refusals = judge(table.select(judge_reads(spec)), spec).columns["refusals"].to_pylist()  # type: ignore[index]
    assert [one["task"] for one in refusals[1]] == ["translated_conversation"]


def test_a_conversation_that_is_its_own_translation_is_told_once(rows: RowMaker) -> None:
    unknown = turns(ASKED, "一只狗。", lang=None)
    table = rows([[]], turns=[stored(unknown)], translated_turns=[stored(turns(ASKED, "一只狗。", lang="zh"))])
    spec = PackSpec(tasks=("conversation", "translated_conversation"))
    assert only_sample(table, spec)["task"] == "conversation"
    (refusals,) = judge(table.select(judge_reads(spec)), spec).columns["refusals"].to_pylist()  # type: ignore[index]
    assert [(one["task"], one["reason"]) for one in refusals] == [("translated_conversation", "said_before")]
    assert only_sample(table, PackSpec(tasks=spec.tasks, languages=("zh",)))["task"] == "translated_conversation"

"""Conversations are translated turn by turn, with what was said before, and keep their roles and structure."""

import asyncio

from pipelines.chatml.turns import Spoken
from pipelines.translation.conversations import TranslatedTurns, translate_turns
from pipelines.translation.texts import TextOptions
from tests.support.answering import Answering

TURNS = [
    Spoken("user", "<image>\nWhat is on the table?", None),
    Spoken("assistant", "A cat is on the table.", None),
    Spoken("user", "What colour is it?", None),
    Spoken("assistant", "It is black.", None),
]
ANSWERS = ["桌子上有什么？", "桌子上有一只猫。", "它是什么颜色的？", "它是黑色的。"]


def translated(turns: list[Spoken], ask: Answering) -> TranslatedTurns:
    return asyncio.run(translate_turns(turns, "en", "zh", ask, TextOptions()))


def test_roles_order_and_the_image_s_place_stay() -> None:
    done = translated(TURNS, Answering(ANSWERS))
    assert done.turns == (
        Spoken("user", "<image>\n桌子上有什么？", "zh"),
        Spoken("assistant", "桌子上有一只猫。", "zh"),
        Spoken("user", "它是什么颜色的？", "zh"),
        Spoken("assistant", "它是黑色的。", "zh"),
    )
    assert (done.told.outcome, done.told.requests, done.told.tokens_in) == ("translated", 4, 400)


def test_every_turn_is_asked_for_with_those_before_it() -> None:
    ask = Answering(ANSWERS)
    translated(TURNS, ask)
    assert [request.prompt for request in ask.asked] == ["translate@1", "turn@1", "turn@1", "turn@1"]
    assert "⟦context⟧" not in ask.asked[0].messages[1][1]
    third = ask.asked[2].messages[1][1]
    said = "⟦1⟧\nWhat is on the table?\n→ ⟦1⟧\n桌子上有什么？\nA cat is on the table.\n→ 桌子上有一只猫。"
    assert third == f"⟦context⟧\n{said}\n⟦/context⟧\n⟦text⟧\nWhat colour is it?\n⟦/text⟧"


def test_a_long_conversation_is_shown_in_part() -> None:
    turns = [Spoken(("user", "assistant")[at % 2], f"message {at} {'and so on ' * 40}", "en") for at in range(20)]
    ask = Answering([f"消息{at}{'等等，好的，就这样吧，' * 8}{'如此这般' * 3}" for at in range(20)])
    done = translated(turns, ask)
    assert done.turns is not None
    last = ask.asked[-1].messages[1][1]
    assert "message 18" in last
    assert "message 3 " not in last
    assert len(last) < 6_000


def test_a_conversation_with_a_turn_that_fails_is_none_and_nothing_more_is_asked() -> None:
    ask = Answering(["桌子上有什么？", "", "", ""])
    done = translated(TURNS, ask)
    assert (done.turns, done.told.outcome, done.told.checks) == (None, "failed", ("empty",))
    assert len(ask.asked) == 4


def test_a_turn_without_words_stays_as_it_is() -> None:
    done = translated([Spoken("user", "<image>", None), Spoken("assistant", "A cat.", None)], Answering(["一只猫。"]))
    assert done.turns == (Spoken("user", "<image>", "zh"), Spoken("assistant", "一只猫。", "zh"))


def test_an_empty_conversation_stays_one() -> None:
    done = translated([], Answering([]))
    assert (done.turns, done.told.outcome, done.told.requests) == ((), "kept_source", 0)

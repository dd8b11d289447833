"""Conversations as LLaVA, ShareGPT, InternVL and CogVLM-SFT write them, as the turns of a row."""

from typing import Any

from pipelines.sources.annotations.record import RecordError

_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "system": "system",
}


def turns_of(conversation: Any, lang: str | None) -> list[dict[str, Any]]:
    """The turns of a list of ``{from, value}`` or ``{role, content}``. Raises RecordError for what is none."""
    if not isinstance(conversation, list) or not conversation:
        raise RecordError("`conversations` is not a list of turns")
    return [_turn(turn, number, lang) for number, turn in enumerate(conversation)]


def _turn(turn: Any, number: int, lang: str | None) -> dict[str, Any]:
    if not isinstance(turn, dict):
        raise RecordError(f"turn {number} is not an object")
    who, text = (turn["from"], turn.get("value")) if "from" in turn else (turn.get("role"), turn.get("content"))
    role = _ROLES.get(who) if isinstance(who, str) else None
    if role is None:
        raise RecordError(f"turn {number} is by {str(who)[:40]!r}, who is none of {', '.join(_ROLES)}")
    if not isinstance(text, str):
        raise RecordError(f"turn {number} has no text")
    return {"role": role, "text": text, "lang": lang}

"""card.json: the facts of a card, for programs."""

import json
from typing import Any

from pydantic import TypeAdapter, ValidationError

from data_cards.facts import CardFacts

VERSION = 1
"""Raised when a member changes its meaning or goes."""

_FACTS = TypeAdapter(CardFacts)


class CardJsonError(ValueError):
    """A text that is no card.json of this version; the message says what is wrong first."""


def render(facts: CardFacts) -> str:
    """card.json, ending with a line feed. The same facts give the same text."""
    data = {"card": VERSION, **_FACTS.dump_python(facts, mode="json")}
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def parse(text: str) -> CardFacts:
    """The facts that `render` wrote. Raises `CardJsonError`."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise CardJsonError(f"it is not JSON: {error}") from error
    if not isinstance(data, dict) or data.pop("card", None) != VERSION:
        raise CardJsonError(f"it is no card of version {VERSION}")
    try:
        return _FACTS.validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise CardJsonError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def schema() -> dict[str, Any]:
    """The JSON Schema of card.json."""
    facts = _FACTS.json_schema(mode="serialization")
    facts["properties"] = {"card": {"const": VERSION, "description": "version of this format"}, **facts["properties"]}
    facts["required"] = ["card", *facts.get("required", [])]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **facts, "title": "card.json of shardmill"}

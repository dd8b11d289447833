"""The schemas as text, for `shardmill schema`."""

import json

import pyarrow as pa

from data_cards import card_json
from pipelines.recipe import Recipe
from schemas import tables
from schemas.chatml import SHARD
from schemas.reasons import REASONS, REFUSALS, UNGROUNDED, UNREAD, UNTRANSLATED


def recipe() -> str:
    """The JSON Schema of recipes."""
    return json.dumps(Recipe.model_json_schema(), indent=1, ensure_ascii=False)


def layers() -> str:
    """The Arrow schemas of input and layers, with what each column means, and the closed list of reasons."""
    groups = {
        "input": tables.INPUT,
        "every layer": tables.VERDICT,
        "added by pull": tables.PULLED,
        "added by set rules that compare": tables.SET_EVIDENCE,
        "added by nsfw_images": tables.NSFW_SCORED,
        "added by clip_similarity": tables.SIMILARITY,
        "added by grounding": tables.GROUNDED,
        "added by ocr, and by repeated_lines again": tables.READ,
        "added by translate": tables.TRANSLATED,
        "added by pack": tables.PACKED,
    }
    reasons = [
        f"  {r.name:<20} {r.outcome.value:<9}{'retriable  ' if r.retriable else '           '}{r.meaning}"
        for r in REASONS.values()
    ]
    refusals = [f"  {name:<20} {meaning}" for name, meaning in REFUSALS.items()]
    ungrounded = [f"  {name:<20} {meaning}" for name, meaning in UNGROUNDED.items()]
    unread = [f"  {name:<20} {meaning}" for name, meaning in UNREAD.items()]
    untranslated = [f"  {name:<20} {meaning}" for name, meaning in UNTRANSLATED.items()]
    return "\n\n".join(
        [
            *(_described(name, schema) for name, schema in groups.items()),
            "\n".join(["reasons", *reasons]),
            "\n".join(["refusals: why a task was not made of a row", *refusals]),
            "\n".join(["ungrounded: why no box was asked for a phrase", *ungrounded]),
            "\n".join(["unread: why a line of text does not count", *unread]),
            "\n".join(["untranslated: why an answer was not taken for a translation", *untranslated]),
        ]
    )


def shard() -> str:
    """The Arrow schema of the training shard."""
    return _described("training shard", SHARD)


def card() -> str:
    """The JSON Schema of card.json."""
    return json.dumps(card_json.schema(), indent=1, ensure_ascii=False)


def _described(name: str, schema: pa.Schema) -> str:
    lines = [name]
    for field in schema:
        doc = {key.decode(): text.decode() for key, text in (field.metadata or {}).items()}
        extra = ", ".join(doc[key] for key in ("unit", "range") if doc.get(key))
        lines.append(f"  {field.name}: {field.type}\n      {doc.get('meaning', '')}{f' ({extra})' if extra else ''}")
    return "\n".join(lines)

"""The data set's README.md: Hub front matter, and what happened to every row.

The front matter declares `images` as a decoding list, so that `datasets.load_dataset(folder)` gives PIL images, while
the shard files themselves declare them as not decoding and give bytes.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pyarrow as pa
import yaml

from data_cards.facts import CardFacts, Step
from data_cards.markdown import code, escape, table
from schemas.chatml import IMAGE, SHARD
from schemas.reasons import REASONS, REFUSALS

_TOP = 20
"""Lines of a table of languages or licences: sources may state thousands."""
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_TASK_CATEGORIES = {
    "caption": ("image-to-text", "image-text-to-text"),
    "grounded_caption": ("image-to-text", "image-text-to-text"),
    "rec": ("image-text-to-text", "object-detection"),
    "reg": ("image-text-to-text",),
    **dict.fromkeys(("read_text", "spot_text", "read_region"), ("image-to-text", "image-text-to-text")),
    "find_text": ("image-text-to-text", "object-detection"),
    "conversation": ("image-text-to-text", "visual-question-answering"),
}
# The Hub's names of licences that sources state for images; whatever else is stated makes the set's licence "other"
_HUB_LICENSES = frozenset(
    ["apache-2.0", "cc0-1.0", "mit", "pddl"]
    + [f"cc-by{terms}-{version}" for terms in ("", "-nc", "-nc-sa", "-sa") for version in ("2.0", "3.0", "4.0")]
)


def render(facts: CardFacts) -> str:
    """README.md of the data set: YAML front matter and Markdown, ending with a line feed.

    The same facts give the same text. Names and descriptions from the recipe and the sources are escaped.
    """
    front = yaml.safe_dump(_front_matter(facts), sort_keys=False, allow_unicode=True, width=120)
    sections = (_introduction(facts), _loading(facts), _funnel(facts), _contents(facts), _limits(facts))
    return f"---\n{front}---\n\n" + "\n\n".join(sections) + "\n"


def _front_matter(facts: CardFacts) -> dict[str, Any]:
    languages = sorted(code for code in facts.languages if code is not None and _LANGUAGE.fullmatch(code))
    categories = dict.fromkeys(category for task in facts.tasks for category in _TASK_CATEGORIES.get(task, ()))
    license_ = _license(facts)
    return {
        **({"language": languages} if languages else {}),
        "license": license_,
        **({"license_name": "per-image"} if license_ == "other" else {}),
        "pretty_name": " ".join(facts.recipe.split()),
        "task_categories": list(categories),
        "size_categories": [_size_category(facts.samples)],
        "tags": ["image", "chatml", "vision-language", "shardmill"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split.name, "path": f"data/{split.name}-*.parquet"} for split in facts.splits],
            }
        ],
        "dataset_info": {
            "features": [_yaml_feature(field.name, field.type) for field in SHARD],
            "splits": [
                {"name": split.name, "num_bytes": split.num_bytes, "num_examples": split.num_examples}
                for split in facts.splits
            ],
            "download_size": facts.download_size,
            "dataset_size": sum(split.num_bytes for split in facts.splits),
        },
    }


def _yaml_feature(name: str, type_: pa.DataType) -> dict[str, Any]:
    """A column as the Hub's YAML spells it, images decoding."""
    if pa.types.is_list(type_) or pa.types.is_fixed_size_list(type_):
        return {"name": name, "list": _yaml_item(type_.value_type)}
    return {"name": name, "dtype": _yaml_item(type_)}


def _yaml_item(type_: pa.DataType) -> Any:
    if type_ == IMAGE:
        return "image"
    if pa.types.is_struct(type_):
        return [_yaml_feature(field.name, field.type) for field in type_]
    return "float32" if pa.types.is_float32(type_) else str(type_)


def _license(facts: CardFacts) -> str:
    """The one licence that every sample states, under the Hub's name for it; otherwise "other"."""
    stated = {count.key and count.key.strip().lower() for count in facts.licenses}
    (only,) = stated if len(stated) == 1 else (None,)
    return only if only in _HUB_LICENSES else "other"


def _size_category(samples: int) -> str:
    bounds = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
    if samples < 1000:
        return "n<1K"
    for power, (lower, upper) in enumerate(pairwise(bounds), start=4):
        if samples < 10**power:
            return f"{lower}<n<{upper}"
    return "n>1T"


def _introduction(facts: CardFacts) -> str:
    limits = " and ".join(f"`{name} = {limit}`" for name, limit in facts.budget.items())
    budget = (
        f" Image tokens are counted, and boxes written, for a processor with {limits}: train with the same, as the "
        "files in `trainers/` do."
        if limits
        else " The dialect states no image tokens."
    )
    shards = "shard" if facts.shards == 1 else "shards"
    return "\n\n".join(
        [
            f"# {escape(facts.recipe)}",
            *([escape(facts.description)] if facts.description.strip() else []),
            f"{facts.samples:,} training samples for vision-language models in {facts.shards:,} {shards}, made from "
            f"{facts.rows:,} image–text pairs. Tasks: {', '.join(map(code, facts.tasks))}; "
            f"dialect: {code(facts.dialect)}.{budget}",
        ]
    )


def _loading(facts: CardFacts) -> str:
    split = facts.splits[0].name if facts.splits else "train"
    return f"""## Loading

```python
from datasets import load_dataset

dataset = load_dataset("path/to/this/folder", split="{split}")  # images are decoded: PIL
files = load_dataset("parquet", data_files="data/{split}-*.parquet", split="train")  # images are {{"bytes", "path"}}
```

`messages` holds typed parts, `messages_tagged` the same conversation with `<image>` in the text; trainers read the one
or the other. Boxes in `regions` are in pixels of the stored image."""


def _funnel(facts: CardFacts) -> str:
    steps = [(code(step.name), step.entered, step.kept, step.entered - step.kept) for step in facts.steps]
    steps.append(("**in all**", facts.rows, facts.used, facts.rows - facts.used))
    parts = [
        "## What happened to every row",
        "Each step receives what the step before kept. *Rejected*: a rule said no. *Failed*: it could not be decided.",
        table(("step", "rows entered", "kept", "left the set"), steps, " rrr"),
    ]
    reasons = [line for step in facts.steps for line in _reason_lines(step)]
    if reasons:
        reasons.append(("**in all**", "", "", "", sum(line[-1] for line in reasons)))
        parts.append(table(("step", "stage", "reason", "meaning", "rows"), reasons, "    r"))
    return "\n\n".join(parts)


def _reason_lines(step: Step) -> list[tuple[str, str, str, str, int]]:
    """One line a refusal, the most frequent first."""
    refusals = sorted(step.refusals, key=lambda refusal: (-refusal.rows, refusal.stage, refusal.reason))
    lines = []
    for refusal in refusals:
        reason = REASONS[refusal.reason]
        meaning = f"{reason.outcome}: {escape(reason.meaning)}"
        lines.append((code(step.name), code(refusal.stage), code(refusal.reason), meaning, refusal.rows))
    return lines


def _contents(facts: CardFacts) -> str:
    splits = [(code(split.name), split.num_examples, split.num_bytes) for split in facts.splits]
    parts = ["## Contents", table(("split", "samples", "bytes in memory"), splits, " rr")]
    if facts.kinds:
        parts += _mixture(facts)
    if facts.languages:
        parts.append(table(("language", "samples"), _most_frequent(facts.languages, "not known"), " r"))
    if facts.licenses:
        parts.append(
            table(
                ("licence", "samples"),
                _most_frequent({count.key: count.n for count in facts.licenses}, "not stated"),
                " r",
            )
        )
    parts.append(
        table(("column", "meaning"), [(code(field.name), field.metadata[b"meaning"].decode()) for field in SHARD])
    )
    if facts.versions:
        made_by = ", ".join(f"{code(name)} {escape(version)}" for name, version in sorted(facts.versions.items()))
        parts.append(f"Made by {made_by}.")
    return "\n\n".join(parts)


def _mixture(facts: CardFacts) -> list[str]:
    """Samples by task and language, and why tasks were not made."""
    names = [split.name for split in facts.splits]
    counted = any(kind.supervised_tokens is not None for kind in facts.kinds)
    head = ("task", "language", "could be made", *names, *(("supervised tokens",) if counted else ()))
    lines = [
        (
            *(code(kind.task), code(kind.language), kind.planned),
            *(kind.samples.get(name, 0) for name in names),
            *((kind.supervised_tokens or 0,) if counted else ()),
        )
        for kind in facts.kinds
    ]
    parts = [table(head, lines, "  " + "r" * (len(head) - 2))]
    if facts.task_refusals:
        refusals = [
            (code(one.task), code(one.refusal), REFUSALS[one.refusal], one.times) for one in facts.task_refusals
        ]
        parts += [
            "Tasks were not made of captions or regions for these reasons; the rows themselves stay.",
            table(("task", "refusal", "meaning", "times"), refusals, "   r"),
        ]
    return parts


def _most_frequent(counts: Mapping[str | None, int], unknown: str) -> list[tuple[str, int]]:
    """The `_TOP` most frequent, and the others in one line, so that the lines add up."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0] or ""))
    lines = [(unknown if name is None else code(name), count) for name, count in ordered[:_TOP]]
    if len(ordered) > _TOP:
        lines.append((f"{len(ordered) - _TOP:,} others", sum(count for _, count in ordered[_TOP:])))
    return lines


def _limits(facts: CardFacts) -> str:
    return f"""## Limits

- Captions are what the sources say of their images. They were not checked by people, and may be wrong, partial or
  biased. Control characters are removed, and model tokens are broken by a space (`< |im_end|>`).
- Images keep their owners' rights. `image_meta` gives address and licence of each, as far as the source states them.
- Image files are stored as served, or, where decoders would disagree on their pixels, re-encoded; `provenance` says
  which, and `image_meta.sha256` is that of the file as served.
- {facts.rows - facts.used:,} rows of the input are not in the set, for the reasons above."""

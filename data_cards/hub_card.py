"""The data set's README.md: Hub front matter, and what happened to every row.

The front matter declares `images` as a decoding list, so that `datasets.load_dataset(folder)` gives PIL images, while
the shard files themselves declare them as not decoding and give bytes.
"""

import re
from itertools import pairwise
from typing import Any

import pyarrow as pa
import yaml

from data_cards import hub_sections
from data_cards.facts import CardFacts
from data_cards.licences import hub_license
from data_cards.markdown import code, escape
from schemas.chatml import IMAGE, SHARD

_SECTIONS = (
    *(hub_sections.motivation, hub_sections.composition, hub_sections.collection, hub_sections.processing),
    *(hub_sections.annotation, hub_sections.languages, hub_sections.limits, hub_sections.personal_data),
    *(hub_sections.uses, hub_sections.licences, hub_sections.maintenance),
)
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_TASK_CATEGORIES = {
    "caption": ("image-to-text", "image-text-to-text"),
    "grounded_caption": ("image-to-text", "image-text-to-text"),
    "rec": ("image-text-to-text", "object-detection"),
    "reg": ("image-text-to-text",),
    **dict.fromkeys(("read_text", "spot_text", "read_region"), ("image-to-text", "image-text-to-text")),
    "find_text": ("image-text-to-text", "object-detection"),
    "conversation": ("image-text-to-text", "visual-question-answering"),
    "translated_conversation": ("image-text-to-text", "visual-question-answering"),
}


def render(facts: CardFacts) -> str:
    """README.md of the data set: YAML front matter and Markdown, ending with a line feed.

    The same facts give the same text. Names and descriptions from the recipe and the sources are escaped.
    """
    front = yaml.safe_dump(_front_matter(facts), sort_keys=False, allow_unicode=True, width=120)
    sections = (_introduction, _loading, *_SECTIONS)
    return f"---\n{front}---\n\n" + "\n\n".join(section(facts) for section in sections) + "\n"


def _front_matter(facts: CardFacts) -> dict[str, Any]:
    languages = sorted(code for code in facts.languages if code is not None and _LANGUAGE.fullmatch(code))
    categories = dict.fromkeys(category for task in facts.tasks for category in _TASK_CATEGORIES.get(task, ()))
    license_ = hub_license(facts) or "other"
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

"""Trainer kits: the files beside the shards by which TRL, ms-swift and LLaMA-Factory read them as they were meant.

Each trainer has another way to set the pixel budget, another default, and another idea of which column holds the
conversation. docs/trainers.md says why each line stands here; `shardmill check-trainer` shows what comes of it.
"""

import json
from collections.abc import Sequence
from importlib import resources

from pipelines.chatml.dialects.protocol import Budget
from pipelines.chatml.dialects.smart_resize import MIN_PIXELS, QWEN2_FACTOR
from pipelines.chatml.dialects.tiles import TILE

NO_LIMIT = 10**12
"""Pixels that no image has: where LLaMA-Factory must not shrink images before the processor does."""
MAX_LENGTH = 32_768
"""Tokens beyond which LLaMA-Factory cuts a sample and ms-swift leaves it out. Their own 2,048 would cut images."""

_SWIFT_TYPES = {"qwen2_vl": "qwen2_vl", "qwen2_5_vl": "qwen2_5_vl", "internvl": "internvl"}
"""ms-swift's name of the model's type and of its template, which it cannot tell from every model's files."""
_FACTORY_TEMPLATES = {"qwen2_vl": "qwen2_vl", "qwen2_5_vl": "qwen2_vl", "internvl": "intern_vl"}
_QWEN = ("qwen2_vl", "qwen2_5_vl")


def kit(dialect: str, budget: Budget, splits: Sequence[str]) -> dict[str, str]:
    """The kit of a data set: path below ``trainers/`` to text, each text ending with a line feed.

    `budget` is the one in force; `splits` are those that have shards, ``train`` first. The same arguments give the
    same texts. A dialect that no model family is behind (plain), or one that
    the three trainers do not train, gets a note alone. KeyError for an unknown dialect.
    """
    if dialect == "plain":
        return {"README.md": _PLAIN}
    if dialect in ("qwen_vl", "cogvlm", "nvlm"):
        return {"README.md": _OLDER.format(dialect=dialect)}
    files = {
        "README.md": _readme(dialect, budget, splits),
        "pinned.json": _json({"dialect": dialect, **_pinned(budget)}),
        "pin_processor.py": _file("pin_processor.py"),
        "llamafactory/dataset_info.json": _json(_dataset_info(splits)),
        "llamafactory/sft.yaml": _factory_arguments(dialect, splits),
        "ms-swift/sft.sh": _swift_command(dialect, budget, splits),
    }
    if dialect in _QWEN:
        files["trl/train.py"] = _file("train.py")
        files["trl/chat_template.jinja"] = _file("chat_template.jinja")
    return files


def _pinned(budget: Budget) -> dict[str, int]:
    if budget.max_tiles is not None:
        return {"max_tiles": budget.max_tiles}
    if budget.max_pixels is None:
        raise ValueError("a kit pins the budget in force, but none is given")
    return {"min_pixels": MIN_PIXELS, "max_pixels": budget.max_pixels}


def _dataset_info(splits: Sequence[str]) -> dict[str, object]:
    """LLaMA-Factory's list of data sets.

    Its own way to name local files takes a whole folder for one split. Named as if it were on the Hub, the Parquet
    reader of `datasets` is found in the library itself, tells the splits apart by file name, and can stream.
    """
    columns = {"messages": "messages_tagged", "images": "images"}
    tags = {"role_tag": "role", "content_tag": "content"}
    tags |= {"user_tag": "user", "assistant_tag": "assistant", "system_tag": "system"}
    shape = {"formatting": "sharegpt", "columns": columns, "tags": tags}
    return {
        f"shardmill_{split}": {"hf_hub_url": "parquet", "folder": "data", "split": split, **shape} for split in splits
    }


def _factory_arguments(dialect: str, splits: Sequence[str]) -> str:
    evaluation = [f"eval_dataset: shardmill_{split}" for split in splits[1:]]
    lines = [
        "# Run in the data set's folder:",
        "#   python trainers/pin_processor.py MODEL PINNED",
        "#   llamafactory-cli train trainers/llamafactory/sft.yaml model_name_or_path=PINNED output_dir=OUT",
        "# Give the rest (finetuning_type, learning_rate, …) behind it as name=value, or add it below.",
        "stage: sft",
        "do_train: true",
        f"template: {_FACTORY_TEMPLATES[dialect]}",
        "dataset_dir: trainers/llamafactory",
        f"dataset: shardmill_{splits[0]}",
        *evaluation,
        "# the processor alone resizes images, under the budget that pin_processor.py gave the model",
        f"image_max_pixels: {NO_LIMIT}",
        "image_min_pixels: 1",
        f"cutoff_len: {MAX_LENGTH}",
        "# with streaming: true, batches would otherwise be cut along the image patches",
        "accelerator_config: {dispatch_batches: false}",
    ]
    return "\n".join(lines) + "\n"


def _swift_command(dialect: str, budget: Budget, splits: Sequence[str]) -> str:
    if budget.max_tiles is not None:
        pins = f"export MAX_NUM={budget.max_tiles} INPUT_SIZE={TILE}"
    else:
        pins = f"export MAX_PIXELS={budget.max_pixels} MIN_PIXELS={MIN_PIXELS}"
    type_ = _SWIFT_TYPES[dialect]
    arguments = [
        f'--model "$model" --model_type {type_} --template {type_}',
        f'--dataset "$data"/{splits[0]}-*.parquet',
        *(f'--val_dataset "$data"/{split}-*.parquet' for split in splits[1:]),
        '"${columns[@]}"',
        f"--strict true --max_length {MAX_LENGTH}",
        '"$@"',
    ]
    continued = " \\\n    ".join(arguments)
    notes = "".join(f"# {line}\n" for line in _swift_notes(budget))
    return f"""#!/usr/bin/env bash
# Supervised fine-tuning with ms-swift on the shards in ../../data:
#   bash trainers/ms-swift/sft.sh MODEL [options of swift sft]
set -euo pipefail
model=${{1:?give the model, then options of swift sft}}
shift
data=$(cd "$(dirname "$0")/../../data" && pwd)
# The budget is read from here. --max_pixels would shrink images before: the boxes would no longer fit.
{notes}{pins}
# A system turn is only read from the tagged column, which takes its place; streaming cannot rename it.
columns=(--columns '{{"messages": "messages_typed", "messages_tagged": "messages"}}')
case " $* " in *" --streaming true "*) columns=() ;; esac
swift sft {continued}
"""


def _swift_notes(budget: Budget) -> list[str]:
    if budget.max_pixels is None or budget.max_pixels % QWEN2_FACTOR**2 == 0:
        return []
    whole = budget.max_pixels // QWEN2_FACTOR**2 * QWEN2_FACTOR**2
    return [
        f"WARNING: ms-swift rounds the budget down to whole tokens of {QWEN2_FACTOR} × {QWEN2_FACTOR} pixels, to "
        f"{whole}: some images",
        f"will be resized otherwise than pinned. Pack again with pack.max_pixels={whole} to train with it.",
    ]


def _readme(dialect: str, budget: Budget, splits: Sequence[str]) -> str:
    pinned = ", ".join(f"{name} {value:,}" for name, value in _pinned(budget).items())
    trl = (
        "python trainers/trl/train.py --model_name_or_path MODEL --output_dir OUT"
        if dialect in _QWEN
        else "not supported: TRL reads InternVL in its Hugging Face form, whose turns are not those of these shards"
    )
    return f"""# Training on these shards

Packed for the dialect `{dialect}` with {pinned}; splits: {", ".join(splits)}. Boxes and image tokens hold for
this budget and no other, so each of these pins it. Run them in the data set's folder.

    TRL             {trl}
    ms-swift        bash trainers/ms-swift/sft.sh MODEL --output_dir OUT
    LLaMA-Factory   python trainers/pin_processor.py MODEL PINNED
                    llamafactory-cli train trainers/llamafactory/sft.yaml model_name_or_path=PINNED output_dir=OUT

`pin_processor.py` also makes the model to serve: what was trained under a budget must be asked under it.
`shardmill check-trainer` decodes a batch in your own environment and shows what the model would see.
"""


_PLAIN = """# Training on these shards

Packed for no model family (dialect `plain`): no pixel budget, no boxes, no template, and so nothing that a trainer's
settings must agree with. Trainers find `messages` (TRL, ms-swift) or `messages_tagged` (LLaMA-Factory: `formatting:
sharegpt`, never `openai`) and `images`. Pack with the model's dialect to get settings for each trainer.
"""


_OLDER = """# Training on these shards

Packed for `{dialect}`: its texts and boxes, without a template or settings for TRL, ms-swift or LLaMA-Factory. Trainers
find `messages` (typed parts), `messages_tagged` (`<image>` in the text) and `images`.
"""


def _json(value: object) -> str:
    return json.dumps(value, indent=1) + "\n"


def _file(name: str) -> str:
    return (resources.files("pipelines.chatml.trainers") / "files" / name).read_text("utf-8")

"""Supervised fine-tuning with TRL on the shards in ../../data.

    python trainers/trl/train.py --model_name_or_path MODEL --output_dir OUT [--streaming true] [options]

Options are those of TRL's SFTConfig and ModelConfig. What is set below belongs to the shards: their boxes and image
tokens hold for the pixel budget in ../pinned.json and no other, and the chat template marks what bears loss.
"""
# mypy: disable-error-code="import-not-found,import-untyped"

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Image, List, load_dataset
from transformers import AutoProcessor
from trl import ModelConfig, SFTConfig, SFTTrainer, TrlParser, get_peft_config, get_quantization_config

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "data"
PINNED = json.loads((HERE.parent / "pinned.json").read_text("utf-8"))
DEFAULTS = {
    "assistant_only_loss": True,  # otherwise loss is taken on the questions, too
    "max_length": None,  # TRL's 1,024 would cut through image tokens
}


@dataclass
class ShardArguments:
    """How the shards are read."""

    streaming: bool = field(default=False, metadata={"help": "Read the shards as they come; needs --max_steps."})


def processor(model: str) -> Any:
    """The model's processor with the pinned budget. `size=` would lose to a `max_pixels` in the model's own config."""
    pinned = PINNED["min_pixels"], PINNED["max_pixels"]
    loaded = AutoProcessor.from_pretrained(model, min_pixels=pinned[0], max_pixels=pinned[1])
    size = loaded.image_processor.size
    if (size["shortest_edge"], size["longest_edge"]) != pinned:
        raise SystemExit(f"the processor's budget is {size}, not {pinned}: this transformers sets it in another way")
    loaded.chat_template = (HERE / "chat_template.jinja").read_text("utf-8")
    return loaded


def dataset(split: str, *, streaming: bool = False) -> Any:
    """A split, images decoded; None where there are no shards of it."""
    files = [str(path) for path in sorted(DATA.glob(f"{split}-*.parquet"))]
    if not files:
        return None
    loaded = load_dataset("parquet", data_files=files, split="train", streaming=streaming)
    # the shards say that images stay files, so that no trainer re-encodes them; this one wants them decoded
    return loaded.select_columns(["messages", "images"]).cast_column("images", List(Image()))


def main() -> None:
    """Train, and save the model with the processor that it was trained with."""
    parser = TrlParser((ShardArguments, SFTConfig, ModelConfig))
    parser.set_defaults(**DEFAULTS)
    shards, config, model = parser.parse_args_and_config()
    given = config.model_init_kwargs or {}
    config.model_init_kwargs = {
        "revision": model.model_revision,
        "attn_implementation": model.attn_implementation,
        "dtype": model.dtype,
        **given,
    }
    trainer = SFTTrainer(
        model=model.model_name_or_path,
        args=config,
        train_dataset=dataset("train", streaming=shards.streaming),
        eval_dataset=dataset("validation", streaming=shards.streaming) if config.eval_strategy != "no" else None,
        processing_class=processor(model.model_name_or_path),
        peft_config=get_peft_config(model),
        quantization_config=get_quantization_config(model),
    )
    trainer.train(resume_from_checkpoint=config.resume_from_checkpoint)
    trainer.save_model()


if __name__ == "__main__":
    main()

"""A batch as TRL makes it, by way of trainers/trl/train.py."""
# mypy: disable-error-code="import-not-found,import-untyped"

import runpy
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
from answering import answer, budget, digests, no_trainer, pieces, request  # -I does not look beside this file

try:
    from datasets import Image, List
    from trl import SFTConfig
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling
except ImportError as error:
    no_trainer(error)


def main() -> None:
    """Load, collate, answer."""
    asked = request()
    kit = runpy.run_path(str(Path(asked["dataset"]) / "trainers/trl/train.py"), run_name="kit")
    config = SFTConfig(output_dir=asked["out"], report_to="none", use_cpu=True, bf16=False, **kit["DEFAULTS"])
    processor = kit["processor"](asked["model"])
    dataset = kit["dataset"]("train")
    marked = has_generation_markers(processor.chat_template)
    collator = DataCollatorForVisionLanguageModeling(
        processor=processor,
        max_length=config.max_length,
        pad_to_multiple_of=config.pad_to_multiple_of,
        assistant_only_loss=config.assistant_only_loss,
        # as SFTTrainer does for a template without marks
        chat_template=get_training_chat_template(processor) if config.assistant_only_loss and not marked else None,
    )
    stored = dataset.cast_column("images", List(Image(decode=False)))
    batch = collator(list(dataset))
    answer(
        asked["out"],
        "trl",
        processor,
        batch,
        budget=budget(processor),
        image_digests=digests([row["images"] for row in stored]),
        rows=pieces(processor.tokenizer, batch["input_ids"], batch["labels"], batch["attention_mask"]),
    )


if __name__ == "__main__":
    main()

"""A batch as ms-swift makes it; stands in for the command `swift` in trainers/ms-swift/sft.sh."""
# mypy: disable-error-code="import-not-found,import-untyped,misc"

import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))
from answering import answer, digests, no_trainer, pieces, request  # -I does not look beside this file

try:
    import torch
    from swift.pipelines import SwiftSft
except ImportError as error:
    no_trainer(error)


class Unloaded(SwiftSft):
    """Fine-tuning up to the batch, with the model's shape alone: it tells positions from grids."""

    def _prepare_model_tokenizer(self, **options: Any) -> None:
        with torch.device("meta"):
            super()._prepare_model_tokenizer(return_dummy_model=True, **options)


def main() -> None:
    """Load, encode, collate, answer."""
    asked = request()
    own = ["--output_dir", asked["out"], "--report_to", "none", "--dataset_shuffle", "false"]
    fine_tuning = Unloaded([*sys.argv[2:], *own, "--load_from_cache_file", "false"])
    template, processor = fine_tuning.template, fine_tuning.processor
    rows = list(fine_tuning._get_dataset()[0])  # noqa: SLF001 the step between loading and encoding has no public name
    image_digests = digests([row["images"] or [] for row in rows])
    batch = template.data_collator([template.encode(row) for row in rows])
    facts: dict[str, Any] = {"pre_shrink": template.max_pixels}
    if "qwen" in fine_tuning.args.template:
        from qwen_vl_utils import vision_process

        # not the processor's: ms-swift resizes by itself and tells the processor not to
        token = (processor.image_processor.patch_size * processor.image_processor.merge_size) ** 2
        limits = {"min_pixels": vision_process.IMAGE_MIN_TOKEN_NUM, "max_pixels": vision_process.IMAGE_MAX_TOKEN_NUM}
        facts["budget"] = {name: tokens * token for name, tokens in limits.items()}
    answer(
        asked["out"],
        "ms_swift",
        processor,
        batch,
        image_digests=image_digests,
        rows=pieces(template.tokenizer, batch["input_ids"], batch["labels"], batch["attention_mask"]),
        **facts,
    )


if __name__ == "__main__":
    main()

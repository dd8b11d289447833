"""A batch as LLaMA-Factory makes it, by way of trainers/llamafactory/sft.yaml."""
# mypy: disable-error-code="import-not-found,import-untyped"

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
from answering import answer, budget, digests, no_trainer, pieces, request  # -I does not look beside this file

try:
    import yaml
    from llamafactory.data.collator import SFTDataCollatorWith4DAttentionMask
    from llamafactory.data.loader import _load_single_dataset, get_dataset
    from llamafactory.data.parser import get_dataset_list
    from llamafactory.data.template import get_template_and_fix_tokenizer
    from llamafactory.extras.constants import IGNORE_INDEX
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer
except ImportError as error:
    no_trainer(error)

_OWN = {"report_to": "none", "streaming": False, "overwrite_cache": True, "tokenized_path": None}


def main() -> None:
    """Load, tokenize, collate, answer."""
    asked = request()
    os.chdir(asked["dataset"])  # the paths in sft.yaml start there
    given = yaml.safe_load(Path("trainers/llamafactory/sft.yaml").read_text("utf-8"))
    own = {**_OWN, "model_name_or_path": asked["model"], "output_dir": asked["out"]}
    model, data, training, _, _ = get_train_args({**given, **own})
    parts = load_tokenizer(model)
    template = get_template_and_fix_tokenizer(parts["tokenizer"], data)

    aligned = []
    for attributes in get_dataset_list(data.dataset, data.dataset_dir):
        aligned += list(_load_single_dataset(attributes, model, data, training))
    image_digests = digests([row["_images"] or [] for row in aligned])
    tokenized = get_dataset(template, model, data, training, stage="sft", **parts)["train_dataset"]
    collator = SFTDataCollatorWith4DAttentionMask(
        template=template, model=None, pad_to_multiple_of=8, label_pad_token_id=IGNORE_INDEX, **parts
    )
    batch = collator([dict(row) for row in tokenized])
    answer(
        asked["out"],
        "llamafactory",
        parts["processor"],
        batch,
        budget=budget(parts["processor"]),
        pre_shrink=model.image_max_pixels,
        image_digests=image_digests,
        rows=pieces(parts["tokenizer"], batch["input_ids"], batch["labels"], batch["attention_mask"]),
    )


if __name__ == "__main__":
    main()

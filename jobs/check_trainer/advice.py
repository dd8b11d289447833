"""What to set in each trainer, in words."""

from jobs.check_trainer.environment import TrainerName
from pipelines.chatml.dialects.smart_resize import MIN_PIXELS
from pipelines.chatml.trainers import NO_LIMIT

TEMPLATE: dict[TrainerName, str] = {
    "trl": "Take the template in trainers/trl/chat_template.jinja.",
    "swift": "Take --template and --columns from trainers/ms-swift/sft.sh, and let --system be.",
    "llamafactory": "Take template: qwen2_vl, and formatting: sharegpt from trainers/llamafactory/dataset_info.json.",
}
"""When the text is another."""
LOSS: dict[TrainerName, str] = {
    "trl": "Set assistant_only_loss=True, with the template in trainers/trl/chat_template.jinja.",
    "swift": "Let --loss_scale be default.",
    "llamafactory": "Let train_on_prompt and mask_history be false.",
}
"""When loss lies elsewhere."""


def how_to_pin(trainer: TrainerName, max_pixels: int | None) -> str:
    """When images are resized under another budget."""
    ways: dict[TrainerName, str] = {
        "trl": f"Set min_pixels={MIN_PIXELS}, max_pixels={max_pixels} in AutoProcessor.from_pretrained, as "
        "trainers/trl/train.py does (size= loses to a max_pixels in the model's own settings), and give SFTTrainer "
        "this processor.",
        "swift": f"Set MAX_PIXELS={max_pixels} MIN_PIXELS={MIN_PIXELS} in the environment, as "
        "trainers/ms-swift/sft.sh does, and leave --max_pixels out. ms-swift counts in whole tokens: a budget that is "
        "no multiple of 784 cannot be set.",
        "llamafactory": "Give as the model the folder that `python trainers/pin_processor.py MODEL PINNED` makes, with "
        f"image_max_pixels: {NO_LIMIT} and image_min_pixels: 1, as in trainers/llamafactory/sft.yaml.",
    }
    return ways[trainer]

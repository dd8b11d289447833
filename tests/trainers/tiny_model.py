"""Makes a Qwen-VL of one layer with random weights, laid out as the published ones.

    python tiny_model.py qwen2_vl|qwen2_5_vl FOLDER

Runs in a trainer's environment. The tokenizer knows bytes and Qwen's special tokens, under Qwen's own numbers (one
trainer has them in its code). The processor's budget is that of the published models, so that pinning another matters.
"""

import json
import sys
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
)

FIRST_SPECIAL = 151_643
SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *("<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>"),
    *("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"),
)
PREPROCESSOR = {
    "min_pixels": 56 * 56,
    "max_pixels": 12_845_056,
    "patch_size": 14,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "image_processor_type": "Qwen2VLImageProcessor",
}
PROCESSORS = {"qwen2_vl": "Qwen2VLProcessor", "qwen2_5_vl": "Qwen2_5_VLProcessor"}
TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, and the special ones."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    fillers = [f"[{number}]" for number in range(len(alphabet), FIRST_SPECIAL)]
    vocabulary = {token: number for number, token in enumerate([*alphabet, *fillers])}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens(list(SPECIAL))
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL[1:]),
        chat_template=TEMPLATE,
    )


def model(family: str) -> PreTrainedModel:
    """One layer of text and one of vision."""
    numbers = {token: FIRST_SPECIAL + place for place, token in enumerate(SPECIAL)}
    rope = {"rope_type": "default", "type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
    vision = {"depth": 1, "num_heads": 2, "hidden_size": 32, "patch_size": 14, "spatial_merge_size": 2}
    shape = {
        "text_config": {
            "vocab_size": FIRST_SPECIAL + len(SPECIAL),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "rope_parameters": rope,
            "rope_scaling": rope,
            "eos_token_id": numbers["<|im_end|>"],
            "pad_token_id": numbers["<|endoftext|>"],
            "bos_token_id": None,
        },
        "image_token_id": numbers["<|image_pad|>"],
        "video_token_id": numbers["<|video_pad|>"],
        "vision_start_token_id": numbers["<|vision_start|>"],
        "vision_end_token_id": numbers["<|vision_end|>"],
        "tie_word_embeddings": True,
    }
    if family == "qwen2_vl":
        old = {**vision, "embed_dim": 32, "mlp_ratio": 2}
        return Qwen2VLForConditionalGeneration(Qwen2VLConfig(vision_config=old, **shape))
    new = {**vision, "intermediate_size": 64, "out_hidden_size": 32, "window_size": 112, "fullatt_block_indexes": [0]}
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(vision_config=new, **shape))


def main(family: str, folder: Path) -> None:
    """Write the model."""
    tokenizer().save_pretrained(folder)
    model(family).save_pretrained(folder)
    settings = {**PREPROCESSOR, "processor_class": PROCESSORS[family]}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings, indent=1))
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": TEMPLATE}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

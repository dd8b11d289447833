"""Makes a CLIP of one layer with random weights, laid out as the published ones, and asks the stage about a few rows.

    python tiny_clip.py clip|chinese_clip FOLDER

Runs in an environment that has torch and transformers, with the repository on its path. Prints JSON: what the stage
says, in small batches and in a large one, and what the model says of each pair alone.
"""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
import transformers
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from pipelines.filters.image_text import ClipSimilarity
from schemas.tables import INPUT

TINY = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
SIDE = {"image_size": 32, "patch_size": 8}
TEXTS = [
    ["a red square"],
    ["a blue square", "something else", ""],
    ["一只猫", "x" * 200_000],
    [],
    ["a red square " * 50],
    ["<|endoftext|> and on", "\u202e\x00"],
]
SIZES = [(64, 64), (640, 480), (1, 1), (40, 40), (3000, 3), (33, 100)]


def clip(folder: Path) -> None:
    """OpenAI's kind: byte-level tokens, pooled at the end."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: place for place, token in enumerate([*alphabet, "<|startoftext|>", "<|endoftext|>"])}
    start, end = len(alphabet), len(alphabet) + 1
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.post_processor = processors.TemplateProcessing(
        single="<|startoftext|> $A <|endoftext|>",
        special_tokens=[("<|startoftext|>", start), ("<|endoftext|>", end)],
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<|startoftext|>",
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        model_max_length=77,
    ).save_pretrained(folder)
    text = {**TINY, "vocab_size": end + 1, "max_position_embeddings": 77, "bos_token_id": start, "eos_token_id": end}
    config = transformers.CLIPConfig(
        text_config={**text, "pad_token_id": end}, vision_config={**TINY, **SIDE}, projection_dim=16
    )
    transformers.CLIPModel(config).save_pretrained(folder)
    transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(
        folder
    )


def chinese_clip(folder: Path) -> None:
    """Chinese CLIP: a BERT reads the text."""
    folder.mkdir(exist_ok=True)
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"abcdefghijklmnopqrstuvwxyz",
        "一",
        "只",
        "猫",
        "red",
        "square",
    ]
    (folder / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=52).save_pretrained(folder)
    text = {**TINY, "vocab_size": len(words), "max_position_embeddings": 64}
    config = transformers.ChineseCLIPConfig(text_config=text, vision_config={**TINY, **SIDE}, projection_dim=16)
    transformers.ChineseCLIPModel(config).save_pretrained(folder)
    transformers.ChineseCLIPImageProcessor(size={"height": 32, "width": 32}, do_center_crop=False).save_pretrained(
        folder
    )


def pictures() -> list[Image.Image]:
    """One for each row."""
    made = [Image.effect_noise(size, 80).convert("RGB") for size in SIZES]
    return [
        Image.blend(picture, Image.new("RGB", picture.size, (place * 40, 0, 99)), 0.5)
        for place, picture in enumerate(made)
    ]


def encoded(picture: Image.Image) -> bytes:
    """Without loss."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def asked(folder: Path, rows: pa.Table, **settings: Any) -> dict[str, Any]:
    """What the stage says."""
    found = ClipSimilarity(weights=str(folder), **settings).load().process(rows)
    return {
        "reasons": found.verdicts.reason.to_pylist(),
        "values": found.verdicts.value.to_pylist(),
        "similarities": found.columns["clip_similarity"].to_pylist(),
    }


def alone(folder: Path, images: list[Image.Image]) -> list[list[float]]:
    """Each pair by itself, from the model's own logits."""
    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    said = []
    for image, texts in zip(images, TEXTS, strict=True):
        said.append([])
        for text in texts:
            most = min(tokenizer.model_max_length, model.config.text_config.max_position_embeddings)
            tokens = tokenizer([text[:10_000]], truncation=True, max_length=most, return_tensors="pt")
            with torch.no_grad():
                answer = model(**tokens, pixel_values=processor(images=image, return_tensors="pt")["pixel_values"])
            said[-1].append(float(answer.logits_per_image[0, 0] / model.logit_scale.exp()))
    return said


def main(family: str, folder: Path) -> None:
    """Make, ask, print."""
    torch.manual_seed(7)
    {"clip": clip, "chinese_clip": chinese_clip}[family](folder)
    images = pictures()
    rows = pa.table(
        {
            "image": pa.array([*map(encoded, images), b"damaged"], pa.large_binary()),
            "captions": pa.array(
                [[{"text": text, "role": "web"} for text in texts] for texts in [*TEXTS, ["a red square"]]],
                INPUT.field("captions").type,
            ),
        }
    )
    expected = alone(folder, images)
    flat = sorted(value for of_row in expected for value in of_row)
    at_least = (flat[len(flat) // 2] + flat[len(flat) // 2 - 1]) / 2
    answer = {
        "alone": expected,
        "at_least": at_least,
        "small": asked(folder, rows, at_least=at_least, batch_size=2),
        "large": asked(folder, rows, at_least=at_least, batch_size=64),
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

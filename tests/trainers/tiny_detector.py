"""Makes a detector with random weights, laid out as the published ones, and asks it beside transformers itself.

    python tiny_detector.py grounding-dino|mm-grounding-dino|owlv2 FOLDER BATCH_SIZE

Runs in an environment that has torch and transformers, with the repository on its path. Prints JSON: for each image
and phrase what our batched detector offers, and what transformers' own post-processing says of that image alone.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from pipelines.filters.scoring import Picture
from pipelines.grounding.detectors.grounding_dino import FLOOR
from pipelines.grounding.detectors.pretrained import Pretrained

WORDS = [
    "a",
    "the",
    "red",
    "green",
    "blue",
    "small",
    "large",
    "circle",
    "square",
    "dog",
    "man",
    "in",
    "with",
    "of",
    "hat",
    "two",
]
PHRASES = [
    ["a red circle", "the man with a hat", "two dogs"],
    ["a Small square."],
    ["the dog", "a man [SEP] in a hat", "circle", "?"],
    [],
    [f"a {colour} {shape}" for colour in ("red", "green", "blue") for shape in ("dog", "man", "hat")],
    ["dog " * 300, "a dog"],
]
SIZES = [(64, 64), (96, 48), (50, 90), (64, 64), (64, 64), (120, 61)]
TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


def pictures() -> list[Picture]:
    """One for each list of phrases."""
    made = [Image.effect_noise(size, 90).convert("RGB") for size in SIZES]
    return [Image.blend(one, Image.new("RGB", one.size, (at * 40, 90, 20)), 0.4) for at, one in enumerate(made)]


def grounding_dino(folder: Path, kind: str) -> None:
    """The tokens that end a phrase have the numbers that the model has built in."""
    words = [f"[unused{number}]" for number in range(1100)]
    for number, word in {
        0: "[PAD]",
        100: "[UNK]",
        101: "[CLS]",
        102: "[SEP]",
        103: "[MASK]",
        1012: ".",
        1029: "?",
    }.items():
        words[number] = word
    letters = "abcdefghijklmnopqrstuvwxyz"
    words[110:] = [*words[110:1030], *dict.fromkeys([*WORDS, *letters]), *(f"##{letter}" for letter in letters)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=40).save_pretrained(folder)
    name = "MMGroundingDino" if kind.startswith("mm") else "GroundingDino"
    backbone = transformers.SwinConfig(
        image_size=64, embed_dim=16, depths=[1, 1, 1, 1], num_heads=[2, 2, 2, 2], window_size=4, out_indices=[2, 3, 4]
    )
    config = getattr(transformers, f"{name}Config")(
        backbone_config=backbone,
        text_config=transformers.BertConfig(**TEXT, vocab_size=len(words), max_position_embeddings=64),
        num_queries=12,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        max_text_len=40,
    )
    model = getattr(transformers, f"{name}ForObjectDetection")(config)
    model.save_pretrained(folder)
    transformers.GroundingDinoImageProcessor(size={"shortest_edge": 128, "longest_edge": 224}).save_pretrained(folder)


def owlv2(folder: Path) -> None:
    """Byte-level tokens of CLIP."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: place for place, token in enumerate(["!", *alphabet[1:], "<|startoftext|>", "<|endoftext|>"])}
    vocabulary = {token: place for place, token in enumerate(dict.fromkeys(vocabulary))}
    start, end = vocabulary["<|startoftext|>"], vocabulary["<|endoftext|>"]
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
        pad_token="!",
        model_max_length=32,
    ).save_pretrained(folder)
    text = {**TEXT, "vocab_size": end + 1, "max_position_embeddings": 32, "bos_token_id": start, "eos_token_id": end}
    config = transformers.Owlv2Config(
        text_config={**text, "pad_token_id": 0},
        vision_config={**TEXT, "image_size": 64, "patch_size": 16},
        projection_dim=32,
    )
    transformers.Owlv2ForObjectDetection(config).save_pretrained(folder)
    transformers.Owlv2ImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)


def entries(boxes: Any, scores: Any) -> list[list[float]]:
    """Boxes with their scores, in an order of their own."""
    found = np.concatenate([np.asarray(boxes).reshape(-1, 4), np.asarray(scores).reshape(-1, 1)], axis=1)
    return sorted(found.tolist(), key=lambda one: -one[4])


def ours(spec: Pretrained, images: list[Picture]) -> list[list[list[list[float]]]]:
    """Of all images in one batch: image, phrase, boxes in pixels."""
    said = []
    for image, asked, offer in zip(images, PHRASES, spec.load().detect(images, PHRASES), strict=True):
        candidates = offer.candidates
        scale = np.array([image.width, image.height, image.width, image.height])
        said.append(
            [
                entries(candidates.boxes[candidates.phrases == at] * scale, candidates.scores[candidates.phrases == at])
                for at in range(len(asked))
            ]
        )
    return said


def theirs(folder: Path, kind: str, images: list[Picture], floor: float) -> list[list[list[list[float]]]]:
    """The same, image by image through transformers' processor and post-processing."""
    model = transformers.AutoModelForZeroShotObjectDetection.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    pixels = transformers.AutoImageProcessor.from_pretrained(folder)
    said: list[list[list[list[float]]]] = []
    for image, asked in zip(images, PHRASES, strict=True):
        said.append([[] for _ in asked])
        size = [(image.height, image.width)]
        if kind == "owlv2":
            processor = transformers.Owlv2Processor(pixels, tokenizer)
            for at, phrase in enumerate(asked):
                if len(phrase) > 30:
                    continue
                text = phrase.replace("[", " ").replace("]", " ").replace(".", " ").replace("?", " ")
                inputs = processor(images=image, text=[[text]], return_tensors="pt", max_length=32)
                with torch.no_grad():
                    answer = model(**inputs)
                (found,) = processor.post_process_grounded_object_detection(answer, floor, target_sizes=size)
                said[-1][at] = entries(found["boxes"], found["scores"])
            continue
        processor = transformers.GroundingDinoProcessor(pixels, tokenizer)
        for group in groups(asked, tokenizer):
            texts = [asked[at].replace("[", " ").replace("]", " ").replace(".", " ") for at in group]
            inputs = processor(images=image, text=". ".join(texts) + ".", return_tensors="pt")
            with torch.no_grad():
                answer = model(**inputs)
            logits = answer.logits.clone()
            ids = inputs["input_ids"][0].tolist()
            first = 1
            for at, text in zip(group, texts, strict=True):
                length = len(tokenizer(text, add_special_tokens=False)["input_ids"])
                assert ids[first + length] == 1012
                answer.logits = torch.full_like(logits, -torch.inf)
                answer.logits[:, :, first : first + length] = logits[:, :, first : first + length]
                (found,) = processor.post_process_grounded_object_detection(answer, threshold=floor, target_sizes=size)
                said[-1][at] = entries(found["boxes"], found["scores"])
                first += length + 1
    return said


def groups(asked: list[str], tokenizer: Any) -> list[list[int]]:
    """Phrases that go into one prompt of 40 tokens, by a plain loop; "?" and what is too long into none."""
    made: list[list[int]] = [[]]
    for at, phrase in enumerate(asked):
        text = ". ".join(asked[other].replace(".", " ") for other in [*made[-1], at]) + "."
        if phrase == "?" or len(phrase) > 200:
            continue
        if len(tokenizer(text)["input_ids"]) > 40:
            made.append([])
        made[-1].append(at)
    return [group for group in made if group]


def main(kind: str, folder: Path, batch_size: int) -> None:
    """Make, ask, print."""
    torch.manual_seed(7)
    owlv2(folder) if kind == "owlv2" else grounding_dino(folder, kind)
    images = pictures()
    spec = Pretrained(weights=str(folder), threshold=0.01 if kind.startswith("mm") else 0.5, batch_size=batch_size)
    answer = {
        "ours": ours(spec, images),
        "theirs": theirs(folder, kind, images, spec.threshold * FLOOR),
        "unasked": [offer.unasked for offer in spec.load().detect(images, PHRASES)],
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))

"""What transformers says, run in TRL's environment: python transformers_answers.py QUESTIONS.json ANSWERS.json."""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer
from transformers.image_utils import SizeDict
from transformers.models.got_ocr2.image_processing_got_ocr2 import GotOcr2ImageProcessor, get_optimal_tiled_canvas
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

TILE = 448


def resized(question: dict[str, Any]) -> list[list[int] | None]:
    """(width, height) for each size under one budget; None where it is refused."""
    options = {name: question[name] for name in ("factor", "min_pixels", "max_pixels")}
    found: list[list[int] | None] = []
    for width, height in question["sizes"]:
        try:
            found.append(list(reversed(smart_resize(height, width, **options))))
        except ValueError:
            found.append(None)
    return found


def tiled(question: dict[str, Any]) -> list[list[int]]:
    """(columns, rows) for each size."""
    most = question["max_tiles"]
    return [
        list(get_optimal_tiled_canvas((height, width), (TILE, TILE), 1, most)) for width, height in question["sizes"]
    ]


def cropped(question: dict[str, Any]) -> list[int]:
    """So many pictures, thumbnail included, that each size is cut into."""
    processor = GotOcr2ImageProcessor()
    options = {"min_patches": 1, "max_patches": question["max_tiles"], "patch_size": SizeDict(height=TILE, width=TILE)}
    return [
        processor.crop_image_to_patches(torch.zeros(1, 3, height, width), resample=processor.resample, **options).shape[
            1
        ]
        for width, height in question["sizes"]
    ]


def rendered(question: dict[str, Any]) -> list[str]:
    """Each conversation as a template writes it."""
    tokenizer = AutoTokenizer.from_pretrained(question["model"])
    template = Path(question["template"]).read_text("utf-8")
    return [
        tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False)
        for messages in question["conversations"]
    ]


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    ways = {"resized": resized, "tiled": tiled, "cropped": cropped, "rendered": rendered}
    told = {way: [ways[way](question) for question in questions] for way, questions in asked.items()}
    Path(sys.argv[2]).write_text(json.dumps(told), "utf-8")

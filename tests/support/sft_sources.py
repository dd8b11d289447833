"""Files in the shape of LLaVA-Instruct-150K and of MiniGPT-4's captions, about drawn scenes."""

import json
from pathlib import Path
from typing import Any

from PIL import Image

from jobs.demo.scenes import draw

SCENES = {
    name: draw(f"sft {name}") for name in ("000000000009", "000000000025", "000000000030", "000000000034", "2", "17")
}
COCO = tuple(name for name in SCENES if len(name) > 2)


def write_sources(folder: Path) -> list[Path]:
    """The three files of LLaVA's and `filter_cap.json`; images in ``train2017/`` and ``cc_sbu_align/image/``."""
    (folder / "train2017").mkdir(parents=True)
    (folder / "cc_sbu_align/image").mkdir(parents=True)
    for name, scene in SCENES.items():
        where = "train2017" if name in COCO else "cc_sbu_align/image"
        Image.fromarray(scene.pixels).save(folder / where / f"{name}.jpg", quality=95)
    detail, first, second, third = COCO
    files: dict[str, Any] = {
        "detail_23k.json": [_record(detail, "Describe the image in detail.\n<image>", f"{SCENES[detail].caption}.")],
        "conversation_58k.json": [
            _record(
                first,
                "<image>\nWhat does this image show?",
                f"The image shows {SCENES[first].caption}.",
                "Describe the image in detail.",
                f"{SCENES[first].caption}.",
            ),
            _record(third, "<image>\nWho is it?", "Nobody that is known here.", "Are you sure?", "No."),
        ],
        "complex_reasoning_77k.json": [
            _record(second, "What does this image show?\n<image>", f"The image shows {SCENES[second].caption}."),
            {"id": "text", "conversations": [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Hi"}]},
        ],
        "cc_sbu_align/filter_cap.json": {
            "annotations": [
                {"image_id": "2", "caption": f"{SCENES['2'].caption}."},
                {"image_id": "17", "caption": "It is a scene of no kind that is in the book."},
            ]
        },
    }
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value), "utf-8")
    return [folder / name for name in files]


def _record(image: str, *turns: str) -> dict[str, Any]:
    told = [{"from": ("human", "gpt")[at % 2], "value": text} for at, text in enumerate(turns)]
    return {"id": image, "image": f"{image}.jpg", "conversations": told}

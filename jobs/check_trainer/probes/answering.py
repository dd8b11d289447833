"""What a probe answers: ``answer.json``, and beside it ``grid.npy`` and ``pixels.npy`` as the model would get them."""
# mypy: disable-error-code="import-not-found,import-untyped"

import hashlib
import json
import os
import sys
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any, NoReturn

NO_TRAINER = 3
"""Exit status: the trainer cannot be imported here."""
IGNORED = -100


def request() -> dict[str, str]:
    """What the parent asks: ``dataset`` and ``model`` to load, ``out`` to answer in."""
    asked: dict[str, str] = json.loads(Path(os.environ["SHARDMILL_REQUEST"]).read_text("utf-8"))
    return asked


def no_trainer(error: ImportError) -> NoReturn:
    """Say that the trainer is missing, or what it misses."""
    sys.stderr.write(f"{type(error).__name__}: {error}\n")
    raise SystemExit(NO_TRAINER)


def digests(rows: list[list[dict[str, Any]]]) -> list[list[str]]:
    """SHA-256 of each image's bytes, as the trainer's loader gives them."""
    return [[hashlib.sha256(image["bytes"]).hexdigest() for image in images] for images in rows]


def pieces(tokenizer: Any, ids: Any, labels: Any, mask: Any) -> list[list[tuple[str, bool]]]:
    """For each row of a batch: its text in pieces, and whether a piece bears loss."""
    found = []
    for row_ids, row_labels, row_mask in zip(ids.tolist(), labels.tolist(), mask.tolist(), strict=True):
        kept = [
            (token, label != IGNORED)
            for token, label, shown in zip(row_ids, row_labels, row_mask, strict=True)
            if shown
        ]
        runs = groupby(kept, key=lambda token: token[1])
        found.append([(_decode(tokenizer, [token for token, _ in run]), loss) for loss, run in runs])
    return found


def answer(out: str, trainer: str, processor: Any, batch: Any, **facts: Any) -> None:
    """Write the answer: of the batch its image grid and patches, of the processor what undoes its work."""
    import numpy as np

    image = processor.image_processor
    folder = Path(out)
    if batch.get("pixel_values") is not None:
        np.save(folder / "pixels.npy", batch["pixel_values"].float().numpy())
        np.save(folder / "grid.npy", batch["image_grid_thw"].numpy())
    told = {
        "versions": {name: version(name) for name in (trainer, "transformers")},
        "image_mean": list(image.image_mean),
        "image_std": list(image.image_std),
        "patch": image.patch_size,
        "temporal": image.temporal_patch_size,
        "merge": image.merge_size,
        **facts,
    }
    (folder / "answer.json").write_text(json.dumps(told), "utf-8")


def budget(processor: Any) -> dict[str, int]:
    """The pixel budget that the image processor resizes under."""
    size = processor.image_processor.size
    return {"min_pixels": size["shortest_edge"], "max_pixels": size["longest_edge"]}


def _decode(tokenizer: Any, ids: list[int]) -> str:
    text: str = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return text

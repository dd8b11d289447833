"""Give a model the pixel budget that these shards were packed for.

    python trainers/pin_processor.py MODEL FOLDER

MODEL is a folder, or a name on the Hub (then `huggingface_hub` fetches it). FOLDER becomes the same model, its files as
links, save for the image processor's settings, which say what pinned.json says. Train from it where a trainer takes
the budget from the model alone (LLaMA-Factory), and serve with it what was trained on these shards.
"""

import json
import sys
from pathlib import Path
from typing import Any

PINNED = json.loads((Path(__file__).resolve().parent / "pinned.json").read_text("utf-8"))
SETTINGS = ("preprocessor_config.json", "processor_config.json")


def pinned(settings: dict[str, Any]) -> dict[str, Any]:
    """An image processor's settings with the pinned budget, in every spelling that versions of transformers read."""
    if "max_tiles" in PINNED:
        tiles = {"crop_to_patches": True, "min_patches": 1, "max_patches": PINNED["max_tiles"]}
        return {**settings, **tiles}
    smallest, largest = PINNED["min_pixels"], PINNED["max_pixels"]
    size = {"shortest_edge": smallest, "longest_edge": largest}
    return {**settings, "min_pixels": smallest, "max_pixels": largest, "size": size}


def rewrite(text: str, name: str) -> tuple[str, bool]:
    """A settings file's text with the pinned budget, and whether it held an image processor's settings at all."""
    settings = json.loads(text)
    if name == "preprocessor_config.json":
        settings = pinned(settings)
    elif "image_processor" in settings:
        settings = {**settings, "image_processor": pinned(settings["image_processor"])}
    else:
        return text, False
    return json.dumps(settings, indent=2, ensure_ascii=False) + "\n", True


def main(model: str, folder: Path) -> None:
    """Fill `folder`; what was there under the same names is replaced."""
    source = Path(model)
    if not source.is_dir():
        from huggingface_hub import snapshot_download

        source = Path(snapshot_download(model))
    folder.mkdir(parents=True, exist_ok=True)
    if folder.resolve() == source.resolve():
        raise SystemExit("FOLDER is MODEL itself: give another")
    found = False
    for path in sorted(source.rglob("*")):
        if path.is_dir():
            continue
        target = folder / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        if path.parent == source and path.name in SETTINGS:
            text, was_settings = rewrite(path.read_text("utf-8"), path.name)
            target.write_text(text, "utf-8")
            found = found or was_settings
        else:
            target.symlink_to(path.resolve())
    if not found:
        raise SystemExit(f"{source} holds no image processor's settings: no {' and no '.join(SETTINGS)}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(sys.argv[1], Path(sys.argv[2]))

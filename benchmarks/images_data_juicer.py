"""Run by `benchmarks.images` in data-juicer's environment: three of its operators over a list of image files."""

import json
import os
import sys
from pathlib import Path

from data_juicer.core.data import NestedDataset
from data_juicer.ops.deduplicator.image_deduplicator import ImageDeduplicator
from data_juicer.ops.filter.image_aspect_ratio_filter import ImageAspectRatioFilter
from data_juicer.ops.filter.image_shape_filter import ImageShapeFilter


def run(files: list[str], max_ratio: float, side: int) -> list[bool]:
    operators = [
        ImageAspectRatioFilter(min_ratio=1 / max_ratio, max_ratio=max_ratio, num_proc=1),
        ImageShapeFilter(min_width=side, min_height=side, num_proc=1),
        ImageDeduplicator(method="phash", num_proc=1),
    ]
    dataset = NestedDataset.from_dict(
        {"text": [""] * len(files), "images": [[file] for file in files], "at": list(range(len(files)))}
    )
    for operator in operators:
        dataset = dataset.process(operator)
    left = set(dataset["at"])
    return [at in left for at in range(len(files))]


if __name__ == "__main__":
    given = Path(sys.argv[1]).read_text().splitlines()
    bounds = json.loads(sys.argv[2])
    run(given[:20], *bounds)
    before = os.times()
    kept = run(given, *bounds)
    # its pools have ended by now, so their time is among that of children; the last of the five is wall time
    cpu_s = sum(after - before for before, after in zip(before[:4], os.times()[:4], strict=True))
    print(json.dumps({"cpu_s": cpu_s, "kept": kept}))

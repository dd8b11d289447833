"""Where the CPU time of the stage `ground` goes: phrases, decoding, the detector, and all the rest, in one process.

    python -m benchmarks.grounding --rounds 5

Parts of 512 of the tests' drawn scenes (PNG, about 440 × 360), with the detector `shapes`: the cheapest there is, and
so the one beside which the rest weighs most.
"""

import argparse
import io
import json
import os
import time
from collections.abc import Callable
from functools import wraps
from statistics import median
from typing import ParamSpec, TypeVar

import pyarrow as pa
from PIL import Image

from pipelines.filters import scoring
from pipelines.grounding.stage import Ground, GroundEngine
from schemas.tables import INPUT
from tests.support.drawn import drawn

_P = ParamSpec("_P")
_T = TypeVar("_T")
PART = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", type=int, default=2)
    arguments = parser.parse_args()
    parts = [rows(range(at * PART, (at + 1) * PART)) for at in range(arguments.parts)]
    spec = Ground()
    spent: dict[str, float] = {}

    def timed(name: str, call: Callable[_P, _T]) -> Callable[_P, _T]:
        @wraps(call)
        def measured(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            began = time.process_time()
            try:
                return call(*args, **kwargs)
            finally:
                spent[name] += time.process_time() - began

        return measured

    finder, detector = spec.phrases.load(), spec.detector.load()
    finder.find = timed("phrases", finder.find)  # type: ignore[method-assign]
    detector.detect = timed("detector", detector.detect)  # type: ignore[method-assign]
    scoring.decoded = timed("decoding", scoring.decoded)
    engine = GroundEngine(spec, finder, spec.detector, detector)
    rounds = []
    for round_ in range(arguments.rounds + 1):
        spent |= dict.fromkeys(("phrases", "decoding", "detector"), 0.0)
        began = time.process_time()
        for part in parts:
            engine.process(part)
        total = time.process_time() - began
        if round_:  # the first warms up
            shares = {name: taken / total for name, taken in spent.items()}
            rounds.append({**shares, "rest": 1 - sum(shares.values()), "ms": total / len(parts) / PART * 1000})
            said = {name: round(value, 4) for name, value in rounds[-1].items()}
            print(json.dumps({**said, "load": os.getloadavg()[0]}))
    print({name: round(median(one[name] for one in rounds), 4) for name in rounds[0]})


def rows(seeds: range) -> pa.Table:
    """Drawn scenes as the stage reads them."""
    scenes = [drawn(seed) for seed in seeds]
    images = []
    for scene in scenes:
        out = io.BytesIO()
        Image.fromarray(scene.pixels).save(out, "PNG")
        images.append(out.getvalue())
    captions = [[{"text": scene.caption, "lang": "en", "role": "web"}] for scene in scenes]
    return pa.table(
        {
            "image": pa.array(images, pa.large_binary()),
            "width": pa.array([scene.pixels.shape[1] for scene in scenes], pa.int32()),
            "height": pa.array([scene.pixels.shape[0] for scene in scenes], pa.int32()),
            "captions": pa.array(captions, INPUT.field("captions").type),
            "regions": pa.nulls(len(scenes), INPUT.field("regions").type),
        }
    )


if __name__ == "__main__":
    main()

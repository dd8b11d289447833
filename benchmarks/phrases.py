"""Finding phrases, expansion included, beside the bare `nlp.pipe` of the same model: CPU time of one process.

    python -m benchmarks.phrases --rounds 5

*all of it*: the pipeline as it is loaded for phrases. The captions are those labelled for the tests, over and over.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from statistics import median

from pipelines.grounding.models import SHIPPED, load_model, resolve_model
from pipelines.grounding.phrases import Phrases
from tests.support.labelled_phrases import read_labelled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default=SHIPPED)
    arguments = parser.parse_args()
    texts = [one.caption for one in read_labelled()]
    captions = [texts[at % len(texts)] for at in range(arguments.captions)]
    started = time.perf_counter()
    nlp = load_model(resolve_model(arguments.model))
    print(json.dumps({"load_s": round(time.perf_counter() - started, 2), "pipes": nlp.pipe_names}))
    finder = Phrases(model=arguments.model).load()

    def bare(captions: Sequence[str]) -> int:
        return sum(len(document) for document in nlp.pipe(captions, batch_size=256))

    works: dict[str, Callable[[Sequence[str]], object]] = {"bare nlp.pipe": bare, "phrases": finder.find}
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for round_ in range(arguments.rounds + 1):
        for name, work in works.items():
            began = time.process_time()
            work(captions)
            if round_:  # the first warms up
                seconds[name].append(time.process_time() - began)
                print(json.dumps({"what": name, "cpu_s": round(seconds[name][-1], 2), "load": os.getloadavg()[0]}))
    for name, taken in seconds.items():
        print(f"{name:14} {len(captions) / median(taken):10,.0f} captions per CPU second")
    ratios = [mine / ours for mine, ours in zip(*seconds.values(), strict=True)]
    print(f"throughput, phrases to bare: {median(ratios):.3f}, by round {' '.join(f'{one:.3f}' for one in ratios)}")


if __name__ == "__main__":
    main()

"""Run by `benchmarks.captions` in data-juicer's environment: four of its operators over a JSONL of texts."""

import json
import os
import sys
from pathlib import Path

from data_juicer.core.data import NestedDataset
from data_juicer.ops.filter.alphanumeric_filter import AlphanumericFilter
from data_juicer.ops.filter.character_repetition_filter import CharacterRepetitionFilter
from data_juicer.ops.filter.text_length_filter import TextLengthFilter
from data_juicer.ops.filter.words_num_filter import WordsNumFilter


def run(texts: list[str], bounds: list[float]) -> list[bool]:
    shortest, longest, fewest, most, alphanumeric, n, repetition = bounds
    operators = [
        TextLengthFilter(min_len=shortest, max_len=longest, num_proc=1),
        WordsNumFilter(min_num=fewest, max_num=most, num_proc=1),
        AlphanumericFilter(min_ratio=alphanumeric, num_proc=1),
        CharacterRepetitionFilter(rep_len=n, max_ratio=repetition, num_proc=1),
    ]
    dataset = NestedDataset.from_dict({"text": texts, "at": list(range(len(texts)))})
    for operator in operators:
        dataset = dataset.process(operator)
    left = set(dataset["at"])
    return [at in left for at in range(len(texts))]


if __name__ == "__main__":
    given = [json.loads(line)["text"] for line in Path(sys.argv[1]).read_text().splitlines()]
    run(given[:1000], json.loads(sys.argv[2]))
    before = os.times()
    kept = run(given, json.loads(sys.argv[2]))
    # its pools have ended by now, so their time is among that of children; the last of the five is wall time
    cpu_s = sum(after - before for before, after in zip(before[:4], os.times()[:4], strict=True))
    print(json.dumps({"cpu_s": cpu_s, "kept": kept}))

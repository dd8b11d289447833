"""How well phrases agree with captions labelled by hand, by group: exact spans, and their last words alone.

python -m benchmarks.phrase_quality
python -m benchmarks.phrase_quality --model en_core_web_sm --differences
"""

import argparse

from pipelines.grounding.models import SHIPPED
from pipelines.grounding.phrases import Phrases
from tests.support.labelled_phrases import agreements, read_labelled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=SHIPPED)
    parser.add_argument("--differences", action="store_true", help="print what differs, caption by caption")
    arguments = parser.parse_args()
    labelled = read_labelled()
    found = Phrases(model=arguments.model).load().find([one.caption for one in labelled])
    spans = [frozenset(phrase.span for phrase in of_one if phrase.dropped is None) for of_one in found]
    if arguments.differences:
        for one, mine in zip(labelled, spans, strict=True):
            if mine != one.phrases:
                missed = [one.caption[slice(*span)] for span in sorted(one.phrases - mine)]
                wrong = [one.caption[slice(*span)] for span in sorted(mine - one.phrases)]
                print(f"{one.caption!r}: missed {missed}, found {wrong}")
    sizes = {group: sum(one.group == group for one in labelled) for group in {one.group for one in labelled}}
    print("| group | captions | phrases | exact F1 | head F1 |\n|---|---|---|---|---|")
    for group, (exact, heads) in agreements(labelled, spans).items():
        n = sizes.get(group, len(labelled))
        print(f"| {group} | {n} | {exact.labelled} | {exact.f1:.3f} | {heads.f1:.3f} |")


if __name__ == "__main__":
    main()

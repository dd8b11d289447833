"""How often the checks of translated answers are right, on answers labelled by hand.

python -m benchmarks.translation_quality
python -m benchmarks.translation_quality --group later --differences
"""

import argparse

from tests.support.labelled_answers import agreements, judged, read_labelled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group", choices=["first", "later"], help="these alone")
    parser.add_argument("--differences", action="store_true", help="print what differs, answer by answer")
    arguments = parser.parse_args()
    labelled = [one for one in read_labelled() if arguments.group in (None, one.group)]
    if arguments.differences:
        for one in labelled:
            missed, wrong = sorted(one.checks - judged(one)), sorted(judged(one) - one.checks)
            if missed or wrong:
                print(f"{one.source!r} → {one.answer!r}: missed {missed}, found {wrong}")
    print("| check | answers | precision | recall |\n|---|---|---|---|")
    for check, agreement in agreements(labelled).items():
        print(f"| {check} | {agreement.labelled} | {agreement.precision:.3f} | {agreement.recall:.3f} |")


if __name__ == "__main__":
    main()

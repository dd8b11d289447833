"""How well the engines read pages drawn for it, by kind and size: characters, and the order of lines.

python -m benchmarks.ocr_quality
python -m benchmarks.ocr_quality --engine rapid --every 4 --misread
python -m benchmarks.ocr_quality --engine rapid --kind plain --sizes 6 7 8 10 12 --det-side 736
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.ocr.lines import LineRules, arrange
from pipelines.ocr.paddle import load_paddle
from pipelines.ocr.rapid import load_rapid
from pipelines.ocr.reader import Reader
from pipelines.ocr.settings import OcrSettings
from tests.support.pages import KINDS, SIZES, Page, all_pages, missing_fonts, page
from tests.support.reading import errors, in_order

ENGINES = {"rapid": load_rapid, "paddle": load_paddle}
_RANGES = {"12–20 px": (0, 20), "24–64 px": (24, 64)}


@dataclass(frozen=True)
class Score:
    """How one engine read one page."""

    page: Page
    wrong: int
    characters: int
    in_order: bool


def score(reader: Reader, drawn: Page, misread: bool) -> Score:
    height, width = drawn.pixels.shape[:2]
    found = arrange(reader.read([drawn.pixels])[0], width, height, LineRules())
    lines = [line["text"] for line in found.lines]
    wrong, characters = errors(drawn, found.text)
    if misread and (wrong or not in_order(drawn, lines)):
        print(f"{drawn.kind} {drawn.language} {drawn.size} px, seed {drawn.seed}: {wrong} of {characters} wrong")
        print(f"  drawn {drawn.lines}\n  read  {[(line['text'], line['dropped']) for line in found.lines]}")
    return Score(drawn, wrong, characters, in_order(drawn, lines))


def cell(scores: Sequence[Score]) -> str:
    wrong, characters = sum(one.wrong for one in scores), sum(one.characters for one in scores)
    ordered = sum(one.in_order for one in scores)
    return f"{1 - wrong / characters:.4f} | {ordered} of {len(scores)}" if scores else "– | –"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=ENGINES, action="append")
    parser.add_argument("--det-side", type=int, default=OcrSettings().det_side)
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--sizes", type=int, nargs="+", help="of the type, in pixels; a row for each")
    parser.add_argument("--every", type=int, default=1, help="of the pages, in their order")
    parser.add_argument("--misread", action="store_true", help="print every page that is not read as it was drawn")
    arguments = parser.parse_args()
    if missing := missing_fonts():
        raise SystemExit(f"these fonts are not installed: {', '.join(missing)}")
    engines, kinds = arguments.engine or list(ENGINES), arguments.kind or KINDS
    ranges = {f"{size} px": (size, size) for size in arguments.sizes or ()} or _RANGES
    chosen = all_pages(kinds, arguments.sizes or SIZES)[:: arguments.every]
    scores: dict[str, list[Score]] = {}
    for engine in engines:
        reader = ENGINES[engine](OcrSettings(det_side=arguments.det_side), "cpu")
        scores[engine] = [score(reader, page(*one), arguments.misread) for one in chosen]
    print("| pages | " + " | ".join(f"{engine}: characters | in order" for engine in engines) + " |")
    print("|---" * (1 + 2 * len(engines)) + "|")
    for kind in kinds:
        for language in ("en", "zh"):
            for name, (least, most) in ranges.items():
                mine = {
                    engine: [
                        one
                        for one in scores[engine]
                        if (one.page.kind, one.page.language) == (kind, language) and least <= one.page.size <= most
                    ]
                    for engine in engines
                }
                if any(mine.values()):
                    print(f"| {kind}, {language}, {name} | " + " | ".join(cell(mine[one]) for one in engines) + " |")
    print("| all | " + " | ".join(cell(scores[engine]) for engine in engines) + " |")


if __name__ == "__main__":
    main()

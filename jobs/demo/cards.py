"""The card of the demo's data set as the repository holds it, so that people see one before they run anything.

    python -m jobs.demo.cards

runs the demo in a folder of its own and puts the README.md of its data set into ``data_cards/cards/demo/``, unless
what is there says the same.
"""

import re
import sys
import tempfile
from pathlib import Path

from jobs.demo.tour import demo
from jobs.store.files import write_atomically

SHIPPED = Path(__file__).parents[2] / "data_cards" / "cards" / "demo" / "README.md"

_SIZES = re.compile(
    r"((?:num_bytes|download_size|dataset_size): )\d+|(^\| `\w+` \| [\d,]+ \| )[\d,]+(?= \|$)", re.MULTILINE
)


def comparable(card: str) -> str:
    """A card without what depends on the port of the demo's server: sizes in bytes, by the length of its URLs."""
    return _SIZES.sub(lambda found: f"{found[1] or found[2]}…", card)


def main() -> int:
    """Run the demo, and keep its card."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = demo(Path(folder) / "demo", "inline")
        if outcome == 0:
            made = (Path(folder) / "demo/run/dataset/README.md").read_text("utf-8")
            if comparable(made) != comparable(SHIPPED.read_text("utf-8") if SHIPPED.exists() else ""):
                write_atomically(SHIPPED, made)
            sys.stdout.write(f"{SHIPPED}\n")
    return outcome


if __name__ == "__main__":
    sys.exit(main())

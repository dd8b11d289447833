"""Make of a trained pipeline what ships: without the tagger, the words of the treebank, and what only training needs.

    python -m pipelines.grounding.training.prune OUT/model-best pipelines/grounding/caption_sm

README.md and LICENSE of the target folder stay.
"""

import argparse
import json
import shutil
from pathlib import Path

_UNUSED = ("tagger",)
"""Trained beside the others, for it teaches the layers that they share; phrases do not ask it."""
_DOCUMENTS = frozenset(("README.md", "LICENSE"))
_SOURCE = {
    "name": "UD English EWT 2.15",
    "url": "https://github.com/UniversalDependencies/UD_English-EWT",
    "license": "CC BY-SA 4.0",
    "author": "Natalia Silveira, Timothy Dozat, Sebastian Schuster, Miriam Connor, Marie-Catherine de Marneffe, "
    "Nathan Schneider, Christopher Manning and others; The Board of Trustees of The Leland Stanford Junior University",
}
_META = {
    "name": "caption_sm",
    "version": "0.1.0",
    "spacy_version": ">=3.8.0,<3.9.0",
    "license": "CC BY-SA 4.0",
    "author": "The shardmill developers",
    "description": "English parts of speech and Universal Dependencies for captions",
    "sources": [_SOURCE],
}


def prune(trained: Path, target: Path) -> None:
    """Write the pipeline that ships into `target`."""
    import spacy

    nlp = spacy.load(trained, exclude=list(_UNUSED))
    target.mkdir(parents=True, exist_ok=True)
    for old in target.iterdir():
        if old.name not in _DOCUMENTS:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    nlp.to_disk(target)
    keep = {"", "ROOT", "NP", "dep"}
    for _, component in nlp.components:
        for label in getattr(component, "labels", ()):
            keep |= {label, *label.replace("|", "=").split("=")}
    (target / "vocab" / "strings.json").write_text(json.dumps(sorted(keep)), "utf-8")
    meta = json.loads((target / "meta.json").read_text("utf-8"))
    del meta["performance"]  # of the treebank's development part, which says little about captions
    (target / "meta.json").write_text(json.dumps({**meta, **_META}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    prune(arguments.trained, arguments.target)

"""`try phrases`: the phrases of captions, as the stage `ground` would ask a detector for them."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from pydantic import ValidationError

from jobs.commands import answers
from pipelines.grounding.phrases import PhraseFinder, Phrases
from pipelines.recipe_text import RecipeError, load

_CAPTIONS_AT_ONCE = 256


@answers
def try_phrases(lines: Iterable[bytes], model: str | None, recipe: str | None, settings: Sequence[str]) -> int:
    """Print one JSON object for each line, which is a caption in UTF-8."""
    spec = _spec(model, recipe, settings)
    try:
        finder = spec.load()
    except (ValueError, OSError) as error:  # a folder that spaCy cannot make a pipeline of
        raise RecipeError("the model", [str(error)]) from None
    for found in describe(finder, lines):
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    return 0


def describe(finder: PhraseFinder, lines: Iterable[bytes]) -> Iterator[dict[str, object]]:
    """For each caption the spans that boxes are asked for; ``ref_exps`` are in the order of ``noun_chunks``."""
    captions = (line.decode("utf-8", "replace").rstrip("\r\n") for line in lines)
    while batch := list(islice(captions, _CAPTIONS_AT_ONCE)):
        for caption, phrases in zip(batch, finder.find(batch), strict=True):
            asked = [phrase for phrase in phrases if phrase.dropped is None]
            yield {
                "caption": caption,
                "noun_chunks": [phrase.span for phrase in asked],
                "ref_exps": [phrase.expression for phrase in asked],
            }


def _spec(model: str | None, recipe: str | None, settings: Sequence[str]) -> Phrases:
    spec = Phrases()
    if recipe is not None:
        told = [getattr(stage, "phrases", None) for stage in load(recipe, settings).stages]
        spec = next((one for one in told if isinstance(one, Phrases)), spec)
    elif settings:
        raise RecipeError("--set", ["name the recipe whose settings these are with --recipe"])
    if model is not None:
        try:
            spec = Phrases(model=model)
        except ValidationError as error:
            raise RecipeError("--model", [problem["msg"] for problem in error.errors()]) from None
    return spec

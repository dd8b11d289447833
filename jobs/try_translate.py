"""`try translate`: captions through the stage `translate`, each with what became of it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from jobs.commands import answers
from pipelines.recipe import stages_of
from pipelines.recipe_text import RecipeError, load
from pipelines.stage import EndRunError
from pipelines.translation.cache import AnswerCache
from pipelines.translation.client import Client
from pipelines.translation.protocol import Unanswered
from pipelines.translation.stage import Translate
from pipelines.translation.texts import translate_text


@dataclass(frozen=True)
class TranslateOptions:
    """What `try translate` was asked for."""

    to: str | None = None
    source: str | None = None
    llm_url: str | None = None
    llm_model: str | None = None
    llm_key_env: str | None = None
    recipe: str | None = None
    settings: tuple[str, ...] = ()


@answers
def try_translate(lines: Iterable[bytes], options: TranslateOptions) -> int:
    """Print one JSON object for each line, which is a caption in UTF-8, in their order."""
    spec = _spec(options)
    if spec.lacking:
        raise RecipeError("the stage translate", [spec.lacking])
    try:
        asyncio.run(_print(spec, lines))
    except EndRunError as error:
        raise RecipeError("the endpoint", [str(error)]) from None
    return 0


async def _print(spec: Translate, lines: Iterable[bytes]) -> None:
    async for found in describe(spec, lines):
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        sys.stdout.flush()


async def describe(spec: Translate, lines: Iterable[bytes]) -> AsyncIterator[dict[str, Any]]:
    """What became of each caption; as many are asked for at a time as the endpoint has slots.

    Answers are kept where the recipe shares them among runs, and nowhere else. Raises EndRunError where the endpoint
    cannot be asked at all.
    """
    shared = spec.endpoint.cache
    client = Client(spec.endpoint, AnswerCache(Path(shared)) if shared else None, "try")
    captions = (line.decode("utf-8", "replace").rstrip("\r\n") for line in lines)
    try:
        while batch := list(islice(captions, spec.endpoint.concurrency)):
            for found in await asyncio.gather(*(_described(spec, client, caption) for caption in batch)):
                yield found
    finally:
        await client.close()


async def _described(spec: Translate, client: Client, caption: str) -> dict[str, Any]:
    try:
        done = await translate_text(caption, spec.source, spec.to, client, spec.text)
    except Unanswered as error:
        return _told(caption, None, "failed", [error.reason], spec.endpoint.model)
    return _told(caption, done.text, done.outcome, done.checks, done.model)


def _told(
    caption: str, translation: str | None, outcome: str, checks: Sequence[str], model: str | None
) -> dict[str, Any]:
    return {
        "text": caption,
        "translation": translation,
        "outcome": outcome,
        "checks": list(checks),
        "model": model,
    }


def _spec(options: TranslateOptions) -> Translate:
    """The recipe's stage, or one as it is by default; what the options say goes before."""
    spec = Translate()
    if options.recipe is not None:
        found = [stage for stage in stages_of(load(options.recipe, options.settings)) if isinstance(stage, Translate)]
        if not found:
            raise RecipeError("--recipe", [f"{options.recipe} has no stage `translate`"])
        spec = found[0]
    elif options.settings:
        raise RecipeError("--set", ["name the recipe whose settings these are with --recipe"])
    endpoint = {"url": options.llm_url, "model": options.llm_model, "key_env": options.llm_key_env}
    languages = {"to": options.to, "source": options.source}
    try:
        llm = replace(spec.endpoint, **_given(endpoint))
        return replace(spec, llm=llm, **_given(languages))
    except ValidationError as error:
        problems = [": ".join([*map(str, problem["loc"][-1:]), problem["msg"]]) for problem in error.errors()]
        raise RecipeError("the options", problems) from None


def _given(options: dict[str, str | None]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}

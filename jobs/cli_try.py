"""The commands of `shardmill try`: one stage on what it is given. Heavy modules are imported by the commands."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from jobs.options import LlmKeyEnv, LlmModel, LlmUrl, Settings, leave

trying = typer.Typer(no_args_is_help=True, help="Run one stage on what you give it, one JSON object a line.")


@trying.command()
def fetch(
    urls: Annotated[list[str], typer.Argument(help="URLs to fetch.", metavar="URL...")],
    allow: Annotated[list[str] | None, typer.Option(help="Allow addresses of this network, as in 127.0.0.0/8.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Take the pull stage of this recipe.")] = None,
    settings: Settings = None,
) -> None:
    """Fetch and judge URLs as the pull stage would.

    Example: shardmill try fetch https://example.org/a.jpg
    """
    from jobs import commands

    leave(commands.try_fetch(urls, tuple(allow or ()), recipe, tuple(settings or ())))


@trying.command()
def phrases(
    model: Annotated[
        str | None, typer.Option(help="A spaCy model, by an installed package's name or a path; else ours.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Take the model that the stage ground of this recipe names.")
    ] = None,
    settings: Settings = None,
) -> None:
    """Find the phrases of captions, one a line on standard input, that boxes would be asked for.

    Example: shardmill try phrases < captions.txt

    noun_chunks are characters of the caption, start and end (exclusive); ref_exps are the referring expressions that
    they grow into, in the same order. What cannot be seen, and what is negated, is left out.
    """
    from jobs.try_phrases import try_phrases

    leave(try_phrases(sys.stdin.buffer, model, recipe, tuple(settings or ())))


@trying.command()
def ground(
    image: Annotated[Path, typer.Argument(help="A picture.")],
    caption: Annotated[str, typer.Option(help="What is said of it.")],
    out: Annotated[Path | None, typer.Option(help="Draw the boxes into this PNG.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Take the stage ground of this recipe, and its detector.")] = None,
    settings: Settings = None,
) -> None:
    """Find what a caption's phrases name in a picture, as the stage ground would.

    Example: shardmill try ground drawing.png --caption "a red circle above a blue square" --out boxes.png

    Example: shardmill try ground photo.jpg --caption "a dog on a bench" --recipe cogvlm-grounding
    --set 'stages.ground.detector={kind: transformers, hub: IDEA-Research/grounding-dino-tiny}'

    Without a recipe the detector is `shapes`, which knows coloured shapes in drawings and nothing else; photographs
    need a real one, as in the second example, with the extra `detectors`. Boxes are fractions of width and height.
    """
    from jobs.try_ground import GroundOptions, try_ground

    leave(try_ground(GroundOptions(image, caption, out, recipe, tuple(settings or ()))))


@trying.command()
def ocr(
    images: Annotated[list[Path], typer.Argument(help="Pictures.", metavar="IMAGE...")],
    engine: Annotated[str | None, typer.Option(help="rapid or paddle; else the recipe's, or rapid.")] = None,
    out: Annotated[Path | None, typer.Option(help="Draw the lines of the one picture into this PNG.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Take the stage ocr of this recipe.")] = None,
    settings: Settings = None,
) -> None:
    """Read the text in pictures, as the stage ocr would.

    Example: shardmill try ocr sign.jpg page.png --engine paddle

    Example: shardmill try ocr photo.jpg --set stages.ocr.settings.det_side=736 --out lines.png

    Lines that count, in reading order, and their text joined. A quad is four corners as fractions of width and height,
    clockwise as one reads, from the text's own top left.
    """
    from jobs.try_ocr import OcrOptions, try_ocr

    leave(try_ocr(OcrOptions(tuple(images), engine, out, recipe, tuple(settings or ()))))


@trying.command()
def translate(
    to: Annotated[str | None, typer.Option(help="The language asked for, as zh; else the recipe's, or zh.")] = None,
    source: Annotated[
        str | None, typer.Option("--from", help="The language of the captions; else the recipe's, or en.")
    ] = None,
    llm_url: LlmUrl = None,
    llm_model: LlmModel = None,
    llm_key_env: LlmKeyEnv = None,
    recipe: Annotated[str | None, typer.Option(help="Take the stage translate of this recipe, and its `llm:`.")] = None,
    settings: Settings = None,
) -> None:
    """Translate captions, one a line on standard input, as the stage translate would.

    Example: shardmill try translate --to zh --llm-url http://127.0.0.1:8000/v1 --llm-model MODEL < captions.txt

    outcome is translated, kept_source (there is nothing to translate, as in a name) or failed; checks are those that
    answers failed before, or the reason for which none came.
    """
    from jobs.try_translate import TranslateOptions, try_translate

    options = TranslateOptions(to, source, llm_url, llm_model, llm_key_env, recipe, tuple(settings or ()))
    leave(try_translate(sys.stdin.buffer, options))

"""spaCy pipelines that read captions: ours, an installed one, or one in a folder."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from pipelines.stage import MODEL_FILE, FoundBy

SHIPPED = "caption_sm"
"""The small caption model that ships with the package, under a licence of its own: see its folder's README.md."""

_HERE = Path(__file__).parent / SHIPPED


def resolve_model(name: str) -> str:
    """The folder of the pipeline that `name` stands for: ours, an installed package's (``en_core_web_sm``), or itself.

    Raises ValueError where there is none.
    """
    if name == SHIPPED:
        return str(_HERE)
    folder = Path(name).expanduser().absolute()
    if (folder / "config.cfg").is_file():
        return str(folder)
    spec = find_spec(name) if name.isidentifier() else None
    for place in (spec and spec.submodule_search_locations) or ():
        for config in sorted(Path(place).glob("*/config.cfg")):
            return str(config.parent)
    raise ValueError(
        f"{name!r} is neither an installed spaCy model nor the folder of one: install it "
        f"(`python -m spacy download en_core_web_sm`), give its path, or take ours ({SHIPPED})"
    )


def check_model(name: str) -> str:
    """What a recipe keeps of a model's name: the name, or the absolute path of a folder. Raises as `resolve_model`."""
    folder = resolve_model(name)
    return folder if Path(folder) == Path(name).expanduser().absolute() else name


def load_model(name: str, exclude: Iterable[str] = ()) -> Any:
    """Load the spaCy pipeline that `name` stands for, without the components `exclude`. Raises as `resolve_model`."""
    import spacy  # takes a second, and most recipes do without

    return spacy.load(resolve_model(name), exclude=list(exclude))


ModelName = Annotated[str, MODEL_FILE, FoundBy(resolve_model)]
"""A pipeline's name or path; what its files hold is fingerprinted."""

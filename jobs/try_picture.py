"""What the commands of `try` share that look at a picture."""

from pathlib import Path

from pipelines.pull.canonical import Canonical, canonicalise, identify
from pipelines.pull.stage import Pull
from pipelines.recipe_text import RecipeError
from pipelines.stage import Verdict


def canonical_picture(path: Path) -> Canonical:
    """The picture as a run would keep it. Raises `RecipeError` for a file that a run would refuse, or that is not."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise RecipeError(str(path), [str(error.strerror)]) from None
    limit = Pull().max_pixels
    header = identify(body, limit)
    found = (
        header if isinstance(header, Verdict) else canonicalise(body, header, max_pixels=limit, animation="first_frame")
    )
    if isinstance(found, Verdict):
        raise RecipeError(str(path), [f"{found.reason}: {found.detail or 'it cannot be used'}"])
    return found


def check_png(out: Path | None) -> None:
    """Raise `RecipeError` for an overlay that is not called a PNG, or has no folder to lie in."""
    if out is None:
        return
    if out.suffix.lower() != ".png":
        raise RecipeError("--out", [f"{out} is to be a PNG: give it a name that ends in .png"])
    if not out.parent.is_dir():
        raise RecipeError("--out", [f"{out.parent} is no folder"])

"""Which of a file's columns mean what, and what to say where one is missing."""

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.sources.files import InputError, Unit
from pipelines.sources.spec import Columns, SourceSpec
from pipelines.sources.tables.named import is_optional, spellings

_USUAL = {
    "url": ("url", "image_url", "img_url", "image", "link", "src"),
    "caption": ("caption", "text", "alt", "alt_text", "title", "description"),
    "license": ("license", "licence", "rights"),
    "lang": ("lang", "language"),
    "image": ("image", "file_name", "filename", "image_path", "path", "jpg"),
}
"""What published tables call these columns (LAION: URL and TEXT)."""
_NAMED = 30  # columns that a message lists


@dataclass(frozen=True, slots=True)
class Contents:
    """What a look into a file shows."""

    columns: tuple[str, ...] | None
    """None: of a format that fixes what lies where, so that there is nothing to map."""
    units: tuple[Unit, ...]
    bytes: int | None = None
    digest: str | None = None
    """Of a folder: what it holds and by what it is recognised."""


def mapped(columns: Sequence[str], spec: SourceSpec) -> dict[str, str]:
    """Column name by role, for the roles that the recipe or its named table maps; all of them are there."""
    known = set(columns)
    found = {role: next((one for one in names if one in known), None) for role, names in spellings(spec).items()}
    return {role: name for role, name in found.items() if name is not None}


def check_columns(columns: Sequence[str], spec: SourceSpec) -> None:
    """Raise an `InputError` that names every mapped column which is absent or there twice."""
    counts = Counter(columns)
    found = mapped(columns, spec)
    problems = [
        _missing(role, names[0], columns, spec)
        for role, names in spellings(spec).items()
        if role not in found and not is_optional(role, spec)
    ]
    problems += [
        f"{counts[name]} columns are called `{name}`: rename one" for name in found.values() if counts[name] > 1
    ]
    if problems:
        raise InputError("\n".join(problems))


def _missing(role: str, name: str, columns: Sequence[str], spec: SourceSpec) -> str:
    listed = ", ".join(columns[:_NAMED]) + (", …" if len(columns) > _NAMED else "")
    if not hasattr(Columns, role):
        return f"no column `{name}`, which {spec.table} has; it has {listed}"
    near = _nearest(role, name, columns)
    hint = f" (did you mean `{near}`?)" if near else ""
    return f"no column `{name}`{hint}; it has {listed}; map it with `--set source.columns.{role}={near or 'COLUMN'}`"


def _nearest(role: str, name: str, columns: Sequence[str]) -> str | None:
    folded = {column.casefold(): column for column in reversed(columns)}
    for wanted in (name, *_USUAL[role]):
        if wanted.casefold() in folded:
            return folded[wanted.casefold()]
    near = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    return folded[near[0]] if near else None

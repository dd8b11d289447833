"""Published tables by name: which of their columns hold what.

Scores and everything else travel in `source` under the names they have there. Where a table exists in several
spellings (LAION writes `URL` and `url`), the first that a file has is taken.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.sources.spec import SourceSpec, TableName

OF_LISTS: frozenset[str] = frozenset({"all_captions", "noun_chunks", "ref_exps"})
"""Roles whose columns hold lists, or their JSON."""
_OPTIONAL: frozenset[str] = frozenset({"license", "lang"})
"""Roles that some editions of a table have no column for."""
_UNKNOWN_LICENSE = "?"
"""What LAION writes where no licence was found."""

_EXCERPT = 60

_CC_BY = "CC-BY-4.0 (the table; images keep their own)"
_MS_PL = "MS-PL (the annotation; images keep their own)"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTable:
    """What is known of a published table."""

    columns: Mapping[str, tuple[str, ...]]
    """Spellings of each role's column, the usual one first. Roles: those of `Columns`, ``all_captions``,
    ``top_caption``, ``noun_chunks``, ``ref_exps``."""
    caption_lang: str | None = None
    """ISO 639 code of all captions, where they have one."""
    license: str | None = None
    """Of rows that state none."""
    scores: tuple[str, ...] = ()
    """Columns that filters may ask for; a file may have fewer."""
    carries: frozenset[str] = frozenset()
    """Columns of `schemas.tables.INPUT` that it fills beyond URL and caption."""


_URL, _TEXT = ("URL", "url"), ("TEXT", "text", "caption")
_LAION_SCORES = ("similarity", "punsafe", "pwatermark", "NSFW", "AESTHETIC_SCORE", "aesthetic")
_CLIP = ("clip_similarity_vitb32", "clip_similarity_vitl14")
_NSFW = ("nsfw_score_opennsfw2", "nsfw_score_gantman")

NAMED: dict[TableName, NamedTable] = {
    # CogVLM's and InternVL's web pairs; columns: COYO's data card
    "coyo-700m": NamedTable(
        columns={"url": ("url",), "caption": ("text",)},
        caption_lang="en",
        license=_CC_BY,
        scores=(*_CLIP, *_NSFW, "watermark_score", "aesthetic_score_laion_v2", "num_faces"),
    ),
    # LAION-2B-en, -multi and -nolang as re-issued without what was illegal
    "re-laion": NamedTable(
        columns={
            "url": _URL,
            "caption": _TEXT,
            "license": ("LICENSE", "license"),
            "lang": ("LANGUAGE", "language"),
        },
        license=_CC_BY,
        scores=_LAION_SCORES,
    ),
    # captions made by BLIP for LAION-2B-en: all of them, and the one that CLIP liked best
    "laion-coco": NamedTable(
        columns={
            "url": _URL,
            "caption": _TEXT,
            "all_captions": ("all_captions",),
            "top_caption": ("top_caption",),
        },
        caption_lang="en",
        license=_CC_BY,
        scores=("similarity", "all_similarities", "punsafe", "pwatermark"),
    ),
    # images of LAION-400M whose shorter edge is larger than 256 px (CogVLM-40M grounds them)
    "laion-115m": NamedTable(columns={"url": _URL, "caption": _TEXT}, caption_lang="en", license=_CC_BY),
    "datacomp": NamedTable(
        columns={"url": ("url",), "caption": ("text",)},
        scores=("clip_b32_similarity_score", "clip_l14_similarity_score"),
    ),
    "wukong": NamedTable(columns={"url": ("url",), "caption": ("caption",)}, caption_lang="zh"),
    # Kosmos-2 §2
    "grit": NamedTable(
        columns={
            "url": ("url",),
            "caption": ("caption",),
            "noun_chunks": ("noun_chunks",),
            "ref_exps": ("ref_exps",),
        },
        caption_lang="en",
        license=_MS_PL,
        scores=_CLIP,
        carries=frozenset({"regions"}),
    ),
}


def preset(spec: SourceSpec) -> NamedTable | None:
    """What is known of the table that the recipe names, if it names one."""
    return None if spec.table is None else NAMED[spec.table]


def spellings(spec: SourceSpec) -> dict[str, tuple[str, ...]]:
    """The spellings of each role's column: the recipe's own, else the named table's, else the usual ones."""
    table = preset(spec)
    wanted: dict[str, tuple[str, ...]] = {"url": ("url",), "caption": ("caption",)}
    if table is not None:
        wanted = dict(table.columns)
    own = {
        "url": spec.columns.url,
        "caption": spec.columns.caption,
        "license": spec.columns.license,
        "lang": spec.columns.lang,
        "image": spec.columns.image,
    }
    return wanted | {role: (name,) for role, name in own.items() if name is not None}


def is_optional(role: str, spec: SourceSpec) -> bool:
    """Whether a file may lack the column of a role: what a recipe maps itself must be there."""
    optional = _OPTIONAL if spec.columns.image is None else _OPTIONAL | {"url"}
    return role in optional and getattr(spec.columns, role) is None


def list_of(cell: str | None) -> list[Any]:
    """The list that a cell of JSON holds; null is an empty one. Raises ValueError for anything else."""
    value = None if cell is None else json.loads(cell)
    if value is None or isinstance(value, list):
        return value or []
    raise ValueError(f"not a list: {str(cell)[:_EXCERPT]}")


def stated_license(cell: str | None, table: NamedTable | None) -> str | None:
    """A row's licence: as it states it, else the table's own."""
    if table is None:
        return cell
    return table.license if cell is None or cell.strip() in ("", _UNKNOWN_LICENSE) else cell

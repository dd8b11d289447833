"""Columns whose meaning is known, made into a batch's cells: the same for every table format."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.captions import original_captions
from pipelines.sources.rows import Cells
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.grit import regions
from pipelines.sources.tables.named import list_of, preset, stated_license
from schemas.tables import INPUT

GENERATED = "generated"
"""Role of a caption that a model made from the image."""
ANNOTATED = "annotated"
"""Role of a caption that somebody was asked to write."""
_CAPTIONERS = {"laion-coco": "BLIP"}
_CAPTIONS, _REGIONS = INPUT.field("captions").type, INPUT.field("regions").type


def by_role(
    texts: Mapping[str, pa.StringArray], source: pa.MapArray, spec: SourceSpec, errors: dict[int, str]
) -> Cells:
    """The cells of rows from the text of their columns by role, lists as JSON. What is wrong goes to `errors`."""
    table = preset(spec)
    n = len(source)
    license_ = texts.get("license", pa.nulls(n, pa.string()))
    if table is not None:
        license_ = pa.array([stated_license(cell, table) for cell in license_.to_pylist()], pa.string())
    lang = spec.caption_lang or (table.caption_lang if table else None)
    return Cells(
        url=texts.get("url", pa.nulls(n, pa.string())),
        captions=_captions(texts, lang, spec, errors),
        license=license_,
        source=source,
        errors=errors,
        regions=_regions(texts, errors) if "noun_chunks" in texts else None,
    )


def _captions(texts: Mapping[str, pa.StringArray], lang: str | None, spec: SourceSpec, errors: dict[int, str]) -> Any:
    if "top_caption" in texts:
        return _with_generated(texts, lang, spec, errors)
    if "lang" not in texts:
        return original_captions(texts["caption"], lang)
    stated = pc.utf8_trim_whitespace(texts["lang"])
    langs = pc.if_else(pc.equal(stated, ""), pa.scalar(None, pa.string()), stated)
    return original_captions(texts["caption"], pc.coalesce(langs, pa.scalar(lang, pa.string())))


def _with_generated(
    texts: Mapping[str, pa.StringArray], lang: str | None, spec: SourceSpec, errors: dict[int, str]
) -> pa.ListArray:
    """The web's caption, the generated ones, and last, where it counts, the best of them."""
    rows = []
    names = ("caption", "all_captions", "top_caption")
    for at, (web, cell, top) in enumerate(zip(*(texts[name].to_pylist() for name in names), strict=True)):
        try:
            others = [str(other) for other in list_of(cell) if other is not None and other != top]
        except (ValueError, RecursionError) as error:
            others = []
            said = f"all_captions: {error}"
            errors[at] = f"{errors[at]}; {said}" if at in errors else said
        made = [
            {"text": text, "lang": lang, "role": GENERATED, "model": _CAPTIONERS.get(spec.table or "")}
            for text in (*others, top)
            if text is not None
        ]
        rows.append(([] if web is None else [{"text": web, "lang": lang, "role": "web"}]) + made)
    return pa.array(rows, _CAPTIONS)


def _regions(texts: Mapping[str, pa.StringArray], errors: dict[int, str]) -> pa.ListArray:
    rows: list[list[dict[str, Any]]] = []
    names = ("caption", "noun_chunks", "ref_exps")
    for at, cells in enumerate(zip(*(texts[name].to_pylist() for name in names), strict=True)):
        try:
            rows.append(regions(*cells))
        except ValueError as error:
            rows.append([])
            errors[at] = f"{errors[at]}; {error}" if at in errors else str(error)
    return pa.array(rows, _REGIONS)

"""What a source may bring beyond images and captions, known from the recipe alone."""

from pipelines.sources.spec import Format, SourceSpec
from pipelines.sources.tables.named import preset

_OPTIONAL = frozenset({"regions", "turns"})
"""Columns of `schemas.tables.INPUT` that only some sources fill."""
_BY_FORMAT: dict[Format, frozenset[str]] = {
    "llava": frozenset({"turns"}),
    "cogvlm_sft_sources": frozenset({"turns"}),
    "cogvlm_sft": frozenset({"turns"}),
    "internvl": frozenset({"turns"}),
    "refcoco": frozenset({"regions"}),
    "flickr30k_entities": frozenset({"regions"}),
}


def lacks(spec: SourceSpec) -> frozenset[str]:
    """Columns of `schemas.tables.INPUT` that a source leaves null in every row."""
    table = preset(spec)
    formats = frozenset() if spec.format == "auto" else _BY_FORMAT.get(spec.format, frozenset())
    return _OPTIONAL - formats - (frozenset() if table is None else table.carries)

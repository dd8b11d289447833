"""How a recipe says what its input looks like."""

from dataclasses import field
from typing import Literal

from pydantic.dataclasses import dataclass

from pipelines.stage import SPEC

Format = Literal["parquet", "csv", "tsv", "jsonl"]


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Columns:
    """Which of the source's columns mean what. All others travel along as text in `source`."""

    url: str = "url"
    caption: str = "caption"
    license: str | None = None
    """None: the source states no licence row by row."""


@dataclass(frozen=True, kw_only=True, config=SPEC)
class SourceSpec:
    """A table of URLs and captions."""

    format: Literal["auto"] | Format = "auto"
    """auto: by each file's suffix, ``.parquet .csv .tsv .jsonl .ndjson`` and each of them with ``.gz``."""
    columns: Columns = field(default_factory=Columns)
    caption_lang: str | None = None
    """ISO 639 code of all captions; None where it differs or is not known."""

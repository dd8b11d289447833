"""How a recipe says what its input looks like."""

from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic.dataclasses import dataclass

from pipelines.stage import SPEC

Format = Literal[
    "parquet",
    "csv",
    "tsv",
    "jsonl",
    "urls",
    "webdataset",
    "folder",
    "datasets",
    "img2dataset",
    "llava",
    "minigpt4",
    "cogvlm_sft",
    "cogvlm_sft_sources",
    "internvl",
    "coco_captions",
    "refcoco",
    "flickr30k_entities",
]
TableName = Literal["coyo-700m", "re-laion", "laion-coco", "laion-115m", "datacomp", "wukong", "grit"]
"""Published tables whose columns are known: `pipelines.sources.tables.named`."""


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Columns:
    """Which of the source's columns mean what. All others travel along as text in `source`."""

    url: str | None = None
    """None: as the named table has it, else `url`."""
    caption: str | None = None
    """None: as the named table has it, else `caption`."""
    license: str | None = None
    """None: as the named table has it, else the source states no licence row by row."""
    lang: str | None = None
    """The language of the caption, row by row. None: as the named table has it, else `caption_lang` is that of all."""
    image: str | None = None
    """Of tables: the column that names image files, or holds images; `url` may then be missing. Of samples in tars: the
    extension of the image's file, where there are several."""


@dataclass(frozen=True, kw_only=True, config=SPEC)
class SourceSpec:
    """A table of URLs and captions. ``source: coyo-700m`` is short for ``source: {table: coyo-700m}``."""

    format: Literal["auto", Format] = "auto"
    """auto: by each file's suffix, ``.parquet .csv .tsv .jsonl .ndjson``, each of them with ``.gz``, ``.tar`` and
    ``.arrow``; a file ``.txt`` that is named itself is a list of URLs; folders of images, saved data sets and what
    img2dataset wrote by what lies in them."""
    table: TableName | None = None
    """A published table, by its name: which column holds what, scores carried along; `columns` overrides it."""
    columns: Columns = field(default_factory=Columns)
    refetch: bool = False
    """Rows that img2dataset failed to pull: false keeps them as failed, for its reason; true fetches them from their
    URL."""
    caption_lang: str | None = None
    """ISO 639 code of all captions; None where it differs or is not known."""
    root: str | None = None
    """The folder that names of image files start from. None: that of the file which names them."""
    descriptions: tuple[str, ...] = ("detail_23k.json",)
    """Of cogvlm_sft_sources: names of files whose conversations are detailed descriptions, which become captions."""
    splits: Annotated[tuple[str, ...], Field(min_length=1)] = ("train",)
    """Of refcoco: the splits whose records are taken; those of others are rows with the reason ``other_split``."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.table is not None and self.format not in ("auto", "parquet", "csv", "tsv", "jsonl", "urls"):
            raise ValueError(f"{self.table} is a table, and {self.format} is not a table's format: leave one out")
        return self

    @field_validator("root")
    @classmethod
    def _absolute(cls, root: str | None) -> str | None:
        return root if root is None or "://" in root else str(Path(root).expanduser().absolute())


def spelled_out(source: Any) -> Any:
    """The `source` of a recipe with a bare name as ``{table: name}``."""
    return {"table": source} if isinstance(source, str) else source

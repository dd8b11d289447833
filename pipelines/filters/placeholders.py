"""Images that stand for others: what hosts send in place of a picture that is gone."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pyarrow as pa
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from pipelines.pull.blocklists import BlockList, BlockLists
from pipelines.stage import SPEC, Processed, Verdict, Verdicts, Worker

_REFUSED = Verdict("placeholder")


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Placeholders:
    """Refuses images whose file or perceptual hash is on one of `lists`; `shardmill status` names suspects."""

    stage: Literal["placeholders"] = "placeholders"
    name: str | None = None
    lists: Annotated[tuple[BlockList, ...], Field(min_length=1)]

    version: ClassVar[int] = 1
    worker: ClassVar[Worker] = "task"
    adds: ClassVar[pa.Schema] = pa.schema([])
    reads: ClassVar[tuple[str, ...]] = ("sha256", "image_sha256", "phash")

    @field_validator("lists")
    @classmethod
    def _of_stored_hashes(cls, lists: tuple[BlockList, ...]) -> tuple[BlockList, ...]:
        if any(listed.kind == "pdq" for listed in lists):
            raise ValueError("pdq hashes are not stored: list sha256 or phash")
        return lists

    @property
    def is_readable(self) -> bool:
        """Whether every list is still where it was."""
        return all(Path(listed.path).is_file() for listed in self.lists)

    def load(self) -> "PlaceholderEngine":
        """Reads the lists."""
        return PlaceholderEngine(BlockLists(self.lists))


class PlaceholderEngine:
    """The lists, loaded."""

    def __init__(self, lists: BlockLists) -> None:
        self._lists = lists

    def process(self, rows: pa.Table) -> Processed:
        columns = (rows[name].to_pylist() for name in Placeholders.reads)
        return Processed(Verdicts.of([self._verdict(*hashes) for hashes in zip(*columns, strict=True)]))

    def _verdict(self, sha256: bytes | None, image_sha256: bytes | None, phash: int | None) -> Verdict | None:
        is_listed = any(file is not None and self._lists.has_file(file) for file in (sha256, image_sha256)) or (
            phash is not None and self._lists.has_phash(phash)
        )
        return _REFUSED if is_listed else None

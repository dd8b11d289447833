"""Exact duplicates: the same file, the same picture under the same caption, or the same URL."""

from typing import ClassVar, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from pydantic import model_validator
from pydantic.dataclasses import dataclass

from pipelines.sets.keys import digested, keyed
from pipelines.stage import SPEC
from schemas.tables import SET_EVIDENCE

_REASON_OF_SPACE = {"sha256": "duplicate_image", "pair": "duplicate_pair", "url": "duplicate_url"}


@dataclass(frozen=True, kw_only=True, config=SPEC)
class ExactDuplicates:
    """Refuses a row when a row of lower id has the same SHA-256, or the same (perceptual hash, caption).

    The second rule is COYO-700M's ("pair de-duplication on (image_phash, text)"). Each rule is judged by itself: a row
    survives exactly when it has the lowest id in both of its groups, whatever became of the others in them.
    """

    stage: Literal["exact_duplicates"] = "exact_duplicates"
    name: str | None = None
    sha256: bool = True
    phash_and_caption: bool = True

    version: ClassVar[int] = 1
    gathers: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ("id", "sha256", "phash", "captions")
    adds: ClassVar[pa.Schema] = SET_EVIDENCE
    reasons: ClassVar[tuple[str, ...]] = ("duplicate_image", "duplicate_pair")

    @model_validator(mode="after")
    def _compares_something(self) -> Self:
        if not (self.sha256 or self.phash_and_caption):
            raise ValueError("nothing to compare: leave `sha256` or `phash_and_caption` on")
        return self

    def keys(self, rows: pa.Table) -> pa.Table:
        tables = []
        if self.sha256:
            tables.append(keyed(rows["id"], "sha256", rows["sha256"]))
        if self.phash_and_caption:
            # the caption of the web, which every row has or lacks alike: edits are not what makes rows differ
            first = [captions[0]["text"] if captions else None for captions in rows["captions"].to_pylist()]
            keys = pa.array(_pair_keys(rows["phash"].to_pylist(), first), pa.binary())
            tables.append(keyed(rows["id"], "pair", keys))
        return pa.concat_tables(tables)

    def decide(self, bucket: pa.Table) -> pa.Table:
        return _all_but_the_lowest(bucket)


@dataclass(frozen=True, kw_only=True, config=SPEC)
class UrlDuplicates:
    """Refuses a row when a row of lower id has the same URL, character for character (LAION-5B).

    Placed before `pull`, it saves the requests.
    """

    stage: Literal["url_duplicates"] = "url_duplicates"
    name: str | None = None

    version: ClassVar[int] = 1
    gathers: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ("id", "url")
    adds: ClassVar[pa.Schema] = SET_EVIDENCE
    reasons: ClassVar[tuple[str, ...]] = ("duplicate_url",)

    def keys(self, rows: pa.Table) -> pa.Table:
        return keyed(rows["id"], "url", digested(rows["url"]))

    def decide(self, bucket: pa.Table) -> pa.Table:
        return _all_but_the_lowest(bucket)


def _all_but_the_lowest(bucket: pa.Table) -> pa.Table:
    """Refusals for all rows that share space and key with one of lower id."""
    lowest = bucket.group_by(["space", "key"]).aggregate([("id", "min")])
    joined = bucket.join(lowest, keys=["space", "key"])
    repeats = joined.filter(pc.greater(joined["id"], joined["id_min"]))
    reason = [_REASON_OF_SPACE[space] for space in repeats["space"].to_pylist()]
    return pa.table(
        {
            "id": repeats["id"],
            "reason": pa.array(reason, pa.string()),
            "value": repeats["id_min"].cast(pa.float64()),
            "duplicate_of": repeats["id_min"],
        }
    )


def _pair_keys(phashes: list[int | None], captions: list[str | None]) -> list[bytes | None]:
    """128 bits of (phash, caption); None where either is missing, since nothing can then be said to repeat."""
    return [
        None
        if phash is None or caption is None
        else xxhash.xxh3_128_digest(phash.to_bytes(8, "big") + caption.encode())
        for phash, caption in zip(phashes, captions, strict=True)
    ]

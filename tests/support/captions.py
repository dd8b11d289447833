"""Rows of captions, and what a rule says of them."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from pipelines.captions import Caption, all_captions
from pipelines.stage import Processed
from schemas.tables import CAPTION

Row = Sequence[dict[str, Any]] | None


def column(*rows: Row) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(rows, pa.list_(CAPTION))])


def web(*texts: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"text": text, "role": "web", **fields} for text in texts]


def processed(stage: Any, *rows: Row) -> Processed:
    found: Processed = stage.load().process(pa.table({"captions": column(*rows)}))
    assert found.columns is not None
    assert len(found.verdicts.reason) == len(found.columns) == len(rows)
    return found


def reason(stage: Any, text: str) -> str | None:
    """Why a row of this one caption leaves."""
    (name,) = processed(stage, web(text)).verdicts.reason.to_pylist()
    return name


def value(stage: Any, text: str) -> float | None:
    (measured,) = processed(stage, web(text)).verdicts.value.to_pylist()
    return measured


def captions_of(found: Processed) -> list[list[Caption]]:
    assert found.columns is not None
    return all_captions(found.columns["captions"])

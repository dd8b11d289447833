"""Rows on their way into a shard."""

from typing import Any

import pyarrow as pa

from pipelines.chatml.pack import judge, judge_reads
from pipelines.chatml.pack_spec import PackSpec
from pipelines.chatml.samples import make_samples, sample_reads


def judged(rows: pa.Table, spec: PackSpec) -> pa.Table:
    """The rows that the packing decision uses, with what it planned for them."""
    processed = judge(rows.select(judge_reads(spec)), spec)
    assert processed.columns is not None
    for name in processed.columns.column_names:
        rows = rows.append_column(name, processed.columns[name])
    return rows.filter(processed.verdicts.reason.is_null()).select(sample_reads(spec))


def packed(rows: pa.Table, spec: PackSpec, *, key: str = "k") -> pa.Table:
    """All samples of the rows that the packing decision uses."""
    return make_samples(judged(rows, spec), spec, key=key).table


def only_sample(rows: pa.Table, spec: PackSpec, *, key: str = "k") -> dict[str, Any]:
    """The sample of the one row in `rows`."""
    (only,) = packed(rows, spec, key=key).to_pylist()
    return dict(only)

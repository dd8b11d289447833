from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.store import intake
from jobs.store.intake import Window, stream, write_window
from pipelines.sources.inputs import find
from pipelines.sources.spec import SourceSpec
from schemas.tables import INPUT
from tests.support.tables import encode, parquet, read_all
from tests.support.tars import write_tar


def table(n: int, start: int = 0) -> pa.Table:
    """`n` rows; every third without a caption."""
    rows = range(start, start + n)
    return pa.table(
        {
            "url": [f"https://host-{i // 10}.example/{i}.jpg" for i in rows],
            "caption": pa.array([None if i % 3 == 0 else f"caption {i}" for i in rows], pa.string()),
            "width": list(rows),
        }
    )


def taken_in(source: Path, out: Path, **options: Any) -> list[Window]:
    spec = SourceSpec()
    defaults = {"seed": 0, "first_id": 0, "first_window": 0}
    return stream(find([str(source)], spec), spec, out, **(defaults | options))


def rows_of(out: Path, windows: list[Window]) -> list[dict[str, Any]]:
    rows = pa.concat_tables(pq.read_table(out / window.name) for window in windows).to_pylist()
    return [{**row, "source": dict(row["source"])} for row in rows]


def bag(rows: list[dict[str, Any]]) -> Counter[str]:
    """The rows as a multiset, without ids."""
    return Counter(repr(sorted((name, value) for name, value in row.items() if name != "id")) for row in rows)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 60), min_size=1, max_size=3).filter(any),
    row_group=st.integers(1, 30),
    part_rows=st.integers(1, 20),
    window_parts=st.integers(1, 5),
    seed=st.integers(-(2**70), 2**70),
    window_bytes=st.sampled_from([1, 2000, intake.WINDOW_BYTES]),
)
def test_every_row_goes_in_once(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[int],
    row_group: int,
    part_rows: int,
    window_parts: int,
    seed: int,
    window_bytes: int,
) -> None:
    root = tmp_path_factory.mktemp("intake")
    source = root / "in"
    source.mkdir()
    for i, size in enumerate(sizes):
        (source / f"{i}.parquet").write_bytes(parquet(table(size, 100 * i), row_group))
    (source / "also.csv").write_bytes(encode(table(7, 900).to_pylist(), ".csv") + b"ragged\n")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intake, "WINDOW_BYTES", window_bytes)
        windows = taken_in(source, root / "out", seed=seed, first_id=5, part_rows=part_rows, window_parts=window_parts)

    rows = rows_of(root / "out", windows)
    assert bag(rows) == bag(read_all(source))
    assert [row["id"] for row in rows] == list(range(5, 5 + sum(sizes) + 8))
    assert [window.first_id for window in windows] == [
        5 + sum(window.rows for window in windows[:i]) for i in range(len(windows))
    ]
    for window in windows[:-1]:
        assert window.rows <= part_rows * window_parts
        assert window.rows % part_rows == 0
    for window in windows:
        groups = pq.read_metadata(root / "out" / window.name)
        in_groups = [groups.row_group(i).num_rows for i in range(groups.num_row_groups)]
        whole, rest = divmod(window.rows, part_rows)
        assert in_groups == [part_rows] * whole + [rest] * bool(rest)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two files of 100 rows, sorted by host."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.parquet").write_bytes(parquet(table(100), 10))
    (tmp_path / "in" / "b.csv").write_bytes(encode(table(100, 100).to_pylist(), ".csv"))
    return tmp_path / "in"


def urls(out: Path, windows: list[Window]) -> list[str]:
    return [row["url"] for row in rows_of(out, windows)]


def test_the_same_input_and_seed_give_the_same_bytes(source: Path, tmp_path: Path) -> None:
    for out in ("one", "two"):
        taken_in(source, tmp_path / out, seed=3, part_rows=8, window_parts=4)

    one, two = (sorted((tmp_path / out).iterdir()) for out in ("one", "two"))
    assert [path.name for path in one] == [path.name for path in two]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_another_seed_gives_another_order(source: Path, tmp_path: Path) -> None:
    orders = {
        tuple(urls(tmp_path / str(seed), taken_in(source, tmp_path / str(seed), seed=seed))) for seed in (0, 1, -1)
    }

    assert len(orders) == 3


def test_each_window_is_permuted_in_its_own_way(source: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "b.csv").write_bytes((source / "b.csv").read_bytes())

    windows = taken_in(tmp_path / "b", tmp_path / "out", part_rows=10, window_parts=5)

    first, second = ([row["source_row"] % 50 for row in rows_of(tmp_path / "out", [window])] for window in windows)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second


def test_hosts_are_spread(source: Path, tmp_path: Path) -> None:
    order = urls(tmp_path / "out", taken_in(source, tmp_path / "out"))

    assert len({url.split("/")[2] for url in order[:20]}) >= 8


def test_row_groups_are_visited_in_an_order_drawn_by_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.sources.tables.parquet._UNIT_ROWS", 10)
    (tmp_path / "t.parquet").write_bytes(parquet(table(100), 10))

    windows = taken_in(tmp_path / "t.parquet", tmp_path / "out", part_rows=10, window_parts=1)

    visited = [{row["source_row"] // 10 for row in rows_of(tmp_path / "out", [window])} for window in windows]
    assert all(len(groups) == 1 for groups in visited)
    assert sorted(visited, key=min) != visited


def test_more_input_goes_on_where_the_first_ended(source: Path, tmp_path: Path) -> None:
    windows = taken_in(source, tmp_path / "out", first_id=200, first_window=3, part_rows=64, window_parts=2)

    assert windows == [Window("window-000003.parquet", 200, 128), Window("window-000004.parquet", 328, 72)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [window.name for window in windows]


def test_progress_tells_the_rows_read_so_far(source: Path, tmp_path: Path) -> None:
    told: list[int] = []

    taken_in(source, tmp_path / "out", on_progress=told.append)

    assert told == sorted(told)
    assert told[-1] == 200


def test_a_window_of_any_rows_can_be_written(tmp_path: Path) -> None:
    row = {"id": 17, "url": "u", "captions": [], "source": {}, "source_file": "f", "source_row": 3}
    rows = pa.Table.from_pylist([row | {"id": i} for i in (17, 3, 99)], INPUT)

    write_window(tmp_path / "retry.parquet", pa.concat_tables([rows.slice(0, 1), rows.slice(1)]), part_rows=2)

    with pq.ParquetFile(tmp_path / "retry.parquet") as window:
        assert window.schema_arrow.equals(INPUT)
        assert window.read_row_group(0)["id"].to_pylist() == [17, 3]
        assert window.read_row_group(1)["id"].to_pylist() == [99]
    assert [path.name for path in tmp_path.iterdir()] == ["retry.parquet"]


def test_images_that_lie_side_by_side_stay_so(tmp_path: Path) -> None:
    write_tar(tmp_path / "t.tar", [(f"{n:03d}.jpg", b"x") for n in range(100)])

    windows = taken_in(tmp_path / "t.tar", tmp_path / "out", part_rows=10, window_parts=4)

    assert [row["source_row"] for row in rows_of(tmp_path / "out", windows)] == list(range(100))

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.files import InputError
from pipelines.sources.inputs import find, read
from pipelines.sources.rows import ROWS
from pipelines.sources.spec import Columns, SourceSpec
from pipelines.sources.tables import delimited, jsonl, parquet
from pipelines.sources.tables.arrow_text import as_text
from schemas.tables import CAPTION, INPUT
from tests.support.tables import Row, captions, encode, read_all
from tests.support.tables import parquet as parquet_bytes

FORMATS = [".parquet", ".csv", ".tsv", ".jsonl", ".ndjson"]
SUFFIXES = FORMATS + [f"{suffix}.gz" for suffix in FORMATS]

PAIRS = [
    {"url": "https://a.example/1.jpg", "caption": 'a "red" house,\nby the sea', "width": 640},
    {"url": "https://a.example/2.jpg", "caption": "eine Straße · 街道", "width": 12},
]

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_gives_the_same_rows(tmp_path: Path, suffix: str) -> None:
    table = tmp_path / f"pairs{suffix}"
    table.write_bytes(encode(PAIRS, suffix))

    rows = read_all(table, SourceSpec(caption_lang="en"))

    assert rows == [
        dict.fromkeys(ROWS.names)
        | {
            "url": pair["url"],
            "captions": [dict.fromkeys(CAPTION.names) | {"text": pair["caption"], "lang": "en", "role": "web"}],
            "source": {"width": str(pair["width"])},
            "source_file": table.name,
            "source_row": position,
        }
        for position, pair in enumerate(PAIRS)
    ]


@pytest.mark.parametrize("suffix", FORMATS)
def test_batches_have_the_documented_schema(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"pairs{suffix}").write_bytes(encode(PAIRS, suffix))
    (file,) = find([str(tmp_path)], SourceSpec())

    (batch,) = read(file, SourceSpec(), file.units[0])

    batch.validate(full=True)
    assert batch.schema.equals(INPUT.remove(INPUT.get_field_index("id")), check_metadata=True)


@pytest.mark.parametrize("suffix", FORMATS)
def test_columns_are_mapped_and_a_mapped_column_is_not_carried_too(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"t{suffix}").write_bytes(encode([{"URL": "u", "TEXT": "t", "LICENSE": "CC0", "url": "other"}], suffix))
    spec = SourceSpec(columns=Columns(url="URL", caption="TEXT", license="LICENSE"))

    (row,) = read_all(tmp_path, spec)

    assert (row["url"], captions(row), row["license"], row["source"]) == ("u", ["t"], "CC0", {"url": "other"})


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_missing_caption_is_an_empty_list_and_a_missing_value_stays_null(tmp_path: Path, suffix: str) -> None:
    rows: list[Row] = [
        {"url": "u", "caption": None, "license": None, "note": None},
        {"url": "v", "caption": "c", "license": "x", "note": "y"},
    ]
    (tmp_path / f"t{suffix}").write_bytes(encode(rows, suffix))

    first, _ = read_all(tmp_path, SourceSpec(columns=Columns(license="license")))

    assert (first["captions"], first["license"], first["source"]) == ([], None, {"note": None})
    assert first["input_error"] is None


class TestParquet:
    def test_carries_every_type_as_text_that_reads_back(self, tmp_path: Path) -> None:
        columns = {
            "int": (pa.int8(), -3, "-3"),
            "float": (pa.float64(), 0.1 + 0.2, "0.30000000000000004"),
            "float32": (pa.float32(), 0.1, "0.1"),
            "bool": (pa.bool_(), True, "true"),
            "category": (pa.dictionary(pa.int8(), pa.string()), "cat", "cat"),
            "large": (pa.large_string(), "long", "long"),
            "view": (pa.string_view(), "seen", "seen"),
            "when": (pa.timestamp("ms", "Europe/Rome"), datetime(2024, 7, 1, tzinfo=UTC), "2024-07-01 00:00:00.000Z"),
            "nested": (pa.struct([("b", pa.list_(pa.int8()))]), {"b": [1, 2]}, '{"b": [1, 2]}'),
            "json": (pa.json_(), '{"a": 1}', '{"a": 1}'),
            "nothing": (pa.null(), None, None),
        }
        table = pa.table(
            {
                "url": ["u"],
                "caption": ["c"],
                **{name: pa.array([value], type_) for name, (type_, value, _) in columns.items()},
            }
        )
        (tmp_path / "t.parquet").write_bytes(parquet_bytes(table))

        (row,) = read_all(tmp_path)

        assert row["source"] == {name: text for name, (_, _, text) in columns.items()}

    def test_leaves_out_raw_bytes_wherever_they_lie(self, tmp_path: Path) -> None:
        image = pa.array([{"bytes": b"\xff\xd8", "path": "a.jpg"}])
        table = pa.table({"url": ["u"], "caption": ["c"], "jpg": [b"\xff\xd8"], "image": image, "n": [1]})
        table = table.append_column("uuid", pa.array([bytes(16)], pa.uuid()))
        (tmp_path / "t.parquet").write_bytes(parquet_bytes(table))

        (row,) = read_all(tmp_path)

        assert row["source"] == {"n": "1"}

    def test_a_mapped_column_of_bytes_is_read_as_text(self, tmp_path: Path) -> None:
        table = pa.table({"url": [b"u", b"\xff"], "caption": ["c", "d"]})
        (tmp_path / "t.parquet").write_bytes(parquet_bytes(table))

        rows = read_all(tmp_path)

        assert [row["url"] for row in rows] == ["u", None]
        assert [row["input_error"] for row in rows] == [None, "url: bytes that are not UTF-8"]

    @given(st.lists(st.floats(width=32) | st.none(), min_size=1), st.lists(st.floats() | st.none(), min_size=1))
    def test_floats_round_trip(self, singles: list[float | None], doubles: list[float | None]) -> None:
        for type_, values in ((pa.float32(), singles), (pa.float64(), doubles)):
            texts = as_text(pa.array(values, type_)).to_pylist()
            back = [None if text is None else float(text) for text in texts]
            assert repr(pa.array(back, type_).to_pylist()) == repr(values)

    def test_small_row_groups_are_read_together_and_large_ones_apart(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parquet, "_UNIT_ROWS", 10)
        for size, units in ((4, [(0, 3), (3, 6), (6, 7)]), (12, [(0, 1), (1, 2), (2, 3)])):
            table = pa.table({"url": [f"u{i}" for i in range(25)], "caption": ["c"] * 25})
            (tmp_path / "t.parquet").write_bytes(parquet_bytes(table, row_group_size=size))

            (file,) = find([str(tmp_path)], SourceSpec())

            assert [unit.row_groups for unit in file.units] == units
            assert [row["source_row"] for row in read_all(tmp_path)] == list(range(25))
            assert [row["url"] for row in read_all(tmp_path)] == table["url"].to_pylist()

    def test_batches_of_long_rows_are_short(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parquet, "_BATCH_BYTES", 10_000)
        table = pa.table({"url": [f"u{i}" for i in range(20)], "caption": [f"{i:05d}" * 200 for i in range(20)]})
        (tmp_path / "t.parquet").write_bytes(parquet_bytes(table))
        (file,) = find([str(tmp_path)], SourceSpec())

        batches = list(read(file, SourceSpec(), file.units[0]))

        assert max(batch.num_rows for batch in batches) <= 10
        assert sum(batch.num_rows for batch in batches) == 20

    def test_a_column_that_cannot_be_its_role_is_refused_by_name(self, tmp_path: Path) -> None:
        table = pa.table({"url": ["u"], "caption": [[1, 2]]})
        (tmp_path / "t.parquet").write_bytes(parquet_bytes(table))

        with pytest.raises(InputError, match=r"column `caption` is list<.*>, not text.*source\.columns\.caption"):
            find([str(tmp_path)], SourceSpec())


class TestDelimited:
    @given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=20), st.sampled_from(["\n", "\r\n", "\r"]))
    def test_what_a_csv_writer_writes_is_read_as_it_was(
        self, tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], line_end: str
    ) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows([("url", "caption", "x"), *rows])
        table = tmp_path_factory.mktemp("csv") / "t.csv"
        table.write_bytes(text.getvalue().encode())

        found = [(row["url"], row["captions"] and captions(row)[0], row["source"]["x"]) for row in read_all(table)]

        assert found == [(url or None, caption or [], x or None) for url, caption, x in rows]

    def test_a_byte_order_mark_blank_lines_and_a_padded_header_do_not_matter(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfurl, caption\r\n\r\nu,c\r\n\r\n\r\nv,d")

        rows = read_all(tmp_path)

        assert [(row["source_row"], row["url"], captions(row)) for row in rows] == [(0, "u", ["c"]), (1, "v", ["d"])]

    def test_a_field_of_megabytes_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_bytes(b"url,caption\nu," + b"x" * 3_000_000 + b"\n")

        assert len(captions(read_all(tmp_path)[0])[0]) == 3_000_000

    def test_batches_are_bounded_by_rows_and_by_characters(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delimited, "_BATCH_ROWS", 10)
        monkeypatch.setattr(delimited, "_BATCH_CHARACTERS", 1000)
        body = b"".join(b"u%d,c\n" % i for i in range(25)) + b"".join(b"v%d,%s\n" % (i, b"x" * 600) for i in range(4))
        (tmp_path / "t.csv").write_bytes(b"url,caption\n" + body)
        (file,) = find([str(tmp_path)], SourceSpec())

        batches = list(read(file, SourceSpec(), file.units[0]))

        assert [batch.num_rows for batch in batches] == [10, 10, 7, 2]
        assert [row["source_row"] for batch in batches for row in batch.to_pylist()] == list(range(29))


class TestJsonLines:
    def test_each_record_carries_its_own_keys_as_json_writes_them(self, tmp_path: Path) -> None:
        (tmp_path / "t.jsonl").write_text(
            '{"url": "u", "caption": "c", "a": 1.50, "b": [true, "é"], "c": null, "d": false}\n\n'
            '{"caption": "d", "url": 5, "e": 12345678901234567890}\n'
        )

        first, second = read_all(tmp_path)

        assert first["source"] == {"a": "1.5", "b": '[true, "é"]', "c": None, "d": "false"}
        assert (second["url"], second["source"], second["source_row"]) == ("5", {"e": "12345678901234567890"}, 1)

    def test_batches_are_bounded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(jsonl, "_BATCH_ROWS", 3)
        (tmp_path / "t.jsonl").write_bytes(encode(PAIRS * 4, ".jsonl"))
        (file,) = find([str(tmp_path)], SourceSpec())

        assert [batch.num_rows for batch in read(file, SourceSpec(), file.units[0])] == [3, 3, 2]

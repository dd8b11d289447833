"""A broken record is a row with an error: never lost, never an exception."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.inputs import find, read
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables import delimited
from tests.support.tables import captions, parquet, read_all

HEADER = b"url,caption,n\n"


def judged(tmp_path: Path, name: str, content: bytes) -> list[tuple[str | None, str | None]]:
    """URL and error of each row of a file."""
    (tmp_path / name).write_bytes(content)
    rows = read_all(tmp_path / name)
    assert [row["source_row"] for row in rows] == list(range(len(rows)))
    return [(row["url"], row["input_error"]) for row in rows]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"u,c", "2 fields where the header has 3: u,c"),
        (b"u", "1 field where the header has 3: u"),
        (b"u,c,1,2", "4 fields where the header has 3: u,c,1,2"),
        (b"u,\xff", "2 fields where the header has 3: u,\\udcff"),
    ],
)
def test_a_ragged_row(tmp_path: Path, line: bytes, error: str) -> None:
    assert judged(tmp_path, "t.csv", HEADER + b"a,b,1\n" + line + b"\nz,b,1\n") == [
        ("a", None),
        (None, error),
        ("z", None),
    ]


def test_an_open_quote_costs_its_own_line_only(tmp_path: Path) -> None:
    body = b'a,b,1\nu,"never closed,2\n' + b"".join(b"v%d,c,3\n" % i for i in range(1000))

    first, broken, *others = judged(tmp_path, "t.csv", HEADER + body)

    assert first == ("a", None)
    assert broken == (None, 'a quote is never closed: u,"never closed,2')
    assert others == [(f"v{i}", None) for i in range(1000)]


def test_two_open_quotes_cost_two_lines(tmp_path: Path) -> None:
    body = b'a,"b,1\nu,c,2\nv,"d,3\nz,e,4\n'

    assert [url for url, _ in judged(tmp_path, "t.csv", HEADER + body)] == [None, "u", None, "z"]


def test_a_field_that_is_too_long_costs_its_own_line_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_FIELD_CHARACTERS", 1000)
    open_quote = b'u,"open,2\n' + b"v,c,3\n" * 500
    (url, error), *others = judged(tmp_path, "t.csv", HEADER + b"u," + b"x" * 2000 + b",1\n" + open_quote)

    assert url is None
    assert error is not None
    assert error.startswith("field larger than field limit (1000): u,xxx")
    assert [url for url, _ in others] == [None] + ["v"] * 500


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b'{"url": "u"', "not JSON: "),
        (b"[1, 2]", "not a JSON object: [1, 2]"),
        (b'"u"', 'not a JSON object: "u"'),
        (b"[" * 100_000, "not JSON: "),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "not JSON: nested more than 100 deep: "),
        (b"1" * 5000, "not JSON: "),
        (b"\xff\xfe", "not JSON: "),
    ],
    ids=["cut", "array", "string", "deep", "nested", "digits", "bytes"],
)
def test_a_malformed_json_line(tmp_path: Path, line: bytes, error: str) -> None:
    good = b'{"url": "a", "caption": "b"}\n'

    first, (url, said), last = judged(tmp_path, "t.jsonl", good + line + b"\n" + good)

    assert (first, last) == (("a", None), ("a", None))
    assert url is None
    assert said is not None
    assert said.startswith(error)


@pytest.mark.parametrize("depth", [90, 500, 900, *range(940, 1000, 3)])
def test_no_depth_of_json_is_read_and_then_not_written(tmp_path: Path, depth: int) -> None:
    good = b'{"url": "u", "caption": "c"}\n'
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        deep = opening * depth + b"1" + closing * depth
        _, (url, said) = judged(tmp_path, "t.jsonl", good + b'{"url": "u", "caption": "c", "x": ' + deep + b"}")
        assert (url, said is None) == (("u", True) if depth == 90 else (None, False))


def _csv_of(caption: bytes) -> tuple[str, bytes]:
    return "t.csv", HEADER + b"u," + caption + b",1\n"


def _jsonl_of(caption: bytes) -> tuple[str, bytes]:
    return "t.jsonl", b'{"url": "u", "caption": "' + caption.replace(b"\0", b"\\u0000") + b'", "n": 1}\n'


def _parquet_of(caption: bytes) -> tuple[str, bytes]:
    offsets = pa.py_buffer(pa.array([0, len(caption)], pa.int32()).buffers()[1])
    text = pa.StringArray.from_buffers(1, offsets, pa.py_buffer(caption))
    return "t.parquet", parquet(pa.table({"url": ["u"], "caption": text, "n": [1]}))


@pytest.mark.parametrize("file_of", [_csv_of, _jsonl_of, _parquet_of], ids=["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("caption", "error"),
    [(b"caf\xe9", "caption: bytes that are not UTF-8"), (b"a\0b", "caption: a NUL character")],
    ids=["latin-1", "nul"],
)
def test_a_caption_that_is_no_text_leaves_what_can_be_read(
    tmp_path: Path, file_of: Callable[[bytes], tuple[str, bytes]], caption: bytes, error: str
) -> None:
    name, content = file_of(caption)
    (tmp_path / name).write_bytes(content)

    (row,) = read_all(tmp_path)

    assert (row["url"], captions(row), row["source"], row["input_error"]) == ("u", [], {"n": "1"}, error)


def test_all_broken_cells_of_a_row_are_named(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(b'{"url": "\\ud800", "caption": "c", "x": "\\u0000", "y\\ud800": "\xff"}\n')

    (row,) = read_all(tmp_path)

    assert row["input_error"] == (
        "url: bytes that are not UTF-8; x: a NUL character; y\\ud800: bytes that are not UTF-8"
    )
    assert row["source"] == {"x": None, "y\\ud800": None}


@given(st.binary(max_size=200) | st.text('ab,"\n\r\t\0', max_size=60).map(str.encode))
def test_no_bytes_below_a_csv_header_stop_the_reading(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    table = tmp_path_factory.mktemp("any") / "t.csv"
    table.write_bytes(HEADER + b"first,row,1\n" + body + b"\nlast,row,2\n")

    rows = read_all(table)

    assert rows[0]["url"] == "first"
    assert rows[-1]["url"] == "last" or rows[-1]["input_error"]
    assert [row["source_row"] for row in rows] == list(range(len(rows)))


@given(st.binary(max_size=200) | st.text('{}[]":,a\\u0d8', max_size=60).map(str.encode))
def test_no_bytes_in_json_lines_stop_the_reading(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    table = tmp_path_factory.mktemp("any") / "t.jsonl"
    good = b'{"url": "u", "caption": "c"}\n'
    table.write_bytes(good + body + b"\n" + good)
    spec = SourceSpec()

    (file,) = find([str(table)], spec)
    rows = [row for batch in read(file, spec, file.units[0]) for row in batch.to_pylist()]

    lines = [line for line in body.split(b"\n") if not line.decode("utf-8", "surrogateescape").isspace() and line]
    assert len(rows) == 2 + len(lines)

import json
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from schemas.chatml import LEAVES, PART, SHARD, features, parquet_options, row_bytes

NAMES_THAT_TRAINERS_INTERPRET = {
    *("conversations", "image", "prompt", "completion", "chosen", "rejected"),
    *("objects", "label", "channel", "tools", "solution"),
}


def sample(**values: Any) -> dict[str, Any]:
    return {
        "id": "k-1",
        "messages": [{"role": "user", "content": [{"type": "image", "text": None}, {"type": "text", "text": "Hi"}]}],
        "messages_tagged": [{"role": "user", "content": "<image>Hi"}],
        "images": [{"bytes": b"\xff\xd8", "path": "a.jpg"}],
        "image_meta": [{"width": 4, "height": 3, "format": "jpeg", "sha256": "ab", "phash": "cd", "url": "http://e/"}],
        "regions": [{"image_index": 0, "label": "dog", "bbox": [0, 1, 2, 3], "score": 0.5, "source": "d"}],
        "task": "caption",
        "provenance": "{}",
        **values,
    }


def test_the_shard_has_exactly_the_columns_of_the_contract() -> None:
    text, images = pa.string(), pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    parts = pa.list_(pa.struct([("type", text), ("text", text)]))
    meta = [("format", text), ("sha256", text), ("phash", text), ("url", text), ("license", text)]
    region = [("label", text), ("bbox", pa.list_(pa.float32(), 4)), ("score", pa.float32()), ("source", text)]
    expected = pa.schema(
        [
            ("id", text),
            ("messages", pa.list_(pa.struct([("role", text), ("content", parts)]))),
            ("messages_tagged", pa.list_(pa.struct([("role", text), ("content", text)]))),
            ("images", images),
            ("image_meta", pa.list_(pa.struct([("width", pa.int32()), ("height", pa.int32()), *meta]))),
            ("regions", pa.list_(pa.struct([("image_index", pa.int32()), *region]))),
            *[(name, text) for name in ("task", "source", "license", "language", "provenance")],
            ("n_text_tokens", pa.int32()),
            ("n_image_tokens", pa.int32()),
        ]
    )
    assert SHARD.equals(expected)


def test_every_column_and_every_field_below_it_is_documented() -> None:
    def undocumented(field: pa.Field, path: str) -> list[str]:
        type_ = field.type
        while pa.types.is_list(type_) or pa.types.is_fixed_size_list(type_):
            type_ = type_.value_type
        children = list(type_) if pa.types.is_struct(type_) else []
        below = [leaf for child in children for leaf in undocumented(child, f"{path}.{child.name}")]
        return below if (field.metadata or {}).get(b"meaning") else [path, *below]

    assert [path for field in SHARD for path in undocumented(field, field.name)] == []


def test_no_name_is_one_that_trainers_give_a_meaning_of_their_own() -> None:
    assert not NAMES_THAT_TRAINERS_INTERPRET & set(SHARD.names)
    assert [field.name for field in PART] == ["type", "text"]


def test_features_spell_lists_with_brackets_and_images_as_not_decoding() -> None:
    embedded = json.loads(SHARD.metadata[b"huggingface"])["info"]["features"]
    assert embedded == features()
    assert embedded["images"] == [{"decode": False, "_type": "Image"}]
    assert embedded["regions"][0]["bbox"] == [{"dtype": "float32", "_type": "Value"}]
    assert '"List"' not in json.dumps(embedded)
    assert '"Sequence"' not in json.dumps(embedded)


def test_datasets_understands_the_embedded_features() -> None:
    understood = datasets.Features.from_arrow_schema(SHARD)
    assert list(understood) == SHARD.names
    assert understood["images"].feature == datasets.Image(decode=False)


def test_leaf_names_are_those_that_parquet_uses() -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([sample()], SHARD), sink)
    group = pq.ParquetFile(sink.getvalue()).metadata.row_group(0)
    assert tuple(group.column(i).path_in_schema for i in range(group.num_columns)) == LEAVES


def test_parquet_settings_reach_the_file() -> None:
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, SHARD, **parquet_options()) as writer:
        writer.write_table(pa.Table.from_pylist([sample() for _ in range(10)], SHARD))
    group = pq.ParquetFile(sink.getvalue()).metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}

    assert {path for path, column in columns.items() if column.compression != "ZSTD"} == {"images.list.element.bytes"}
    assert all(column.has_offset_index for column in columns.values())
    with_dictionary = {path.split(".")[-1] for path, column in columns.items() if column.has_dictionary_page}
    assert with_dictionary == {"role", "type", "format", "license", "source", "task", "language"}


TEXTS = st.one_of(st.none(), st.text(max_size=5))
SAMPLES = st.builds(
    sample,
    id=st.text(max_size=5),
    license=TEXTS,
    n_image_tokens=st.one_of(st.none(), st.integers(0, 9)),
    images=st.lists(st.fixed_dictionaries({"bytes": st.binary(max_size=9), "path": TEXTS}), max_size=3),
    messages_tagged=st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": TEXTS}), max_size=3),
)


def python_size(value: Any, type_: pa.DataType) -> int:
    if pa.types.is_list(type_):
        return 4 + sum(python_size(item, type_.value_type) for item in value)
    if pa.types.is_fixed_size_list(type_):
        return 4 * type_.list_size
    if pa.types.is_struct(type_):
        return sum(python_size(value.get(field.name), field.type) for field in type_)
    if pa.types.is_string(type_):
        return 4 + len((value or "").encode())
    return 4 + len(value) if pa.types.is_binary(type_) else type_.bit_width // 8


@given(rows=st.lists(SAMPLES, max_size=6), start=st.integers(0, 6), length=st.integers(0, 6))
def test_row_bytes_counts_what_a_row_holds_wherever_its_buffers_lie(
    rows: list[dict[str, Any]], start: int, length: int
) -> None:
    table = pa.Table.from_pylist(rows, SHARD)
    expected = [sum(python_size(row.get(field.name), field.type) for field in SHARD) for row in rows]
    assert row_bytes(table).tolist() == expected
    assert row_bytes(table.slice(start, length)).tolist() == expected[start : start + length]
    chunked = pa.concat_tables([table, table.slice(start)])
    assert np.array_equal(row_bytes(chunked), expected + expected[start:])

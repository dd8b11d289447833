"""Rows that show or say what a benchmark does leave, and it is told which item they matched."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from pipelines.filters.contamination.benchmark_list import Benchmark, image_row, text_row, write
from pipelines.filters.contamination.decontaminate import Decontaminate
from pipelines.stage import semantic_fields
from schemas.tables import CAPTION, INPUT

A, B = 0x0123456789ABCDEF, 0xFEDCBA9876543210
LONG = "a man in a red hat is riding a small brown horse along the beach at dawn"
"""Sixteen words: four runs of thirteen."""
QUESTION = "what is the man riding?"

Told = tuple[str, float, str] | None


def benchmark(folder: Path, name: str, images: dict[str, int], texts: dict[str, str], n: int = 13) -> str:
    rows = [image_row(item, phash) for item, phash in images.items()]
    rows += [row for item, text in texts.items() if (row := text_row(item, text, n))]
    path = folder / f"{name}.parquet"
    write(path, Benchmark(name, n), [rows])
    return str(path)


@pytest.fixture
def lists(tmp_path: Path) -> tuple[str, ...]:
    return (
        benchmark(tmp_path, "pics", {"1.jpg": A, "2.jpg": A ^ 0b111}, {}),
        benchmark(
            tmp_path,
            "vqa",
            {"9.jpg": B},
            {"row 1": LONG, "row 2": QUESTION, "row 3": "yes", "row 4": "图中的人在做什么"},
        ),
    )


def told(spec: Decontaminate, *rows: dict[str, Any]) -> list[Told]:
    """Reason, value and detail of each row."""
    captions = [
        [{"text": caption} if isinstance(caption, str) else caption for caption in row.get("captions", [])]
        for row in rows
    ]
    table = pa.table(
        {
            "phash": pa.array([row.get("phash") for row in rows], pa.uint64()),
            "captions": pa.array(captions, pa.list_(CAPTION)),
            "turns": pa.array([row.get("turns") for row in rows], INPUT.field("turns").type),
        }
    )
    verdicts = spec.load().process(table.select(spec.reads)).verdicts
    found = zip(verdicts.reason.to_pylist(), verdicts.value.to_pylist(), verdicts.detail.to_pylist(), strict=True)
    return [one if one[0] else None for one in found]


def told_of(text: str, spec: Decontaminate) -> Told:
    (found,) = told(spec, {"captions": [text]})
    return found


def test_an_image_within_the_distance_goes_and_the_nearest_item_is_named(lists: tuple[str, ...]) -> None:
    rows = [{"phash": phash} for phash in (A, A ^ 0b110, A ^ 0b1111 << 40, A ^ 0b11111 << 40, None)]
    assert told(Decontaminate(lists=lists), *rows) == [
        ("contaminated_image", 0.0, "pics: 1.jpg"),
        ("contaminated_image", 1.0, "pics: 2.jpg"),
        ("contaminated_image", 4.0, "pics: 1.jpg"),
        None,
        None,
    ]


def test_every_list_is_looked_through(lists: tuple[str, ...]) -> None:
    assert told(Decontaminate(lists=lists), {"phash": B}) == [("contaminated_image", 0.0, "vqa: 9.jpg")]


def test_thirteen_words_in_a_row_are_enough_and_twelve_are_not(lists: tuple[str, ...]) -> None:
    spec = Decontaminate(lists=lists)
    said = LONG.split()
    assert told_of(LONG.upper() + "!", spec) == ("contaminated_text", 1.0, "vqa: row 1")
    assert told_of(" ".join([*said[:13], "of", "doom"]), spec) == (
        "contaminated_text",
        pytest.approx(1 / 3),
        "vqa: row 1",
    )
    assert told_of(" ".join([*said[:12], "of", "doom"]), spec) is None


def test_a_short_text_goes_when_all_of_its_words_are_the_same(lists: tuple[str, ...]) -> None:
    spec = Decontaminate(lists=lists)
    assert told_of("What is the man riding", spec) == ("contaminated_text", 1.0, "vqa: row 2")
    assert told_of("What is the man riding now?", spec) is None
    assert told_of("图中的人在做什么？", spec) == ("contaminated_text", 1.0, "vqa: row 4")


def test_what_anybody_would_say_is_nobodys(lists: tuple[str, ...]) -> None:
    assert told_of("Yes.", Decontaminate(lists=lists)) is None
    assert told_of("Yes.", Decontaminate(lists=lists, min_words=1)) == ("contaminated_text", 1.0, "vqa: row 3")


def test_captions_that_do_not_count_are_passed_over(lists: tuple[str, ...]) -> None:
    refused = {"text": QUESTION, "refused": "emoji"}
    assert told(
        Decontaminate(lists=lists), {"captions": [refused, "another"]}, {"captions": ["another", QUESTION]}
    ) == [
        None,
        ("contaminated_text", 1.0, "vqa: row 2"),
    ]


def test_turns_are_looked_at_where_it_is_asked_for(lists: tuple[str, ...]) -> None:
    turns = [{"role": "user", "text": f"{QUESTION}"}, {"role": "assistant", "text": "A horse."}]
    assert told(Decontaminate(lists=lists), {"turns": turns}) == [None]
    spec = Decontaminate(lists=lists, texts=("captions", "turns"))
    assert told(spec, {"turns": None}, {"turns": turns}) == [None, ("contaminated_text", 1.0, "vqa: row 2")]


def test_images_and_texts_can_be_left_out(lists: tuple[str, ...]) -> None:
    row = {"phash": A, "captions": [QUESTION]}
    assert Decontaminate(lists=lists, texts=()).reads == ("phash",)
    assert told(Decontaminate(lists=lists, images=False), row) == [("contaminated_text", 1.0, "vqa: row 2")]
    assert told(Decontaminate(lists=lists, texts=()), {"phash": None, "captions": [QUESTION]}) == [None]


def test_a_list_of_images_alone_matches_no_text(lists: tuple[str, ...]) -> None:
    assert told_of(QUESTION, Decontaminate(lists=lists[:1])) is None


def test_what_the_lists_hold_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    before = semantic_fields(Decontaminate(lists=(benchmark(tmp_path, "pics", {"1.jpg": A}, {}),)))
    after = semantic_fields(Decontaminate(lists=(benchmark(tmp_path, "pics", {"1.jpg": B}, {}),)))
    assert before["lists"] != after["lists"]


def test_no_text_of_a_benchmark_stands_in_its_list(lists: tuple[str, ...]) -> None:
    assert b"horse" not in Path(lists[1]).read_bytes()
    assert pq.read_table(lists[1]).column_names == ["item", "phash", "text", "ngrams"]


def test_a_file_that_is_no_list_is_refused_before_any_work(tmp_path: Path, lists: tuple[str, ...]) -> None:
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"a": [1]}), other)
    with pytest.raises(ValidationError, match=r"is no benchmark list: make one with `shardmill hashes"):
        Decontaminate(lists=(str(other),))
    (tmp_path / "text").write_text("0123456789abcdef\n")
    with pytest.raises(ValidationError, match="is no benchmark list"):
        Decontaminate(lists=(str(tmp_path / "text"),))
    with pytest.raises(ValidationError, match="does not exist"):
        Decontaminate(lists=(str(tmp_path / "nowhere"),))
    with pytest.raises(ValidationError, match="nothing to compare"):
        Decontaminate(lists=lists, images=False, texts=())
    with pytest.raises(ValidationError, match="two lists are called 'vqa'"):
        Decontaminate(lists=(*lists, lists[1]))

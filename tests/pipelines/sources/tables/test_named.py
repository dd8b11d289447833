"""Published tables are read by their names alone."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.recipe_text import RecipeError, parse
from pipelines.sources.files import InputError
from pipelines.sources.inputs import find
from pipelines.sources.spec import Columns, SourceSpec, TableName
from pipelines.sources.tables import grit
from pipelines.sources.tables.named import NAMED, OF_LISTS
from tests.support.tables import Row, captions, encode, parquet, read_all

STAGES = "stages: [{stage: pull}]\n"

COYO = {
    "id": 841814333321,
    "url": "https://a.example/1.jpg",
    "text": "a red house",
    "width": 640,
    "height": 480,
    "clip_similarity_vitb32": 0.29,
    "nsfw_score_opennsfw2": 0.01,
    "watermark_score": 0.2,
    "aesthetic_score_laion_v2": 5.5,
}
GRIT = {
    "clip_similarity_vitb32": 0.3,
    "clip_similarity_vitl14": 0.28,
    "id": 795,
    "url": "https://a.example/dog.jpg",
    "caption": "a dog in a field of flowers",
    "width": 500,
    "height": 500,
    "noun_chunks": [[0, 5, 0.1, 0.2, 0.5, 0.9, 0.8], [9, 16, 0.0, 0.4, 1.0, 1.0, 0.7]],
    "ref_exps": [[0, 27, 0.1, 0.2, 0.5, 0.9, 0.8], [9, 27, 0.0, 0.4, 1.0, 1.0, 0.7]],
}


def read_one(tmp_path: Path, record: Row, table: TableName, suffix: str = ".parquet", **options: Any) -> Row:
    (tmp_path / f"t{suffix}").write_bytes(encode([record], suffix))
    (row,) = read_all(tmp_path, SourceSpec(table=table, **options))
    return row


def test_scores_travel_under_their_own_names(tmp_path: Path) -> None:
    row = read_one(tmp_path, COYO, "coyo-700m")
    assert (row["url"], captions(row), row["captions"][0]["lang"]) == (COYO["url"], ["a red house"], "en")
    assert row["source"]["clip_similarity_vitb32"] == "0.29"
    assert row["source"]["aesthetic_score_laion_v2"] == "5.5"
    assert row["license"] == "CC-BY-4.0 (the table; images keep their own)"


@pytest.mark.parametrize("names", [("URL", "TEXT"), ("url", "caption"), ("url", "text"), ("URL", "caption")])
@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_laion_is_read_in_every_spelling(tmp_path: Path, names: tuple[str, str], suffix: str) -> None:
    record = {names[0]: "u", names[1]: "t", "LICENSE": "?", "similarity": 0.33, "punsafe": 0.01}
    row = read_one(tmp_path, record, "re-laion", suffix)
    assert (row["url"], captions(row), row["source"]) == ("u", ["t"], {"similarity": "0.33", "punsafe": "0.01"})
    assert row["license"] == NAMED["re-laion"].license, "a licence that was not found is none"


def test_a_language_column_tells_each_captions_language(tmp_path: Path) -> None:
    records = [
        {"URL": "u", "TEXT": "Straße", "LANGUAGE": "de"},
        {"URL": "v", "TEXT": None, "LANGUAGE": "fr"},
        {"URL": "w", "TEXT": "x", "LANGUAGE": " "},
    ]
    (tmp_path / "t.parquet").write_bytes(encode(records, ".parquet"))
    for spec in (SourceSpec(table="re-laion"), SourceSpec(columns=Columns(url="URL", caption="TEXT", lang="LANGUAGE"))):
        rows = read_all(tmp_path, spec)
        assert [[caption["lang"] for caption in row["captions"]] for row in rows] == [["de"], [], [None]]
    (last,) = read_all(tmp_path, SourceSpec(table="re-laion", caption_lang="en"))[2]["captions"]
    assert last["lang"] == "en"


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_laion_coco_tells_the_webs_caption_from_those_made(tmp_path: Path, suffix: str) -> None:
    record = {
        "URL": "u",
        "TEXT": "IMG_0042",
        "top_caption": "a cat on a sofa",
        "all_captions": ["a cat", "a cat on a sofa", "a sofa"],
        "all_similarities": [0.2, 0.3, 0.1],
        "similarity": 0.31,
    }
    row = read_one(tmp_path, record, "laion-coco", suffix)
    assert [(one["text"], one["role"]) for one in row["captions"]] == [
        ("IMG_0042", "web"),
        ("a cat", "generated"),
        ("a sofa", "generated"),
        ("a cat on a sofa", "generated"),
    ], "the best one stands last, where it counts"
    assert row["source"] == {"all_similarities": "[0.2, 0.3, 0.1]", "similarity": "0.31"}


def test_laion_coco_with_captions_that_are_no_list_is_a_broken_row(tmp_path: Path) -> None:
    record = {"URL": "u", "TEXT": "t", "top_caption": "a", "all_captions": "{"}
    row = read_one(tmp_path, record, "laion-coco", ".jsonl")
    assert row["input_error"].startswith("all_captions: ")


@pytest.mark.parametrize(
    ("table", "record", "lang"),
    [
        ("datacomp", {"uid": "x", "url": "u", "text": "c", "clip_b32_similarity_score": 0.3}, None),
        ("wukong", {"url": "u", "caption": "c"}, "zh"),
        ("laion-115m", {"url": "u", "caption": "c"}, "en"),
    ],
)
def test_tables_of_pairs(tmp_path: Path, table: TableName, record: Row, lang: str | None) -> None:
    row = read_one(tmp_path, record, table, ".csv")
    assert (row["url"], captions(row), row["captions"][0]["lang"]) == ("u", ["c"], lang)


class TestGrit:
    @pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
    def test_the_published_example_becomes_regions(self, tmp_path: Path, suffix: str) -> None:
        row = read_one(tmp_path, GRIT, "grit", suffix)
        text = captions(row)[0]
        found = [
            (text[slice(*region["phrase"])], text[slice(*region["expression"])], pytest.approx(region["box"]))
            for region in row["regions"]
        ]
        assert found == [
            ("a dog", "a dog in a field of flowers", [0.1, 0.2, 0.5, 0.9]),
            ("a field", "a field of flowers", [0.0, 0.4, 1.0, 1.0]),
        ]
        assert [(region["source"], round(region["score"], 3)) for region in row["regions"]] == [
            ("grit", 0.8),
            ("grit", 0.7),
        ]
        assert row["source"].keys() == {"clip_similarity_vitb32", "clip_similarity_vitl14", "id", "width", "height"}
        assert row["license"] == "MS-PL (the annotation; images keep their own)"

    def test_a_chunk_without_an_expression_stands_for_itself(self, tmp_path: Path) -> None:
        (first, second) = read_one(tmp_path, GRIT | {"ref_exps": GRIT["ref_exps"][:1]}, "grit")["regions"]
        assert (first["expression"], second["phrase"], second["expression"]) == ([0, 27], [9, 16], None)

    @pytest.mark.parametrize(
        ("column", "items", "said"),
        [
            ("noun_chunks", [[0, 28, 0, 0, 1, 1, 0.9]], "does not lie in the caption"),
            ("noun_chunks", [[5, 5, 0, 0, 1, 1, 0.9]], "does not lie in the caption"),
            ("ref_exps", [[0, 5, 0, 0, 1, 0.9]], "not [start"),
            ("ref_exps", [[0, 5, 0.5, 0, 0.5, 1, 0.9]], "no part of the image"),
            ("ref_exps", [[0, 5, 0, 0, 5, 1, 0.9]], "no part of the image"),
            ("ref_exps", [[0, 5, 0, 0, 1, 1, float("nan")]], "score"),
            ("ref_exps", ["x"], "not [start"),
            ("ref_exps", {"a": 1}, "not a list"),
        ],
    )
    def test_an_item_that_fits_nothing_is_a_broken_row(
        self, tmp_path: Path, column: str, items: Any, said: str
    ) -> None:
        row = read_one(tmp_path, GRIT | {column: items}, "grit", ".jsonl")
        assert said in row["input_error"]
        assert column in row["input_error"]
        assert row["regions"] == []

    @given(data=st.data(), caption=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
    def test_spans_always_slice_to_what_the_file_says(self, data: st.DataObject, caption: str) -> None:
        span = st.tuples(st.integers(0, len(caption) - 1), st.integers(1, len(caption))).filter(lambda s: s[0] < s[1])
        side = st.tuples(st.integers(0, 9), st.integers(1, 10)).filter(lambda s: s[0] < s[1])
        item = st.tuples(span, side, side, st.integers(1, 10)).map(
            lambda i: [*i[0], i[1][0] / 10, i[2][0] / 10, i[1][1] / 10, i[2][1] / 10, i[3] / 10]
        )
        chunks, expressions = data.draw(st.lists(item, max_size=5)), data.draw(st.lists(item, max_size=5))
        found = grit.regions(caption, json.dumps(chunks), json.dumps(expressions))
        for region in found:
            phrase, expression = region["phrase"], region["expression"] or region["phrase"]
            assert 0 <= expression[0] <= phrase[0] < phrase[1] <= expression[1] <= len(caption)
        # every chunk and every expression is there, none more often than in the file
        spans = sorted(tuple(region["expression"]) for region in found if region["expression"])
        assert spans == sorted((one[0], one[1]) for one in expressions)
        paired = len(chunks) + len(expressions) - len(found)
        assert 0 <= paired <= min(len(chunks), len(expressions))

    def test_a_table_without_the_annotation_is_refused(self, tmp_path: Path) -> None:
        table = pa.table({"url": ["u"], "caption": ["c"], "noun_chunks": [[[0.0]]]})
        (tmp_path / "t.parquet").write_bytes(parquet(table))
        with pytest.raises(InputError, match="no column `ref_exps`, which grit has; it has url, caption, noun_chunks"):
            find([str(tmp_path)], SourceSpec(table="grit"))


class TestOverriding:
    def test_columns_of_the_recipe_go_before_the_tables(self, tmp_path: Path) -> None:
        record = {"url": "u", "text": "t", "better": "b", "rights": "CC0"}
        row = read_one(tmp_path, record, "coyo-700m", columns=Columns(caption="better", license="rights"))
        assert (captions(row), row["license"], row["source"]) == (["b"], "CC0", {"text": "t"})

    def test_a_column_that_is_missing_is_named_with_what_is_there(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_bytes(b"url,caption_en\nu,c\n")
        with pytest.raises(InputError, match=r"no column `text`.*it has url, caption_en.*source\.columns\.caption"):
            find([str(tmp_path)], SourceSpec(table="coyo-700m"))

    def test_a_language_column_that_the_recipe_names_must_be_there(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_bytes(b"url,text\nu,c\n")
        with pytest.raises(InputError, match=r"no column `lng`.*source\.columns\.lang"):
            find([str(tmp_path)], SourceSpec(table="coyo-700m", columns=Columns(lang="lng")))


class TestRecipe:
    @pytest.mark.parametrize("source", ["coyo-700m", "{table: coyo-700m}"])
    def test_a_table_is_named_short_or_long(self, source: str) -> None:
        recipe = parse(f"name: x\nsource: {source}\n{STAGES}")
        assert recipe.source.table == "coyo-700m"

    def test_settings_reach_into_a_source_that_is_only_named(self) -> None:
        recipe = parse(
            f"name: x\nsource: re-laion\n{STAGES}", settings=["source.columns.caption=EN", "source.caption_lang=en"]
        )
        assert (recipe.source.table, recipe.source.columns.caption) == ("re-laion", "EN")

    def test_an_unknown_name_is_told_from_a_known_one(self) -> None:
        with pytest.raises(RecipeError, match=r"line 2: `source\.table` is 'coyo-700' \(did you mean `coyo-700m`\?\)"):
            parse(f"name: x\nsource: coyo-700\n{STAGES}")

    def test_an_unknown_format_is_told_from_a_known_one(self) -> None:
        with pytest.raises(RecipeError, match=r"line 2: `source\.format` is 'lava' \(did you mean `llava`\?\)"):
            parse(f"name: x\nsource: {{format: lava}}\n{STAGES}")

    def test_a_table_is_no_annotation_file(self) -> None:
        with pytest.raises(RecipeError, match="grit is a table, and llava is not a table's format"):
            parse(f"name: x\nsource: {{table: grit, format: llava}}\n{STAGES}")

    def test_grounded_tasks_need_a_source_that_has_regions(self) -> None:
        pack = "pack: {tasks: [rec]}\n"
        assert parse(f"name: x\nsource: grit\n{STAGES}{pack}").pack.tasks == ("rec",)
        with pytest.raises(RecipeError, match="rec: made of `regions`, which neither the source has nor a stage adds"):
            parse(f"name: x\nsource: coyo-700m\n{STAGES}{pack}")


def test_every_table_maps_url_and_caption() -> None:
    for table in NAMED.values():
        assert {"url", "caption"} <= table.columns.keys()
        assert all(names for names in table.columns.values())
    assert {role for table in NAMED.values() for role in table.columns} >= OF_LISTS

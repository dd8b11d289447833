"""What others make of the forms of a card that a run ends with."""

import json
from pathlib import Path
from typing import Any

import datasets
import mlcroissant
import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard
from jsonschema import Draft202012Validator

from data_cards.card_json import parse, schema


def shard_rows(run: Path) -> dict[str, dict[str, Any]]:
    files = sorted((run / "dataset/data").iterdir())
    return {
        row["id"]: {**row, "split": file.name.partition("-")[0]}
        for file in files
        for row in pq.read_table(file).to_pylist()
    }


@pytest.fixture(scope="module")
def croissant(run: Path) -> mlcroissant.Dataset:
    return mlcroissant.Dataset(jsonld=str(run / "dataset/croissant.json"))


class TestCroissant:
    def test_it_is_valid(self, croissant: mlcroissant.Dataset) -> None:
        issues = croissant.metadata.issues
        assert issues.errors == set()
        # what only people can say, and nobody did; a date would come from a clock
        assert all("is recommended, but does not exist" in warning for warning in issues.warnings)
        assert croissant.metadata.ctx.is_v1_1()

    def test_records_come_out_as_the_shards_have_them_and_images_decode(
        self, croissant: mlcroissant.Dataset, run: Path
    ) -> None:
        rows = shard_rows(run)
        records = list(croissant.records("default"))
        assert {record["default/id"].decode() for record in records} == set(rows)
        for record in records:
            row = rows[record["default/id"].decode()]
            assert record["default/split"].decode() == row["split"]
            assert record["default/task"].decode() == row["task"]
            assert record["default/n_image_tokens"] == row["n_image_tokens"]
            (image,) = record["default/images"]
            image.load()
            assert image.size == (row["image_meta"][0]["width"], row["image_meta"][0]["height"])
            turns = [
                (turn["default/messages/role"].decode(), turn["default/messages/content"].decode())
                for turn in record["default/messages"]
            ]
            assert turns == [(turn["role"], turn["content"]) for turn in row["messages_tagged"]]
            assert [region["default/regions/bbox"] for region in record["default/regions"]] == [
                region["bbox"] for region in row["regions"]
            ]


def test_the_hub_parses_and_validates_the_front_matter(run: Path) -> None:
    card = DatasetCard.load(run / "dataset/README.md")
    assert card.data.pretty_name == "carded"
    assert {config["split"] for config in card.data.configs[0]["data_files"]} == {"train", "validation"}
    assert "## Personal and sensitive data" in card.text


def test_datasets_loads_the_folder_beside_all_forms(run: Path, tmp_path: Path) -> None:
    loaded = datasets.load_dataset(str(run / "dataset"), cache_dir=str(tmp_path))
    facts = parse((run / "dataset/card.json").read_text("utf-8"))
    assert {name: len(split) for name, split in loaded.items()} == {one.name: one.num_examples for one in facts.splits}


def test_card_json_fits_its_schema(run: Path) -> None:
    Draft202012Validator(schema()).validate(json.loads((run / "dataset/card.json").read_text("utf-8")))

import dataclasses
import json
from pathlib import Path

import mlcroissant
import pytest

from data_cards.croissant import render
from data_cards.facts_measured import Count
from schemas.statements import STATEMENTS
from tests.data_cards.test_card_json import FACTS


def test_what_people_say_is_in_the_words_of_the_vocabulary(tmp_path: Path) -> None:
    said = {key: f"said of {key}" for key in STATEMENTS} | {"creators": "A\nB", "homepage": "https://a.example/set"}
    path = tmp_path / "croissant.json"
    path.write_text(render(dataclasses.replace(FACTS, statements=said)))
    metadata = mlcroissant.Dataset(jsonld=str(path)).metadata
    assert metadata.issues.errors == set()
    assert metadata.data_collection == "said of collection"
    assert metadata.data_limitations == ["said of known_limits"]
    assert metadata.personal_sensitive_information == ["said of personal_data"]
    assert metadata.data_release_maintenance_plan == "said of maintenance"
    assert metadata.data_use_cases == ["said of intended_uses Out of scope: said of out_of_scope_uses"]
    assert metadata.cite_as == "said of citation"
    assert [creator.name for creator in metadata.creators] == ["A", "B"]
    assert metadata.machine_annotation_tools == ["detector shapes"]
    assert "pull: 10 rows entered, 9 kept; pull timeout 1" in metadata.data_preprocessing_protocol


@pytest.mark.parametrize(
    ("licenses", "expected"),
    [
        ((Count("cc-by-nc-4.0", 12),), "https://spdx.org/licenses/CC-BY-NC-4.0.html"),
        ((Count("CC0-1.0", 12),), "https://spdx.org/licenses/CC0-1.0.html"),
        ((Count("Apache-2.0", 12),), "https://spdx.org/licenses/Apache-2.0.html"),
        ((Count("CC0-1.0", 11), Count(None, 1)), "per image: see image_meta.license"),
    ],
)
def test_one_licence_of_all_samples_is_named(licenses: tuple[Count, ...], expected: str) -> None:
    assert json.loads(render(dataclasses.replace(FACTS, licenses=licenses)))["license"] == expected


def test_the_same_facts_give_the_same_text() -> None:
    assert render(FACTS) == render(dataclasses.replace(FACTS))

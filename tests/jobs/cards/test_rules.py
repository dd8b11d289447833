"""A recipe's settings as a card tells them."""

from pathlib import Path
from typing import Any

from data_cards.facts_measured import Rule
from jobs.cards.rules import engines, rules, thresholds
from pipelines.recipe import Recipe


def recipe(*stages: dict[str, Any], **more: Any) -> Recipe:
    return Recipe.model_validate({"name": "x", "stages": [{"stage": "pull"}, *stages], **more})


def test_every_setting_that_decides_has_its_value_and_origin() -> None:
    found = recipe(
        {"stage": "aspect_ratio", "max_ratio": 5},
        {"stage": "min_side"},
        {"stage": "still"},
        origins={"aspect_ratio.max_ratio": "published: somewhere", "still": "ours: animations are read as one image"},
    )
    assert [rule for rule in rules(found) if rule.stage != "pull"] == [
        Rule("aspect_ratio", "max_ratio", "5.0", "published", "somewhere"),
        Rule("min_side", "pixels", "64", "default", None),
        Rule("still", None, "", "ours", "animations are read as one image"),
    ]


def test_settings_of_a_part_have_origins_of_their_own() -> None:
    found = {rule.setting: rule for rule in rules(recipe({"stage": "ocr", "rules": {"min_score": 0.8}}))}
    assert (found["rules.min_score"].value, found["rules.min_score"].origin) == ("0.8", "recipe")
    assert found["rules.max_lines"].origin == "default"


def test_what_does_not_decide_and_where_files_lie_is_not_told(tmp_path: Path) -> None:
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text("0" * 64 + "\n")
    stage = {"stage": "lexicon", "lists": [str(tmp_path / "one.txt"), str(tmp_path / "two.txt")]}
    pull = {"stage": "pull", "name": "again", "blocklists": [{"path": str(tmp_path / "one.txt"), "kind": "sha256"}]}
    told = rules(recipe(stage, {"stage": "ocr"}, pull))
    assert all(rule.setting not in ("device", "concurrency", "settings.batch") for rule in told)
    assert not [rule for rule in told if str(tmp_path) in rule.value]
    assert "one.txt (SHA-256 " in next(rule.value for rule in told if rule.setting == "blocklists.1.path")
    (files,) = (rule.value for rule in told if rule.setting == "lists")
    assert files.startswith("one.txt (SHA-256 ")
    assert ", two.txt (SHA-256 " in files


def test_thresholds_go_to_the_histogram_of_what_they_are_held_against() -> None:
    found = recipe(
        {"stage": "min_side", "pixels": 200},
        {"stage": "min_side", "name": "larger", "pixels": 400},
        {"stage": "area", "max_pixels": 1000},
        {"stage": "ocr"},
        {"stage": "blur"},
    )
    assert [(one.stage, one.value) for one in thresholds(found, "shorter_side")] == [("min_side", 200), ("larger", 400)]
    assert [(one.setting, one.value) for one in thresholds(found, "area")] == [("max_pixels", 1000)], (
        "0 refuses nothing"
    )
    assert [one.value for one in thresholds(found, "line_score")] == [0.6]
    assert thresholds(found, "chrf") == ()


def test_engines_come_with_their_weights() -> None:
    stages = [
        {
            "stage": "ground",
            "detector": {"kind": "transformers", "hub": "org/model", "revision": "abc", "threshold": 0.3},
        },
        {"stage": "ocr"},
        {"stage": "translate"},
    ]
    found = engines(recipe(*stages, llm={"url": "http://127.0.0.1:1/v1", "model": "some-model"}))
    told = {(one.stage, one.name): one for one in found}
    assert list(told) == [
        *(("ground", "phrases"), ("ground", "detector transformers"), ("ocr", "ocr rapid"), ("translate", "translate")),
    ]
    assert told["ground", "phrases"].weights.startswith("caption_sm (SHA-256 ")
    assert told["ground", "detector transformers"].weights == "hub org/model, revision abc"
    assert told["ocr", "ocr rapid"].version.startswith("rapidocr ")
    assert told["ocr", "ocr rapid"].weights.count("SHA-256") == 2
    assert told["translate", "translate"].weights == "model some-model"
    assert engines(recipe({"stage": "min_side"})) == ()


def test_the_detector_of_drawings_says_that_it_is_one() -> None:
    _, detector = engines(recipe({"stage": "ground"}))
    assert (detector.name, detector.weights) == (
        "detector shapes",
        "none: knows coloured shapes in drawings alone, no photographs",
    )

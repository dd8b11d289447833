"""`plan --explain`: every rule of a recipe, and where its thresholds come from."""

import json

import pytest
from typer.testing import CliRunner

from jobs.cli import app
from jobs.reports.explain import rules
from pipelines.recipe_text import RecipeError, load, parse, shipped

RECIPE = """
name: mine
stages:
  - stage: pull
  - {stage: aspect_ratio, max_ratio: 3}
  - {stage: aspect_ratio, name: again, max_ratio: 2}
  - stage: still
origins:
  aspect_ratio.max_ratio: "published: COYO-700M"
  again: "ours: to be sure"
"""


def test_each_setting_is_told_with_its_origin() -> None:
    told = {(rule["rule"], rule["setting"]): rule for rule in rules(parse(RECIPE))}
    assert told["aspect_ratio", "max_ratio"] == {
        "rule": "aspect_ratio",
        "setting": "max_ratio",
        "value": 3.0,
        "origin": "published",
        "source": "COYO-700M",
    }
    assert (told["again", "max_ratio"]["origin"], told["again", "max_ratio"]["source"]) == ("ours", "to be sure")
    assert told["pull", "max_pixels"]["origin"] == "default"
    assert ("pull", "concurrency") not in told
    assert told["still", None]["value"] is None


def test_what_a_recipe_chose_without_saying_why_is_told_from_what_it_left() -> None:
    chosen = RECIPE.partition("origins:")[0].replace("stage: pull", "{stage: pull, max_redirects: 2}")
    told = {(rule["rule"], rule["setting"]): rule["origin"] for rule in rules(parse(chosen))}
    assert told["pull", "max_redirects"] == told["aspect_ratio", "max_ratio"] == "recipe"
    assert told["pull", "max_pixels"] == "default"


@pytest.mark.parametrize(
    ("key", "what"), [("aspect", "no stage is called 'aspect'"), ("still.pixels", "still has no setting 'pixels'")]
)
def test_an_origin_of_nothing_is_a_mistake(key: str, what: str) -> None:
    with pytest.raises(RecipeError, match=what):
        parse(f"{RECIPE}  {key}: ours\n")


def test_an_origin_says_published_secondary_or_ours() -> None:
    with pytest.raises(RecipeError, match=r"again"):
        parse(RECIPE.replace("ours: to be sure", "from a paper"))


def test_the_command_needs_no_run() -> None:
    answer = CliRunner().invoke(app, ["plan", "web-captions", "--explain", "--json"])
    assert answer.exit_code == 0
    assert json.loads(answer.stdout)["rules"][-1]["rule"] == "exact_duplicates"
    assert CliRunner().invoke(app, ["plan", "web-captions"]).exit_code == 2


@pytest.mark.parametrize("name", sorted(set(shipped()) - {"demo"}))
def test_shipped_recipes_say_where_every_threshold_comes_from(name: str) -> None:
    unstated = [
        rule for rule in rules(load(name)) if rule["origin"] in {"default", "recipe"} and rule["rule"] != "pull"
    ]
    assert [rule for rule in unstated if rule["value"] is not None and rule["setting"] != "missing"] == []

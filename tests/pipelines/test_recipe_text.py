"""A recipe is right, or every mistake in it is named, with its line, before anything is touched."""

import pytest

from pipelines.recipe import AnyStage, Recipe
from pipelines.recipe_text import RecipeError, from_data, load, parse, shipped
from pipelines.stage import title

GOOD = """\
name: mine
stages:
  - stage: pull
  - stage: aspect_ratio
    max_ratio: 4
"""


def problems(text: str, *settings: str) -> list[str]:
    with pytest.raises(RecipeError) as error:
        parse(text, "mine.yaml", settings)
    return error.value.problems


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_recipe_is_valid_and_named_for_its_file(name: str) -> None:
    assert load(name).name == name


def test_three_mistakes_are_all_named_with_their_lines() -> None:
    text = GOOD.replace("max_ratio", "max_ration") + "pack:\n  dialect: qwen9\nstagse: []\n"
    found = problems(text)
    assert len(found) == 3
    assert any("line 5" in p and "max_ration" in p and "did you mean `max_ratio`" in p for p in found)
    assert any("line 7" in p and "qwen9" in p and "qwen2_vl" in p for p in found)
    assert any("line 8" in p and "stagse" in p and "did you mean `stages`" in p for p in found)


def test_an_unknown_stage_is_told_from_a_known_one() -> None:
    (problem,) = problems(GOOD.replace("aspect_ratio", "aspect_ration"))
    assert "line 4" in problem
    assert "did you mean `aspect_ratio`" in problem


def test_a_missing_kind_a_missing_name_and_a_wrong_type() -> None:
    found = problems("stages:\n  - max_ratio: 3\n  - {stage: pull, max_bytes: many}\n")
    assert any("line 2" in p and "stage: <kind>" in p for p in found)
    assert any("line 3" in p and "max_bytes" in p and "'many'" in p for p in found)
    assert any("`name` is missing" in p for p in found)


def test_a_value_out_of_range_is_refused() -> None:
    (problem,) = problems(GOOD.replace("max_ratio: 4", "max_ratio: 0.5"))
    assert "line 5" in problem
    assert "greater than or equal to 1" in problem


def test_text_that_is_no_yaml_and_no_mapping() -> None:
    assert "not valid YAML" in problems("name: [")[0]
    assert "mapping" in problems("- a")[0]
    assert "mapping" in problems("")[0]


def test_a_key_that_stands_twice_is_a_mistake() -> None:
    (problem,) = problems(GOOD + "name: other\n")
    assert "line 6" in problem
    assert "twice" in problem


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "? [a, b]\n: 1\n", "cannot be a key"),
        (GOOD + "run: &run {again: *run}\n", "contains itself"),
        (GOOD + "pack: " + "[" * 3000 + "]" * 3000, "nested too deeply"),
        (GOOD + "description: 2024-13-45\n", "month"),
    ],
)
def test_yaml_that_no_recipe_can_be_made_of_is_told_in_words(text: str, said: str) -> None:
    (problem,) = problems(text)
    assert said in problem


@pytest.mark.parametrize("name", ["Strict", "9th", "a/b", "../pull", "with space", "a.b", "''", "ä"])
def test_a_stage_name_is_fit_for_a_folder_and_the_command_line(name: str) -> None:
    (problem,) = problems(GOOD + f"    name: {name}\n")
    assert "line 6" in problem
    assert "cannot name a stage" in problem


@pytest.mark.parametrize("name", ["input", "shards", "filter", "filter-2", "pack", "pack-2"])
def test_a_stage_name_is_not_one_that_every_run_has(name: str) -> None:
    (problem,) = problems(GOOD + f"    name: {name}\n")
    assert "line 6" in problem
    assert "every run" in problem


def test_a_stage_may_be_called_by_a_name_with_all_that_is_allowed() -> None:
    assert title(parse(GOOD + "    name: at_most-4\n").stages[1]) == "at_most-4"


def test_a_dumped_recipe_is_read_back_as_it_was_and_takes_settings() -> None:
    recipe = parse(GOOD + 'description: "wide 🖼 and \\x7f"\nrun: {min_free_gb: 0.000001}\n')
    assert from_data(recipe.model_dump(mode="json"), "the saved recipe") == recipe
    assert from_data(recipe.model_dump(mode="json"), "the saved recipe", ["pack.shard_mb=7"]).pack.shard_mb == 7
    with pytest.raises(RecipeError, match=r"--set pack.shard=7: unknown key"):
        from_data(recipe.model_dump(mode="json"), "the saved recipe", ["pack.shard=7"])


def test_a_stage_must_come_after_what_provides_its_columns() -> None:
    found = problems("name: mine\nstages:\n  - stage: min_side\n  - stage: pull\n")
    assert any("line 3" in p and "min_side reads `width`" in p for p in found)


def test_two_stages_of_a_kind_need_names_of_their_own() -> None:
    twice = GOOD + "  - stage: aspect_ratio\n    max_ratio: 2\n"
    assert "two stages are called 'aspect_ratio'" in problems(twice)[0]
    named = parse(twice + "    name: strict\n")
    assert [title(stage) for stage in named.stages] == ["pull", "aspect_ratio", "strict"]


def test_set_overrides_a_stage_by_name_and_other_sections_by_path() -> None:
    recipe = parse(GOOD, settings=["stages.aspect_ratio.max_ratio=3", "run.part_rows=64", "pack.shard_mb=1"])
    assert recipe.stages[1].max_ratio == 3
    assert recipe.run.part_rows == 64
    assert recipe.pack.shard_mb == 1


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("stages.pull.allow=127.0.0.0/8", "it must be a list, in brackets: `allow=[127.0.0.0/8]`"),
        ("stages.aspect_ration.max_ratio=3", "did you mean `aspect_ratio`"),
        ("stages.aspect_ratio.maxratio=3", "did you mean `max_ratio`"),
        ("stages.aspect_ratio=3", "name the field too"),
        ("run.part_rows", "path.to.field=value"),
        ("name.first=x", "not a group of settings"),
        ("run.part_rows=many", "--set run.part_rows=many"),
    ],
)
def test_a_setting_that_fits_nowhere_says_why(setting: str, said: str) -> None:
    assert said in "\n".join(problems(GOOD, setting))


def test_a_name_that_is_neither_recipe_nor_file() -> None:
    with pytest.raises(RecipeError, match=r"did you mean `demo`"):
        load("demoo")
    with pytest.raises(RecipeError, match="no such file"):
        load("recipes/none.yaml")


def test_json_schema_lists_every_stage() -> None:
    schema = Recipe.model_json_schema()
    kinds = {arm.stage for arm in AnyStage.__args__[0].__args__}
    assert kinds <= set(schema["properties"]["stages"]["items"]["discriminator"]["mapping"])

"""From a recipe's text to a `Recipe`: every problem in one message, with its line and "did you mean"."""

import dataclasses
import difflib
import re
import typing
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from pipelines.recipe import Recipe, misfits
from pipelines.sources.spec import spelled_out
from pipelines.stage import AS_SAVED

Where = tuple[str | int, ...]


class RecipeError(Exception):
    """A recipe that cannot be used; the message lists every problem found."""

    def __init__(self, origin: str, problems: Sequence[str]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{origin}: {count}", *(f"  {problem}" for problem in problems)]))
        self.problems = list(problems)


def shipped() -> dict[str, str]:
    """The text of each recipe that ships, by name."""
    folder = resources.files("pipelines.recipes")
    files = (file for file in folder.iterdir() if file.name.endswith(".yaml"))
    return {file.name.removesuffix(".yaml"): file.read_text("utf-8") for file in sorted(files, key=lambda f: f.name)}


def load(name_or_path: str, settings: Sequence[str] = ()) -> Recipe:
    """The recipe of that name or path, with ``--set`` settings (``path.to.field=value``) applied.

    Raises `RecipeError` with every problem.
    """
    recipes = shipped()
    if name_or_path in recipes:
        return parse(recipes[name_or_path], f"recipe {name_or_path}", settings)
    path = Path(name_or_path)
    if path.is_file():
        try:
            return parse(path.read_text("utf-8"), str(path), settings)
        except UnicodeDecodeError as error:
            raise RecipeError(str(path), [f"not UTF-8 text: {error}"]) from error
    looks_like_path = path.suffix in {".yaml", ".yml"} or len(path.parts) > 1
    hint = "no such file" if looks_like_path else f"no recipe of that name{did_you_mean(name_or_path, recipes)}"
    raise RecipeError(name_or_path, [f"{hint}; shipped recipes: {', '.join(recipes)}; a path to a YAML file works too"])


def parse(text: str, origin: str = "recipe", settings: Sequence[str] = (), model: type[Recipe] = Recipe) -> Recipe:
    """A recipe from YAML text. Raises `RecipeError` with every problem, `origin` named."""
    try:
        data, lines, problems = _read(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that the calendar does not have
        raise RecipeError(origin, [f"not valid YAML: {error}"]) from error
    except RecursionError:
        raise RecipeError(origin, ["not usable YAML: nested too deeply, or an anchor that contains itself"]) from None
    if not isinstance(data, dict):
        raise RecipeError(origin, ["line 1: a recipe is a mapping with `name:` and `stages:`"])
    return _checked(data, origin, settings, model, lines, problems)


def from_data(data: dict[str, Any], origin: str, settings: Sequence[str] = (), *, with_files: bool = True) -> Recipe:
    """A recipe from its dumped form, with settings applied to it. Raises `RecipeError` with every problem.

    Without `with_files`, the lists that it names may be gone.
    """
    return _checked(data, origin, settings, Recipe, {(): "as saved"}, [], None if with_files else AS_SAVED)


def _checked(
    data: dict[str, Any],
    origin: str,
    settings: Sequence[str],
    model: type[Recipe],
    lines: dict[Where, str],
    problems: list[str],
    context: dict[str, bool] | None = None,
) -> Recipe:
    if "source" in data:
        data["source"] = spelled_out(data["source"])
    for setting in settings:
        problems += _apply(data, setting, lines)
    recipe = None
    try:
        recipe = model.model_validate(data, context=context)
    except ValidationError as error:
        problems += [_problem(model, problem, lines) for problem in error.errors()]
    if recipe is not None:
        problems += [f"{_place(where, lines)}: {what}" for where, what in misfits(recipe)]
    if recipe is None or problems:
        raise RecipeError(origin, problems)
    return recipe


def _read(text: str) -> tuple[Any, dict[Where, str], list[str]]:
    """Plain data, the place of every node ("line 7"), and duplicate keys as problems."""
    loader = yaml.SafeLoader(text)
    lines: dict[Where, str] = {}
    problems: list[str] = []

    def build(node: yaml.Node, where: Where) -> Any:
        lines.setdefault(where, f"line {node.start_mark.line + 1}")
        if isinstance(node, yaml.MappingNode):
            loader.flatten_mapping(node)
            mapping: dict[Any, Any] = {}
            for key_node, value_node in node.value:
                if isinstance(key_node, yaml.CollectionNode):
                    raise yaml.constructor.ConstructorError(
                        None, None, "a list or a mapping cannot be a key", key_node.start_mark
                    )
                key = loader.construct_object(key_node, deep=True)
                line = f"line {key_node.start_mark.line + 1}"
                if key in mapping:
                    problems.append(f"{line}: `{key}` stands twice")
                lines[(*where, key)] = line
                mapping[key] = build(value_node, (*where, key))
            return mapping
        if isinstance(node, yaml.SequenceNode):
            return [build(item, (*where, index)) for index, item in enumerate(node.value)]
        return loader.construct_object(node)

    try:
        node = loader.get_single_node()
        return (build(node, ()) if node else None), lines, problems
    finally:
        loader.dispose()


def _apply(data: dict[str, Any], setting: str, lines: dict[Where, str]) -> list[str]:
    """Put one ``--set path=value`` into `data`; what is wrong with it, if anything."""
    place = f"--set {setting}"
    path, equals, value = setting.partition("=")
    if not equals or not path:
        return [f"{place}: write it as path.to.field=value, as in stages.aspect_ratio.max_ratio=3"]
    try:
        parsed = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that the calendar does not have
        return [f"{place}: the value is not valid YAML: {error}"]
    *parents, last = path.split(".")
    target: Any = data
    where: Where = ()
    for step in parents:
        if isinstance(target, list):
            names = {
                str(item.get("name") or item.get("stage")): i for i, item in enumerate(target) if isinstance(item, dict)
            }
            if step not in names:
                return [
                    f"{place}: no stage is called {step!r}{did_you_mean(step, names)}; there are {', '.join(names)}"
                ]
            target, where = target[names[step]], (*where, names[step])
        else:
            target, where = target.setdefault(step, {}), (*where, step)
        if not isinstance(target, dict | list):
            return [f"{place}: `{step}` is a value, not a group of settings"]
    if isinstance(target, list):
        return [f"{place}: name the field too, as in stages.aspect_ratio.max_ratio=3"]
    target[last] = parsed
    lines[(*where, last)] = place
    return []


def _problem(model: type[Recipe], problem: Any, lines: dict[Where, str]) -> str:
    where = _without_tag(problem["loc"])
    place = _place(where, lines)
    kind, context = problem["type"], problem.get("ctx", {})
    path = ".".join(str(step) for step in where)
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        known = _fields(model, problem["loc"][:-1])
        return f"{place}: unknown key `{path}`{did_you_mean(str(where[-1]), known)}; known: {', '.join(known)}"
    if kind == "union_tag_invalid":
        known = [tag.strip().strip("'") for tag in context["expected_tags"].split(",")]
        tag = context["tag"]
        return f"{place}: unknown stage `{tag}`{did_you_mean(tag, known)}; known: {', '.join(known)}"
    if kind == "union_tag_not_found":
        return f"{place}: every entry of `stages` needs `stage: <kind>`"
    if kind in {"missing", "missing_argument"}:
        return f"{place}: `{path}` is missing"
    if kind == "literal_error":
        meant = did_you_mean(str(problem["input"]), re.findall(r"'([^']*)'", context["expected"]))
        return f"{place}: `{path}` is {problem['input']!r}{meant}; it must be {context['expected']}"
    if kind in {"tuple_type", "list_type"}:
        example = f": `{path.rpartition('.')[2]}=[{problem['input']}]`" if isinstance(problem["input"], str) else ""
        return f"{place}: `{path}` is {problem['input']!r}; it must be a list, in brackets{example}"
    return f"{place}: `{path}` is {problem['input']!r}: {problem['msg']}"


def _without_tag(loc: Where) -> Where:
    """Pydantic weaves a stage's kind in: ``stages 1 aspect_ratio max_ratio`` → ``stages 1 max_ratio``."""
    return loc[:2] + loc[3:] if loc[:1] == ("stages",) else loc


def _place(where: Where, lines: dict[Where, str]) -> str:
    """The line of a node, or of the nearest one around it that has a line."""
    while where and where not in lines:
        where = where[:-1]
    return lines.get(where, "line 1")


def _fields(owner: Any, loc: Where) -> list[str]:
    """The keys that may stand at `loc`, found by walking the model's types."""
    for step in loc:
        if isinstance(step, int):
            continue
        owner = _member(owner, step)
    return [name for name in _hints(owner) if name != "model_config"]


def _member(owner: Any, step: str) -> Any:
    """The model under key `step`, or, inside a union, the one tagged `step`."""
    candidates = list(_models(owner))
    for candidate in candidates:
        if dataclasses.is_dataclass(candidate) and getattr(candidate, "stage", None) == step:
            return candidate
    for candidate in candidates:
        if step in _hints(candidate):
            return _hints(candidate)[step]
    return owner


def _models(hint: Any) -> typing.Iterator[Any]:
    """The models inside a type: through Annotated, list, tuple and unions."""
    if isinstance(hint, type) and (dataclasses.is_dataclass(hint) or issubclass(hint, BaseModel)):
        yield hint
    for argument in typing.get_args(hint):
        yield from _models(argument)


def _hints(owner: Any) -> dict[str, Any]:
    for model in _models(owner):
        if dataclasses.is_dataclass(model):
            hints = typing.get_type_hints(model, include_extras=True)
            return {field.name: hints[field.name] for field in dataclasses.fields(model)}
        return {name: field.rebuild_annotation() for name, field in model.model_fields.items()}
    return {}


def did_you_mean(word: str, known: typing.Iterable[str]) -> str:
    """`` (did you mean `word`?)`` where one of `known` is near; else nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean `{near[0]}`?)" if near else ""

"""What a recipe's rules are, each with its thresholds and where they come from."""

from typing import Any

from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.recipe import Recipe
from pipelines.stage import default_of, semantic_fields, title

_NAMES = frozenset({"stage", "name"})


def rules(recipe: Recipe) -> list[dict[str, Any]]:
    """A dict for each setting of each stage, in order.

    Keys: rule, setting (None for a rule without any), value, origin (``published``, ``secondary``, ``ours``; where
    nothing is stated, ``recipe`` for a value that the recipe chose and ``default`` for one that it left), source
    (where the value is published, or why it is ours; None where nobody says).
    """
    found = []
    for stage in recipe.stages:
        settings = {
            name: to_jsonable_python(getattr(stage, name)) for name in semantic_fields(stage) if name not in _NAMES
        }
        told: list[tuple[str | None, Any]] = [*settings.items()] or [(None, None)]
        for setting, value in told:
            stated = recipe.origins.get(f"{title(stage)}.{setting}") or recipe.origins.get(title(stage))
            origin, _, source = (stated or _unstated(stage, setting)).partition(": ")
            found.append(
                {"rule": title(stage), "setting": setting, "value": value, "origin": origin, "source": source or None}
            )
    return found


def show(recipe: Recipe, console: Console) -> None:
    """For people."""
    console.print(Text(f"{recipe.name}: {' '.join(recipe.description.split())}"))
    table = Table("rule", "setting", "value", "origin", "source")
    before = None
    for rule in rules(recipe):
        value = "" if rule["setting"] is None else said(rule["value"])
        name = "" if rule["rule"] == before else rule["rule"]
        table.add_row(
            *(Text(cell) for cell in (name, rule["setting"] or "", value, rule["origin"], rule["source"] or ""))
        )
        before = rule["rule"]
    console.print(table)
    console.print(
        Text(
            "published: by the system's authors; secondary: told by others; ours: chosen here, unpublished; "
            "recipe: chosen by the recipe, which does not say why; default: left as it is"
        )
    )


def _unstated(stage: Any, setting: str | None) -> str:
    return "default" if setting is None or getattr(stage, setting) == default_of(stage, setting) else "recipe"


def said(value: Any) -> str:
    """A setting's value for people."""
    if isinstance(value, dict):
        return " ".join(f"{name}={said(member)}" for name, member in value.items())
    if isinstance(value, tuple | list):
        return ", ".join(said(member) for member in value) or "–"
    return "–" if value is None else str(value)

"""Fingerprints leave out what is at its default, so a default that changes must raise its stage's version.

`defaults.json` holds every stage's version and defaults. After a change that is meant:

    python -m tests.pipelines.test_defaults
"""

import json
import typing
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from pipelines.recipe import AnyStage
from pipelines.stage import semantic_defaults

PINNED = Path(__file__).with_name("defaults.json")


def now() -> dict[str, Any]:
    """Version and defaults of every stage that a recipe can name."""
    (union, *_) = typing.get_args(AnyStage)
    return {
        spec.__name__: {"version": spec.version, "defaults": to_jsonable_python(semantic_defaults(spec))}
        for spec in typing.get_args(union)
    }


def test_a_default_that_changed_has_raised_its_version() -> None:
    found = now()
    pinned = json.loads(PINNED.read_text("utf-8"))
    for name, before in pinned.items():
        if name in found and found[name]["version"] == before["version"]:
            kept = {field: found[name]["defaults"].get(field, "gone") for field in before["defaults"]}
            assert kept == before["defaults"], f"{name}: raise its version, then pin the new defaults"


def test_every_stage_is_pinned() -> None:
    assert json.loads(PINNED.read_text("utf-8")) == now()


if __name__ == "__main__":
    PINNED.write_text(json.dumps(now(), indent=1, sort_keys=True, ensure_ascii=False) + "\n")

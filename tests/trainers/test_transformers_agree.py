"""Our arithmetic and our templates against transformers' own, as TRL's environment has it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.chatml.dialects import DIALECTS
from pipelines.chatml.dialects.smart_resize import MAX_PIXELS, MIN_PIXELS, smart_resize, too_long
from pipelines.chatml.dialects.tiles import TILE, tile_grid
from pipelines.chatml.trainers import kit
from tests.trainers.conftest import python
from tests.trainers.world import CONVERSATIONS, SPEC

pytestmark = pytest.mark.slow

BUDGETS = {
    "qwen2_vl by default": {"factor": 28, "min_pixels": MIN_PIXELS, "max_pixels": MAX_PIXELS},
    "qwen2_5_vl as published": {"factor": 28, "min_pixels": MIN_PIXELS, "max_pixels": 12_845_056},
    "small": {"factor": 28, "min_pixels": MIN_PIXELS, "max_pixels": 200_704},
    "no whole tokens": {"factor": 28, "min_pixels": MIN_PIXELS, "max_pixels": 1_000_000},
    "qwen3_vl as published": {"factor": 32, "min_pixels": 65_536, "max_pixels": 16_777_216},
}
MOST_TILES = (6, 12, 40)
each_budget = pytest.mark.parametrize("budget", list(BUDGETS))
each_maximum = pytest.mark.parametrize("most", MOST_TILES)


def sizes() -> list[list[int]]:
    """(width, height), 3,600 of them: of all magnitudes; at ties of rounding; near squares and near 1 : 200."""
    random = np.random.default_rng(20261121)
    wide = np.exp(random.uniform(0, np.log(9000), (2000, 2))).astype(np.int64)
    ties = random.integers(1, 300, (800, 2)) * 14
    squares = np.repeat(random.integers(1, 4000, (400, 1)), 2, axis=1) + random.integers(0, 2, (400, 2))
    short = random.integers(1, 45, 400)
    longest = np.stack([short * 200 + random.integers(-1, 2, 400), short], axis=1)
    found: list[list[int]] = np.maximum(np.concatenate([wide, ties, squares, longest]), 1).tolist()
    return found


SIZES = sizes()
WIDTH, HEIGHT = np.array(SIZES, np.int64).T
FEW = [[448, 448], [800, 1300], [40, 400], [1024, 768], [633, 633], [634, 634], [2000, 300], [1, 1]]


@pytest.fixture(scope="module")
def answers(model: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """All that is asked, at one go."""
    folder = tmp_path_factory.mktemp("transformers")
    ours = folder / "chat_template.jinja"
    ours.write_text(kit("qwen2_5_vl", SPEC.budget, ("train",))["trl/chat_template.jinja"])
    published = python("trl"), "-c", "import trl; print(trl.__path__[0])"
    templates = Path(subprocess.run(published, capture_output=True, text=True, check=True).stdout.strip())
    asked = {
        "resized": [budget | {"sizes": SIZES} for budget in BUDGETS.values()],
        "tiled": [{"max_tiles": most, "sizes": SIZES} for most in MOST_TILES],
        "cropped": [{"max_tiles": most, "sizes": FEW} for most in MOST_TILES],
        "rendered": [
            {"model": str(model("trl")), "template": str(template), "conversations": conversations()}
            for template in (ours, templates / "chat_templates/qwen2_5_vl.jinja")
        ],
    }
    (folder / "asked.json").write_text(json.dumps(asked))
    script = Path(__file__).with_name("transformers_answers.py")
    subprocess.run(
        [python("trl"), "-I", str(script), str(folder / "asked.json"), str(folder / "told.json")], check=True
    )
    told: dict[str, list[Any]] = json.loads((folder / "told.json").read_text())
    return told


def conversations() -> list[list[dict[str, Any]]]:
    """The world's, as transformers takes them."""
    return [
        [
            {
                "role": turn.role,
                "content": [
                    {"type": "image"} if part is None else {"type": "text", "text": part} for part in turn.parts
                ],
            }
            for turn in conversation
        ]
        for conversation, _ in CONVERSATIONS.values()
    ]


@each_budget
def test_smart_resize(answers: dict[str, list[Any]], budget: str) -> None:
    theirs = answers["resized"][list(BUDGETS).index(budget)]
    refused = too_long(WIDTH, HEIGHT)
    assert [size is None for size in theirs] == refused.tolist()
    ours = np.stack(smart_resize(WIDTH, HEIGHT, **BUDGETS[budget]), axis=1)
    assert ours[~refused].tolist() == [size for size in theirs if size is not None]


@each_maximum
def test_tiles(answers: dict[str, list[Any]], most: int) -> None:
    ours = np.stack(tile_grid(WIDTH, HEIGHT, most), axis=1)
    assert ours.tolist() == answers["tiled"][MOST_TILES.index(most)]


@each_maximum
def test_tiles_and_thumbnail_of_pictures(answers: dict[str, list[Any]], most: int) -> None:
    columns, rows = tile_grid(*np.array(FEW, np.int64).T, most)
    pictures = columns * rows + (columns * rows > 1)
    assert pictures.tolist() == answers["cropped"][MOST_TILES.index(most)]
    assert TILE == 448


@pytest.mark.parametrize("template", ["the kit's", "the published one"])
@pytest.mark.parametrize("dialect", ["qwen2_vl", "qwen2_5_vl"])
def test_chat_template(answers: dict[str, list[Any]], template: str, dialect: str) -> None:
    theirs = answers["rendered"][["the kit's", "the published one"].index(template)]
    ours = [
        DIALECTS[dialect].training_text(conversation, [1] * len(sizes)).text
        for conversation, sizes in CONVERSATIONS.values()
    ]
    assert theirs == ours

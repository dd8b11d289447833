"""`shardmill try ground`: a picture and a caption in, boxes out."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs.demo.scenes import draw
from tests.support.runs import shardmill


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "scene.png"
    Image.fromarray(draw("try").pixels).save(path)
    return path


def test_boxes_of_a_drawn_scene(picture: Path, tmp_path: Path) -> None:
    scene = draw("try")
    out = tmp_path / "boxes.png"
    done = shardmill("try", "ground", str(picture), "--caption", scene.caption, "--out", str(out))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    height, width = scene.pixels.shape[:2]
    assert list(found) == ["image", "width", "height", "regions"]
    assert (found["image"], found["width"], found["height"]) == (str(picture), width, height)
    assert [list(region) for region in found["regions"]] == [["phrase", "expression", "box", "score"]] * len(
        scene.objects
    )
    boxes = {
        (*region["phrase"], *np.rint(np.array(region["box"]) * (width, height, width, height)).astype(int).tolist())
        for region in found["regions"]
    }
    assert boxes == {(one.start, one.end, *scene.objects[at].box) for one in scene.phrases for at in one.objects}
    drawn = np.asarray(Image.open(out))
    assert drawn.shape == scene.pixels.shape
    changed = (drawn != scene.pixels).any(axis=2)
    for one in scene.objects:
        x1, y1, x2, y2 = one.box
        assert changed[y1, x1:x2].all() and changed[y2 - 1, x1:x2].all()
        assert changed[y1:y2, x1].all() and changed[y1:y2, x2 - 1].all()
        assert not changed[y2, x1:x2].any()
    assert not changed[:, -1].any(), "a label is cut at the edge"


def test_a_caption_that_names_nothing_it_knows_has_no_boxes_and_a_hint(picture: Path) -> None:
    done = shardmill("try", "ground", str(picture), "--caption", "a dog on a bench")
    assert done.returncode == 0
    assert json.loads(done.stdout)["regions"] == []
    assert "coloured shapes in drawings only" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.png", "--caption", "a dog"], "nowhere.png"),
        ([__file__, "--caption", "a dog"], "not_an_image"),
        (["PICTURE", "--caption", "a dog", "--out", "boxes.jpg"], ".png"),
        (["PICTURE", "--caption", "a dog", "--set", "stages.ground.nested=unnest"], "--recipe"),
        (["PICTURE", "--caption", "a dog", "--recipe", "wukong"], "no stage `ground`"),
        (["PICTURE", "--caption", "a dog", "--recipe", "cogvlm-grounding"], "pip install 'shardmill[detectors]'"),
    ],
)
def test_mistakes_are_one_message(picture: Path, arguments: list[str], said: str) -> None:
    done = shardmill("try", "ground", *(str(picture) if word == "PICTURE" else word for word in arguments))
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr

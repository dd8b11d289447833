"""`shardmill try phrases`: captions in, one JSON object a line out."""

import json
import subprocess
from pathlib import Path

from tests.support.runs import SHARDMILL


def tried(captions: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SHARDMILL, "try", "phrases", *options], input=captions, capture_output=True, text=True, check=False
    )


def test_the_example_of_grit() -> None:
    (found,) = map(json.loads, tried("a dog in a field of flowers\n").stdout.splitlines())
    assert list(found) == ["caption", "noun_chunks", "ref_exps"]
    assert found["noun_chunks"] == [[0, 5], [9, 16], [20, 27]]
    assert found["ref_exps"] == [[0, 27], [9, 27], [20, 27]]


def test_every_line_is_answered_in_order_and_spans_are_of_the_caption_as_given() -> None:
    lines = ["  two  dogs\tand a café 🐶", "", "一只小狗", "a room without a bed", "a man's hat"]
    found = [json.loads(line) for line in tried("\n".join(lines) + "\n").stdout.splitlines()]
    assert [one["caption"] for one in found] == lines
    said = [[one["caption"][slice(*span)] for span in one["noun_chunks"]] for one in found]
    assert said == [["two  dogs", "a café"], [], [], ["a room"], ["a man's hat"]]


def test_a_model_that_is_not_there_is_one_message() -> None:
    done = tried("a dog\n", "--model", "en_core_web_none")
    assert done.returncode == 2
    assert "en_core_web_none" in done.stderr
    assert "caption_sm" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_holds_no_pipeline_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "config.cfg").write_text("[nlp]\nlang = en\n")
    done = tried("a dog\n", "--model", str(tmp_path))
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


def test_settings_are_of_a_recipe() -> None:
    done = tried("a dog\n", "--set", "stages.ground.phrases.model=x")
    assert done.returncode == 2
    assert "--recipe" in done.stderr


def test_the_model_of_a_recipe_is_taken() -> None:
    options = ("--recipe", "cogvlm-grounding", "--set", "stages.ground.phrases.model=en_core_web_none")
    done = tried("a dog\n", *options)
    assert done.returncode == 2
    assert "en_core_web_none" in done.stderr
    assert json.loads(tried("a dog\n", *options[:2]).stdout)["noun_chunks"] == [[0, 5]]

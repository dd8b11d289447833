"""The recipes that translate, run on drawn scenes with the phrasebook as their endpoint."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from jobs import commands
from jobs.demo.bilingual import translate
from jobs.demo.phrasebook import MODEL, serving
from jobs.demo.scenes import Scene, draw
from jobs.export_sft import FOLDERS
from pipelines.sources.spec import SourceSpec
from tests.support.runs import shardmill
from tests.support.served import served
from tests.support.sft_sources import COCO, SCENES, write_sources
from tests.support.tables import read_all

DRAWN = [draw(f"bilingual recipe {number}") for number in range(24)]


@pytest.fixture(scope="module")
def book() -> Iterator[str]:
    with serving() as url:
        yield url


def run(recipe: str, folder: Path, inputs: list[Path], book: str, *settings: str) -> list[dict[str, Any]]:
    """The samples of a run."""
    asked = (f"llm.url={book}", f"llm.model={MODEL}", "run.min_free_gb=0", "stages.pull.allow=[127.0.0.1/32]")
    options = commands.RunOptions(recipe, folder / "run", tuple(map(str, inputs)), (*asked, *settings), engine="inline")
    assert commands.run(options) == 0
    assert commands.verify(folder / "run") == 0
    return [
        row
        for shard in sorted((folder / "run/dataset/data").glob("*.parquet"))
        for row in pq.read_table(shard).to_pylist()
    ]


def pairs(folder: Path, web: str, captions: list[str], scenes: list[Scene]) -> Path:
    for number, scene in enumerate(scenes):
        Image.fromarray(scene.pixels).save(folder / f"{number}.png")
    columns = {"url": [f"{web}/{number}.png" for number in range(len(scenes))], "caption": captions}
    coyo = {"text": captions, "id": list(range(len(scenes)))}
    pq.write_table(pa.table({**columns, **coyo}), folder / "pairs.parquet")
    return folder / "pairs.parquet"


def answers(sample: dict[str, Any]) -> list[str]:
    return [turn["content"] for turn in sample["messages_tagged"] if turn["role"] == "assistant"]


def test_captions_become_bilingual_and_what_has_no_translation_stays(tmp_path: Path, book: str) -> None:
    captions = [scene.caption for scene in DRAWN[:6]] + ["Nobody knows what this says"]
    with served(tmp_path) as web:
        given = pairs(tmp_path, web, captions, DRAWN[:7])
        samples = run("internvl-bilingual", tmp_path, [given], book)
    said = {(sample["language"], answers(sample)[0]) for sample in samples}
    chinese = {("zh", done.text) for caption in captions[:6] if (done := translate(caption))}
    assert said == {("en", caption) for caption in captions} | chinese
    assert len(chinese) == 6
    asked = {sample["messages_tagged"][0]["content"] for sample in samples if sample["language"] == "zh"}
    assert all(re.search("[\u4e00-\u9fff]", question) for question in asked)


def test_one_language_alone_may_be_packed(tmp_path: Path, book: str) -> None:
    with served(tmp_path) as web:
        given = pairs(tmp_path, web, [scene.caption for scene in DRAWN[:4]], DRAWN[:4])
        samples = run("internvl-bilingual", tmp_path, [given], book, "pack.languages=[zh]")
    assert [sample["language"] for sample in samples] == ["zh"] * 4


def test_boxes_follow_their_phrases_into_chinese(tmp_path: Path, book: str) -> None:
    with served(tmp_path) as web:
        given = pairs(tmp_path, web, [scene.caption for scene in DRAWN], DRAWN)
        samples = run("grit-zh", tmp_path, [given], book, "stages.ground.detector={kind: shapes}")
    scenes = {scene.caption: scene for scene in DRAWN}
    seen = 0
    for sample in samples:
        if sample["task"] != "rec" or sample["language"] != "zh":
            continue
        for region in sample["regions"]:
            noun = translate(region["label"])
            assert noun is not None, region["label"]
            boxes = [
                thing.box
                for scene in scenes.values()
                for thing in scene.objects
                if all(word in noun.text for word in thing.label.split())
            ]
            nearest = min(max(abs(a - b) for a, b in zip(box, region["bbox"], strict=True)) for box in boxes)
            assert nearest <= 2
            seen += 1
    assert seen >= 15
    grounded = {sample["language"]: answers(sample)[0] for sample in samples if sample["task"] == "grounded_caption"}
    assert "<ref>" in grounded["zh"]
    assert grounded.keys() == {"en", "zh"}
    by_language = [sample["language"] for sample in samples if sample["task"] == "rec"]
    assert by_language.count("zh") <= by_language.count("en")


def test_cogvlm_s_set_is_made_of_its_sources_in_both_languages(tmp_path: Path, book: str) -> None:
    files = write_sources(tmp_path)
    samples = run("cogvlm-sft-311k", tmp_path, files, book, f"source.root={tmp_path / 'train2017'}")
    said = sorted((sample["task"], sample["language"], len(answers(sample))) for sample in samples)
    assert said == [
        ("caption", "en", 1),  # detail_23k
        ("caption", "en", 1),  # filter_cap
        ("caption", "en", 1),  # filter_cap, which the phrasebook has no translation of
        ("caption", "zh", 1),
        ("caption", "zh", 1),
        ("conversation", "en", 1),
        ("conversation", "en", 2),
        ("conversation", "en", 2),
        ("translated_conversation", "zh", 1),
        ("translated_conversation", "zh", 2),
    ]
    detail = SCENES[COCO[0]].caption
    chinese = translate(f"{detail}.")
    assert chinese is not None
    assert [chinese.text] in [answers(sample) for sample in samples if sample["language"] == "zh"]
    layer = pq.read_table(
        next((tmp_path / "run/layers/translate").glob("*.parquet")), columns=["captions", "translations"]
    )
    passes = {
        tuple(one["pass"] for one in row["translations"]): tuple(one["role"] for one in row["captions"])
        for row in layer.to_pylist()
        if row["translations"]
    }
    assert passes[("translate", "correct", "back")] == ("generated", "translated", "corrected", "corrected")


def test_cogvlm_s_folders_are_written_and_read_back(tmp_path: Path, book: str) -> None:
    files = write_sources(tmp_path)
    run("cogvlm-sft-311k", tmp_path, files, book, f"source.root={tmp_path / 'train2017'}")
    out = tmp_path / "CogVLM-SFT-311K"
    done = shardmill("export", str(tmp_path / "run"), "--format", "cogvlm-sft", "--output", str(out))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["images"] == dict(zip(FOLDERS, (3, 2, 1), strict=True))

    details, several, single = (out / name for name in FOLDERS)
    stems = {file.stem for file in (details / "images").iterdir()}
    assert stems == {"00000001", "00000002", "00000003"}
    chinese = {file.stem: json.loads(file.read_text("utf-8")) for file in (details / "labels").iterdir()}
    english = {file.stem: json.loads(file.read_text("utf-8")) for file in (details / "labels_en").iterdir()}
    assert len(chinese) == 2  # of one there is no translation
    assert english.keys() == stems
    for stem, label in chinese.items():
        ((caption,),) = label.values()
        assert label == {"captions": [{"role": "caption", "content": caption["content"]}]}
        back = translate(caption["content"])
        assert back is not None
        assert english[stem] == {"captions": [{"role": "caption", "content": back.text}]}
    (talk,) = (json.loads(file.read_text("utf-8")) for file in (several / "labels").iterdir())
    assert [turn["role"] for turn in talk["conversations"]] == ["user", "assistant"] * 2
    assert talk["conversations"][0]["content"] == "这张图片里有什么？"
    assert [len(list((single / name).iterdir())) for name in ("images", "labels", "labels_en")] == [1, 1, 1]

    rows = read_all(out, SourceSpec(format="cogvlm_sft"))
    assert len(rows) == 10
    assert all(row["input_error"] is None for row in rows)
    again = shardmill("export", str(tmp_path / "run"), "--format", "cogvlm-sft", "--output", str(out))
    assert again.returncode == 2
    assert "is there already" in again.stderr

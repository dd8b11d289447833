"""From annotation files and grounded tables to shards: the boxes and turns that the source has, and every row told."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs import commands
from pipelines.chatml.dialects import DIALECTS
from tests.jobs.test_packing import byte_level_tokenizer
from tests.pipelines.pull.pictures import file, textured
from tests.pipelines.sources.annotations.annotated import LLAVA, write, write_flickr30k, write_refcoco
from tests.support.web import Web

DIALECT_NAMES = [name for name in DIALECTS if DIALECTS[name].writes_boxes]


def pictures(folder: Path, **sizes: tuple[int, int]) -> Path:
    """JPEG files of these sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, size) in enumerate(sizes.items()):
        (folder / f"{name}.jpg").write_bytes(file(textured(*size, seed=seed), "JPEG"))
    return folder


def run(folder: Path, given: Path, source: str, pack: str) -> list[dict[str, Any]]:
    """Run over `given` in this process; the samples in the shards."""
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        f"name: x\nsource: {source}\nstages:\n  - {{stage: pull, allow: ['127.0.0.0/8']}}\npack: {pack}\n"
        "run: {min_free_gb: 0}\n"
    )
    options = commands.RunOptions(str(recipe), folder / "run", inputs=(str(given),), engine="inline")
    assert commands.run(options) == 0
    assert commands.verify(folder / "run") == 0
    shards = sorted((folder / "run/dataset/data").glob("*.parquet"))
    return [row for shard in shards for row in pq.read_table(shard).to_pylist()]


def verdicts(folder: Path) -> Counter[str | None]:
    """How often rows left for which reason."""
    layers = sorted((folder / "run/layers").rglob("part-*.parquet"))
    final: dict[int, str | None] = {}
    for path in layers:
        for row in pq.read_table(path, columns=["id", "reason"]).to_pylist():
            final[row["id"]] = final.get(row["id"]) or row["reason"]
    return Counter(final.values())


def texts(sample: dict[str, Any], role: str) -> list[str]:
    return [turn["content"] for turn in sample["messages_tagged"] if turn["role"] == role]


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_refcoco_becomes_referring_tasks_with_the_boxes_of_the_file(tmp_path: Path, dialect: str) -> None:
    images = pictures(tmp_path / "images", COCO_train2014_5=(200, 100), COCO_train2014_7=(100, 100))
    write_refcoco(tmp_path / "refcoco")
    source = f"{{format: refcoco, root: {images}}}"
    rec, reg = run(tmp_path, tmp_path / "refcoco", source, f"{{dialect: {dialect}, tasks: [rec, reg]}}")

    model = DIALECTS[dialect]
    found = [model.read(answer)[0] for answer in texts(rec, "assistant")]
    if dialect == "qwen2_vl":
        assert [one.coordinates[0] for one in found] == [(100, 100, 400, 500)] * 2 + [(500, 0, 999, 999)]
    assert [[round(side) for side in region["bbox"]] for region in rec["regions"]] == [
        [20, 10, 80, 50],
        [20, 10, 80, 50],
        [100, 0, 200, 100],
    ]
    assert [region["label"] for region in rec["regions"]] == ["left man", "man in hat", "second man"]
    if dialect == "cogvlm":  # in whose texts nothing marks a phrase
        assert texts(rec, "assistant")[2] == "second man [[500,000,999,999]]"
    else:
        assert [one.label for one in found] == ["left man", "man in hat", "second man"]
    assert texts(reg, "assistant") == ["Left man.", "Second man."]
    assert verdicts(tmp_path) == {None: 1, "other_split": 1}


def test_flickr30k_becomes_grounded_captions(tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", **{"1000092795": (500, 400)})
    write_flickr30k(tmp_path / "entities")
    source = f"{{format: flickr30k_entities, root: {images}}}"
    (sample,) = run(tmp_path, tmp_path / "entities", source, "{tasks: [grounded_caption]}")
    man, left, right = "(100,100),(500,999)", "(0,0),(200,250)", "(800,0),(999,250)"
    assert texts(sample, "assistant") == [
        f"<|object_ref_start|>A man<|object_ref_end|><|box_start|>{man}<|box_end|> with "
        f"<|object_ref_start|>bags<|object_ref_end|><|box_start|>{left}<|box_end|><|box_start|>{right}<|box_end|> "
        "is on a street , it seems ."
    ]
    assert {region["source"] for region in sample["regions"]} == {"flickr30k_entities"}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_llava_becomes_conversations(tmp_path: Path, dialect: str) -> None:
    pictures(tmp_path / "llava", **{"000000033471": (64, 48)})
    pictures(tmp_path / "llava/coco", **{"000000052846": (48, 64)})
    records = [*LLAVA, {"id": "t", "conversations": LLAVA[0]["conversations"]}, LLAVA[0] | {"image": "gone.jpg"}]
    given = write(tmp_path / "llava/llava.json", records)
    samples = run(
        tmp_path, given, "{format: llava, caption_lang: en}", f"{{dialect: {dialect}, tasks: [conversation]}}"
    )
    by_name = {json.loads(sample["provenance"])["source_row"]: sample for sample in samples}
    after = DIALECTS[dialect].after_image
    assert texts(by_name[0], "user") == [f"<image>{after}What are the colors of the bus?", "What is on its back?"]
    assert texts(by_name[0], "assistant") == ["The bus is white and red.", "An advertisement."]
    assert texts(by_name[1], "user") == [f"<image>{after}Where is the cat?"]
    assert {(sample["task"], sample["language"]) for sample in samples} == {("conversation", "en")}
    assert verdicts(tmp_path) == {None: 2, "no_image": 1, "file_missing": 1}


def test_a_table_of_grit_gives_all_tasks_without_a_stage_that_grounds(web: Web, tmp_path: Path) -> None:
    record = {
        "url": web.url("image", 1),
        "caption": "a dog in a field of flowers",
        "noun_chunks": [[0, 5, 0.1, 0.2, 0.5, 0.9, 0.8], [9, 16, 0.0, 0.4, 1.0, 1.0, 0.7]],
        "ref_exps": [[0, 27, 0.1, 0.2, 0.5, 0.9, 0.8], [9, 27, 0.0, 0.4, 1.0, 1.0, 0.7]],
        "clip_similarity_vitb32": 0.3,
    }
    pq.write_table(pa.Table.from_pylist([record]), tmp_path / "grit.parquet")
    samples = run(tmp_path, tmp_path / "grit.parquet", "grit", "{tasks: [caption, grounded_caption, rec, reg]}")
    answers = {sample["task"]: texts(sample, "assistant") for sample in samples}
    box = "<|box_start|>(100,200),(500,900)<|box_end|>"
    marked = f"<|object_ref_start|>a dog in a field of flowers<|object_ref_end|>{box}"
    assert answers == {
        "caption": ["a dog in a field of flowers"],
        "grounded_caption": [marked],
        "rec": [marked],
        "reg": ["A dog in a field of flowers."],
    }, "spans that another contains are left out"
    assert {sample["license"] for sample in samples} == {"MS-PL (the annotation; images keep their own)"}


def test_cogvlm_sft_gives_captions_and_conversations(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "A dog."}]
    labels = {
        "details": {"captions": [{"role": "caption", "content": "一条街"}]},
        "multi": {"conversations": turns},
    }
    for name, label in labels.items():
        pictures(tmp_path / f"sft/{name}/images", **{"00000001": (64, 48)})
        write(tmp_path / f"sft/{name}/labels/00000001.json", label)
    samples = run(tmp_path, tmp_path / "sft", "{format: cogvlm_sft}", "{tasks: [caption, conversation]}")
    assert Counter((sample["task"], sample["source"]) for sample in samples) == {
        ("caption", "details"): 1,
        ("conversation", "multi"): 1,
    }
    assert {sample["license"] for sample in samples} == {"CC-BY-NC-4.0"}


def test_tasks_that_the_source_cannot_give_are_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("name: x\nsource: coyo-700m\nstages: [{stage: pull}]\npack: {tasks: [conversation, reg]}\n")
    assert commands.run(commands.RunOptions(str(recipe), tmp_path / "run", inputs=("x",))) == 2
    said = capsys.readouterr().err
    assert "conversation: made of `turns`, which the source does not have" in said
    assert "reg: made of `regions`, which neither the source has nor a stage adds" in said


@pytest.mark.parametrize("name", ["llava", "refcoco"])
def test_shipped_recipes_need_no_more_than_the_files(tmp_path: Path, name: str) -> None:
    images = pictures(tmp_path / "images", COCO_train2014_5=(200, 100), **{"000000033471": (64, 48)})
    given = write_refcoco(tmp_path) if name == "refcoco" else write(tmp_path / "llava.json", LLAVA[:1])
    settings = (f"source.root={images}", "run.min_free_gb=0")
    options = commands.RunOptions(name, tmp_path / "run", inputs=(str(given),), settings=settings, engine="inline")
    assert commands.run(options) == 0
    (shard,) = (tmp_path / "run/dataset/data").glob("*.parquet")
    tasks = {"llava": ["conversation"], "refcoco": ["rec", "reg"]}[name]
    assert pq.read_table(shard)["task"].to_pylist() == tasks


def test_conversations_are_split_and_counted_as_captions_are(tmp_path: Path) -> None:
    names = [f"p{number}" for number in range(12)]
    pictures(tmp_path / "llava", **dict.fromkeys(names, (64, 48)))
    records = [LLAVA[0] | {"id": name, "image": f"{name}.jpg"} for name in names]
    given = write(tmp_path / "llava/llava.json", records)
    pack = f"{{tasks: [conversation], split: {{validation: 0.25}}, tokenizer: {byte_level_tokenizer(tmp_path)}}}"
    samples = run(tmp_path, given, "{format: llava, caption_lang: en}", pack)

    shards = {path.name.split("-")[0] for path in (tmp_path / "run/dataset/data").iterdir()}
    assert shards == {"train", "validation"}
    assert len(samples) == len(names)
    said = [turn["value"].replace("<image>\n", "") for turn in LLAVA[0]["conversations"]]
    system = "system\nYou are a helpful assistant."
    # of each turn two marks, its role and two line feeds; of the image two marks
    text = sum(len(turn) for turn in (*said, system)) + 2 * len("user\nassistant\n") + 5 * 3 + 2
    assert {sample["n_text_tokens"] for sample in samples} == {text}
    card = (tmp_path / "run/dataset/README.md").read_text()
    assert f"{len(names) * sum(len(turn) + 1 for turn in said[1::2]):,}" in card, "loss is on every answer"

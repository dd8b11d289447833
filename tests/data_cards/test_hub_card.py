import dataclasses
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pytest
import yaml
from huggingface_hub import DatasetCard
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_cards.facts import CardFacts, Kind, Refusal, Split, Step, TaskRefusal
from data_cards.facts_measured import (
    AnnotationEngine,
    BoxCounts,
    Count,
    Host,
    Review,
    Rule,
    SourceLicense,
    Tally,
    TaskTokens,
)
from data_cards.hub_card import render
from pipelines.chatml.shard_writer import ShardWriter
from schemas.chatml import SHARD, features
from schemas.layout import shard_name
from schemas.reasons import REASONS
from schemas.statements import STATEMENTS

FACTS = CardFacts(
    recipe="demo",
    description="Pairs from a loopback web.",
    dialect="qwen2_vl",
    tasks=("caption",),
    rows=10,
    steps=(
        Step("pull", 10, 6, (Refusal("pull", "timeout", 1), Refusal("pull", "http_gone", 3))),
        Step("exact_duplicates", 6, 5, (Refusal("exact_duplicates", "duplicate_image", 1),)),
        Step("pack", 5, 4, (Refusal("pack", "no_caption", 1),)),
    ),
    splits=(Split("train", 4, 4000),),
    shards=2,
    download_size=3500,
    budget={"max_pixels": 1_003_520},
    kinds=(Kind("caption", "en", 5, {"train": 3}), Kind("caption", "und", 1, {"train": 1})),
    licenses=(Count("CC0-1.0", 3), Count(None, 1)),
    versions={"shardmill": "0.1.0", "pyarrow": "26.0.1"},
)


def changed(**values: Any) -> CardFacts:
    return dataclasses.replace(FACTS, **values)


def front_matter(facts: CardFacts) -> dict[str, Any]:
    _, front, _ = render(facts).split("---\n", 2)
    return dict(yaml.safe_load(front))


def table_below(card: str, head: str) -> list[list[str]]:
    """Cells of the table whose header line starts with `head`."""
    lines = card[card.index(f"| {head} ") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def jpeg(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, 0, 0)).save(file, "JPEG")
    return file.getvalue()


def sample(row: int) -> dict[str, Any]:
    return {
        "id": f"k-{row}",
        "messages": [{"role": "user", "content": [{"type": "image", "text": None}]}],
        "messages_tagged": [{"role": "user", "content": "<image>"}],
        "images": [{"bytes": jpeg(row), "path": f"{row}.jpg"}],
        "image_meta": [{"width": 40, "height": 30, "format": "jpeg"}],
        "regions": [{"image_index": 0, "label": "x", "bbox": [0, 0, 4, 3], "score": 1, "source": "s"}] * row,
        "task": "caption",
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of two shards with its card, as a run leaves it."""
    root = tmp_path_factory.mktemp("dataset")
    (root / "data").mkdir()
    for index in range(2):
        with ShardWriter(root / "data" / shard_name(index, 2)) as writer:
            writer.write(pa.Table.from_pylist([sample(2 * index), sample(2 * index + 1)], SHARD))
    (root / "README.md").write_text(render(FACTS), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    cache = str(tmp_path_factory.mktemp("cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
        yield lambda *args, **options: datasets.load_dataset(*args, split="train", cache_dir=cache, **options)


@pytest.mark.parametrize("streaming", [False, True])
def test_the_folder_loads_with_decoded_images(folder: Path, load: Callable[..., Any], streaming: bool) -> None:
    loaded = list(load(str(folder), streaming=streaming))
    assert [row["id"] for row in loaded] == ["k-0", "k-1", "k-2", "k-3"]
    for row, read in enumerate(loaded):
        (image,) = read["images"]
        assert image.tobytes() == Image.open(io.BytesIO(jpeg(row))).tobytes()
        assert read["regions"] == [{**region, "bbox": [0.0, 0.0, 4.0, 3.0]} for region in sample(row)["regions"]]


@pytest.mark.parametrize("streaming", [False, True])
def test_the_files_load_with_the_bytes_as_stored(folder: Path, load: Callable[..., Any], streaming: bool) -> None:
    loaded = load("parquet", data_files=str(folder / "data" / "train-*.parquet"), streaming=streaming)
    assert [row["images"] for row in loaded] == [sample(row)["images"] for row in range(4)]


def test_a_data_set_that_no_row_came_through_to_streams_as_empty(tmp_path: Path, load: Callable[..., Any]) -> None:
    (tmp_path / "data").mkdir()
    with ShardWriter(tmp_path / "data" / shard_name(0, 1)):
        pass
    left = Step("pull", 10, 0, (Refusal("pull", "timeout", 10),))
    facts = changed(steps=(left,), splits=(Split("train", 0, 0),), kinds=(), licenses=(), versions={}, shards=1)
    (tmp_path / "README.md").write_text(render(facts), encoding="utf-8")
    # `datasets` maps no split without rows, whoever wrote it; streaming reads it
    assert list(load(str(tmp_path), streaming=True)) == []


def test_the_card_is_one_that_the_hub_reads(folder: Path) -> None:
    card = DatasetCard.load(folder / "README.md")
    assert card.data.language == ["en"]
    assert card.data.license == "other"
    assert card.data.size_categories == ["n<1K"]
    assert card.data.task_categories == ["image-to-text", "image-text-to-text"]
    assert card.data.configs == [
        {"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*.parquet"}]}
    ]


def test_the_front_matter_declares_the_shards_columns_with_decoding_images() -> None:
    declared = datasets.DatasetInfo._from_yaml_dict(front_matter(FACTS)["dataset_info"])
    embedded = datasets.Features.from_dict(features())
    assert declared.features == {**embedded, "images": datasets.List(datasets.Image())}
    assert declared.splits["train"].num_examples == 4
    assert (declared.download_size, declared.dataset_size) == (3500, 4000)


@pytest.mark.parametrize(
    ("licenses", "expected"),
    [
        ({"CC0-1.0": 4}, "cc0-1.0"),
        ({"CC0-1.0": 3, "cc-by-4.0": 1}, "other"),
        ({"CC0-1.0": 3, None: 1}, "other"),
        ({"all rights reserved": 4}, "other"),
        ({}, "other"),
    ],
)
def test_a_licence_is_named_only_where_every_sample_states_it(licenses: dict[str | None, int], expected: str) -> None:
    counts = tuple(Count(name, n) for name, n in licenses.items())
    assert front_matter(changed(licenses=counts))["license"] == expected


@pytest.mark.parametrize(
    ("samples", "category"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (99_999, "10K<n<100K"), (10**8, "100M<n<1B"), (10**12, "n>1T")],
)
def test_size_categories(samples: int, category: str) -> None:
    assert front_matter(changed(splits=(Split("train", samples, 1),)))["size_categories"] == [category]


def test_the_funnel_shows_every_step_and_adds_up() -> None:
    assert table_below(render(FACTS), "step | rows entered") == [
        ["`pull`", "10", "6", "4"],
        ["`exact_duplicates`", "6", "5", "1"],
        ["`pack`", "5", "4", "1"],
        ["**in all**", "10", "4", "6"],
    ]


def test_reasons_come_with_their_meaning_the_most_frequent_first() -> None:
    lines = table_below(render(FACTS), "step | stage")
    assert [(line[0], line[2], line[4]) for line in lines] == [
        ("`pull`", "`http_gone`", "3"),
        ("`pull`", "`timeout`", "1"),
        ("`exact_duplicates`", "`duplicate_image`", "1"),
        ("`pack`", "`no_caption`", "1"),
        ("**in all**", "", "6"),
    ]
    assert lines[1][3] == f"failed: {REASONS['timeout'].meaning}"


def test_a_long_tail_of_licences_is_summed_up() -> None:
    lines = table_below(render(changed(licenses=tuple(Count(f"licence-{i:03d}", 1) for i in range(1000)))), "licence")
    assert len(lines) == 21
    assert lines[-1] == ["980 others", "980"]


def test_rows_of_many_sources_add_up_to_those_that_came_through() -> None:
    sources = tuple(SourceLicense(f"part-{at:05d}.parquet", None, 2) for at in range(200))  # of the thousands there are
    steps = (Step("pull", 10_000, 9_000, (Refusal("pull", "timeout", 1_000),)),)
    card = render(changed(rows=10_000, steps=steps, sources=sources))
    for head, first in (("source | rows", "`part-00000.parquet`"), ("source | licence", r"part\-00000.parquet")):
        lines = table_below(card, head)
        assert (len(lines), lines[0][0], lines[-1][0]) == (21, first, "others")
        assert sum(int(line[-1].replace(",", "")) for line in lines) == 9_000


HOSTILE = st.one_of(
    st.text(), st.sampled_from(["---\nlicense: mit\n---", "`|`\n| x |", "<img src=x onerror=y>", "${{7}}"])
)


@settings(max_examples=40, deadline=None)
@given(recipe=HOSTILE, description=HOSTILE, language=HOSTILE, license_=HOSTILE)
def test_nothing_from_outside_becomes_markup(recipe: str, description: str, language: str, license_: str) -> None:
    card = render(
        changed(
            recipe=recipe,
            description=description,
            kinds=(Kind("caption", language, 4, {"train": 4}),),
            licenses=(Count(license_, 4),),
        )
    )
    front = front_matter(changed(recipe=recipe, description=description))
    assert list(front) == list(front_matter(FACTS))
    assert front["pretty_name"] == " ".join(recipe.split())
    outside_code = re.sub(r"```.*?```|`[^`\n]*`", "", card.split("---\n", 2)[2], flags=re.DOTALL)
    assert "<" not in outside_code
    assert len(table_below(card, "step | rows entered")) == 4


def test_texts_of_sources_are_cut_before_they_fill_the_card() -> None:
    endless = "ab " * 300_000
    card = render(
        changed(
            kinds=(Kind("caption", endless, 4, {"train": 4}),),
            licenses=(Count(endless, 4),),
            hosts=(Host("x" * 1_000_000, 4, 3, (("pull", "timeout", 1),)),),
            sources=(SourceLicense(endless, endless, 4),),
            tallies=(Tally("caption_language", "language", "captions", "captions", (Count(endless, 3),), {}),),
        )
    )
    assert len(card) < 20_000
    assert len(table_below(card, "step | rows entered")) == 4


def test_the_same_facts_give_the_same_card() -> None:
    assert render(FACTS) == render(changed(licenses=(Count(None, 1), Count("CC0-1.0", 3))))


def test_the_card_tells_what_each_task_and_language_gave() -> None:
    kinds = (
        Kind("caption", "en", 5, {"train": 3, "validation": 1}, supervised_tokens=40),
        Kind("rec", "zh", 2, {"train": 2, "validation": 0}, supervised_tokens=9),
    )
    card = render(changed(kinds=kinds, splits=(Split("train", 5, 50), Split("validation", 1, 10))))
    assert table_below(card, "task | language") == [
        ["`caption`", "`en`", "5", "3", "1", "40"],
        ["`rec`", "`zh`", "2", "2", "0", "9"],
    ]


def test_the_card_tells_why_tasks_were_not_made() -> None:
    card = render(changed(task_refusals=(TaskRefusal("rec", "ambiguous_text", 7), TaskRefusal("rec", "second_box", 3))))
    assert [line[:2] + line[3:] for line in table_below(card, "task | refusal")] == [
        ["`rec`", "`ambiguous_text`", "7"],
        ["`rec`", "`second_box`", "3"],
    ]


SECTIONS = [
    *("Loading", "Motivation", "Composition", "Collection", "Processing", "Rules", "Annotation", "Languages"),
    *("Known limits", "Personal and sensitive data", "Uses", "Intended uses", "Out-of-scope uses", "Licences"),
    "Maintenance",
]


def test_the_sections_of_data_card_practice_are_there_in_order() -> None:
    card = render(changed(rules=(Rule("min_side", "pixels", "64", "ours", "less shows nothing"),)))
    assert re.findall(r"^##+ (.+)$", card, re.MULTILINE) == SECTIONS


def test_what_nobody_wrote_is_listed_as_missing() -> None:
    card = render(changed(statements={"motivation": "To see.\n\nAnd to *learn*.", "creators": "A\nB"}))
    assert "## Motivation\n\nTo see.\n\nAnd to \\*learn\\*.\n\n## Composition" in card
    assert "## Uses\n\n### Intended uses\n\n*Missing: nobody has written this.*" in card
    assert "Made by: A, B" in card
    listed = re.findall(r"^- `(\w+)`: ", card.split("Missing from this card")[1], re.MULTILINE)
    assert listed == [key for key in STATEMENTS if key not in ("motivation", "creators")]


def test_nothing_is_missing_where_all_is_said() -> None:
    assert "Missing" not in render(changed(statements=dict.fromkeys(STATEMENTS, "said")))


def test_every_rule_stands_with_its_value_and_where_it_is_from() -> None:
    rules = (
        Rule("aspect_ratio", "max_ratio", "6.0", "published", "CogVLM, > 6 is removed"),
        Rule("still", None, "", "default", None),
    )
    assert table_below(render(changed(rules=rules)), "rule | setting") == [
        ["`aspect_ratio`", "`max_ratio`", "6.0", "published", "CogVLM, &gt; 6 is removed"],
        ["`still`", "", "", "default", ""],
    ]


def test_engines_tokens_boxes_and_reviews_are_told() -> None:
    card = render(
        changed(
            engines=(AnnotationEngine("ground", "detector shapes", "", "x.onnx (SHA-256 3c34…)"),),
            tokens=(TaskTokens("caption", 12, None, 480, 40),),
            boxes=BoxCounts(4, 3, 9),
            reviews=(Review("ground", 10, 8, 1, 1, 1, 8 / 9, (0.565, 0.98)),),
            tallies=(Tally("line_script", "script", "ocr", "lines", (Count("Latn", 3), Count(None, 1)), {}, 2, 4),),
            hosts=(Host("a|b.example", 4, 3, (("pull", "timeout", 1),)),),
            sources=(SourceLicense("pairs.parquet", None, 4),),
        )
    )
    weights = r"x.onnx \(SHA\-256 3c34…\)"
    assert table_below(card, "stage | engine") == [["`ground`", "detector shapes", "–", weights]]
    assert table_below(card, "tokens in") == [["`caption`", "12", "–", "480", "40"]]
    assert "9 boxes in 4 images, 3 of which (75.0%) have at least two." in card
    assert table_below(card, "stage | looked at") == [["`ground`", "10", "8", "1", "1", "0.889 (0.565 to 0.980)", "1"]]
    assert table_below(card, "measured") == [["script", "`Latn`", "3"], ["", "not known", "1"], ["", "others", "4"]]
    assert "`timeout` 1" in card
    assert "| pairs.parquet | not stated | 4 |" in card

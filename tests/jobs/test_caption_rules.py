"""Caption stages in whole runs: what becomes of each row, and what of its captions reaches the shards."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.runs import Case, is_sound, urls
from tests.support.web import Web

RECIPE = """\
name: captions
stages:
  - stage: pull
    allow: ["127.0.0.0/8"]
    deadline_s: 30
  - stage: edit_captions
  - stage: caption_words
  - stage: file_name
  - stage: language
    languages: [en, zh]
  - stage: exact_duplicates
  - stage: profanity
pack: {shard_mb: 1}
run: {part_rows: 4, parts_in_flight: 2, min_free_gb: 0}
"""

CAPTIONS: list[tuple[str | None, str | None]] = [
    ("A dog in a field of flowers", None),
    ("<b>A castle</b> on the hill &amp; a river", None),
    ("<PERSON> walks a dog in the park", None),
    ("‹人名›在公园里散步", None),
    ("red car", "caption_words"),
    ("<p> </p>", "caption_words"),
    (None, "no_caption"),
    ("Ein Hund läuft durch die Wiese hinter dem Haus", "language"),
    ("photos of last summer.jpg", "file_name"),
    ("What the fuck is this bird doing", "profanity"),
]


@pytest.fixture
def case(web: Web, tmp_path: Path) -> Case:
    made = Case(web, tmp_path, urls(web, image=len(CAPTIONS)), recipe=RECIPE)
    pq.write_table(pa.table({"url": made.urls, "caption": [text for text, _ in CAPTIONS]}), tmp_path / "pairs.parquet")
    return made


def layers(case: Case, folder: str) -> Iterator[dict[str, object]]:
    for path in sorted((case.run_folder / folder).glob("*.parquet")):
        yield from pq.read_table(path).to_pylist()


def said(case: Case) -> list[str]:
    shards = [pq.read_table(path) for path in sorted(case.run_folder.glob("dataset/**/*.parquet"))]
    return [row["messages"][-1]["content"][0]["text"] for shard in shards for row in shard.to_pylist()]


def test_rows_leave_for_their_captions_and_shards_hold_the_edited_ones(case: Case) -> None:
    assert case.run() == 0
    status = case.status()
    assert status["kept"] + status["rejected"] == status["rows"] == len(CAPTIONS)
    by_stage = [reason for hop in status["hops"].values() for reason in Counter(hop["reasons"]).elements()]
    refused = Counter(reason.partition("/")[2] for reason in by_stage)
    assert refused == Counter(reason for _, reason in CAPTIONS if reason)
    assert sorted(said(case)) == [
        "A castle on the hill & a river",
        "A dog in a field of flowers",
        "person walks a dog in the park",
        "某人在公园里散步",
    ]
    assert is_sound(case.run_folder)


def test_the_webs_own_text_stays_beside_the_edit_and_the_language_is_known(case: Case) -> None:
    case.run()
    kept = [row["captions"] for row in layers(case, "layers/filter") if row["outcome"] == "kept"]
    castle = next(captions for captions in kept if "castle" in str(captions))
    assert [(one["text"], one["role"], one["of"], one["lang"]) for one in castle] == [  # type: ignore[attr-defined]
        ("<b>A castle</b> on the hill &amp; a river", "web", None, None),
        ("A castle on the hill & a river", "edited", 0, "en"),
    ]


def test_without_edits_a_persons_placeholder_is_not_packed(case: Case) -> None:
    case.recipe = RECIPE.replace("  - stage: edit_captions\n", "")
    case.run()
    assert not any("PERSON" in text or "人名" in text for text in said(case))
    assert case.status()["hops"]["pack"]["reasons"] == {"pack/no_caption": 2}

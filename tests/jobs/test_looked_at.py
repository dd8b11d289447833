"""What OCR reads and a model translates, as people see it: on sheets, in a row's story, reviews and the card."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs import commands
from jobs.commands import saved
from jobs.demo.pages import PAGES
from jobs.reports.review_items import review_items
from jobs.reports.sheet import SheetOptions, sheet
from jobs.reports.story import story
from jobs.review import ReviewOptions, review
from jobs.show import show
from tests.support.chromium import Chromium
from tests.support.html import check_offline
from tests.support.llm_faults import MODEL, serving
from tests.support.wordbook import captions, to_chinese, word_by_word

RECIPE = """\
name: looked-at
source: {caption_lang: en, columns: {image: image, caption: caption}}
stages:
  - stage: pull
  - stage: ocr
  - stage: translate
pack: {shard_mb: 4, tasks: [caption]}
run: {part_rows: 16, min_free_gb: 0}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run over drawn pages of text."""
    folder = tmp_path_factory.mktemp("looked_at")
    files = [page.file.read_bytes() for page in PAGES]
    pq.write_table(pa.table({"image": files, "caption": captions(len(files))}), folder / "pairs.parquet")
    (folder / "recipe.yaml").write_text(RECIPE)
    with serving(word_by_word) as server:
        options = commands.RunOptions(
            str(folder / "recipe.yaml"),
            folder / "run",
            (str(folder / "pairs.parquet"),),
            (f"llm.url={server.url}", f"llm.model={MODEL}"),
            engine="inline",
        )
        assert commands.run(options) == 0
    return folder / "run"


def read(run: Path) -> dict[int, list[dict[str, object]]]:
    """The lines of each row."""
    return {
        row["id"]: row["lines"]
        for file in (run / "layers/ocr").glob("*.parquet")
        for row in pq.read_table(file, columns=["id", "lines"]).to_pylist()
    }


def test_a_story_tells_lines_and_translations(run: Path) -> None:
    state = saved(run)
    for row, lines in read(run).items():
        tale, picture = story(state, row)
        assert picture is not None
        assert [(line.text, list(line.quad)) for line in tale.lines] == [(one["text"], one["quad"]) for one in lines]
        (told,) = tale.translations
        assert (told.of, told.text, told.outcome) == (
            tale.captions[0].text,
            to_chinese(tale.captions[0].text),
            "translated",
        )
        assert {turn for sample in tale.samples for role, turn in sample.turns if role == "assistant"} == {
            tale.captions[0].text,
            tale.captions[1].text,
        }


def test_each_line_that_counts_and_each_translation_is_a_question(run: Path) -> None:
    state = saved(run)
    truth = {
        f"{row:012d}-{place}": one["text"]
        for row, lines in read(run).items()
        for place, one in enumerate(lines)
        if one["dropped"] is None
    }
    found = review_items(state, "ocr", 1000, 0)
    assert found.of == len(truth)
    assert {item.key: dict(item.said)["read"] for item in found.items} == truth
    for item in found.items:
        (line,) = item.lines
        assert all(0 <= share <= 1 for share in line.quad)
    asked = review_items(state, "translate", 1000, 0)
    assert asked.of == len(read(run))
    for item in asked.items:
        answer, source = (text for _, text in item.said)
        assert answer == to_chinese(source)


def test_pages_have_no_fault_and_the_card_shows_text_and_both_languages(
    run: Path, tmp_path: Path, chromium: Chromium
) -> None:
    assert sheet(SheetOptions(run, kept=True, output=tmp_path / "sheet.html")) == 0
    assert show(run, "0", tmp_path / "row.html") == 0
    for stage in ("ocr", "translate"):
        assert review(ReviewOptions(run, stage, output=tmp_path / f"{stage}.html")) == 0
    pages = [*sorted(tmp_path.glob("*.html")), run / "dataset/card.html"]
    assert len(pages) == 5
    for path in pages:
        chromium.visit(path, lambda page: None, width=390)
    samples = check_offline((run / "dataset/card.html").read_text("utf-8")).all("section", id="samples")[0]
    lines = [str(one["text"]) for found in read(run).values() for one in found[:1]]
    assert all(line in samples.text for line in lines)
    assert all(text in samples.text and to_chinese(text) in samples.text for text in captions(len(read(run))))

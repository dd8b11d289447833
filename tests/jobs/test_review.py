"""`shardmill review`: what is asked, what a person marks in a real browser, and what is kept of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page

from jobs import commands
from jobs.commands import saved
from jobs.reports.review_items import review_items
from jobs.review import ReviewOptions, review
from tests.support.chromium import Chromium
from tests.support.drawn import drawn
from tests.support.grounding import RECIPE as DRAWN
from tests.support.grounding import write_table
from tests.support.html import Element, check_offline
from tests.support.runs import Case, files, shardmill, urls
from tests.support.web import Web


@pytest.fixture(scope="module")
def grounded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run over drawn scenes."""
    folder = tmp_path_factory.mktemp("grounded")
    write_table([drawn(seed) for seed in range(12)], folder / "scenes.parquet")
    (folder / "drawn.yaml").write_text(DRAWN)
    options = commands.RunOptions(
        str(folder / "drawn.yaml"), folder / "run", (str(folder / "scenes.parquet"),), engine="inline"
    )
    assert commands.run(options) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A finished run that refused rows."""
    with Web() as web:
        case = Case(web, tmp_path_factory.mktemp("filtered"), urls(web, image=5, wide=7, small=2))
        assert case.run() == 0
        yield case.run_folder


@dataclass
class Question:
    """As it reads."""

    key: str
    head: str
    said: dict[str, str]
    marks: list[str]


def questions(path: Path) -> list[Question]:
    page = check_offline(path.read_text("utf-8"), script=True)
    (items,) = page.all("ol", **{"class": "items"})
    return [_question(item) for item in items.children]


def _question(item: Element) -> Question:
    (said,) = item.all("dl")
    names, texts = ([one.text for one in said.all(tag)] for tag in ("dt", "dd"))
    marks = [mark.attributes["points"] for mark in item.all("polygon", **{"class": "mark"})]
    return Question(item.attributes["data-key"], item.all("h2")[0].text, dict(zip(names, texts, strict=True)), marks)


def regions(run: Path) -> dict[str, tuple[str, list[float]]]:
    """Phrase and box by key, of all boxes."""
    captions = {
        row["id"]: row["captions"]
        for file in (run / "input").glob("*.parquet")
        for row in pq.read_table(file).to_pylist()
    }
    return {
        f"{row['id']:012d}-{place}": (
            captions[row["id"]][one["caption_index"]]["text"][slice(*(one["expression"] or one["phrase"]))],
            one["box"],
        )
        for file in (run / "layers/ground").glob("*.parquet")
        for row in pq.read_table(file, columns=["id", "regions"]).to_pylist()
        for place, one in enumerate(row["regions"] or [])
    }


def test_each_box_is_one_question(grounded: Path, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    done = shardmill("review", str(grounded), "--stage", "ground", "--n", "1000", "--output", str(path))
    truth = regions(grounded)
    assert (done.returncode, done.stdout) == (0, f"ground: {len(truth)} of {len(truth)}: {path}\n")
    asked = questions(path)
    assert [one.key for one in asked] == sorted(truth)
    assert asked[0].head == f"1 of {len(truth)}: Does the box show what the phrase names?"
    for one in asked:
        assert one.said["phrase"] == truth[one.key][0]
        assert len(one.marks) == 1


def test_the_same_seed_asks_the_same_and_a_larger_sample_holds_the_smaller(grounded: Path) -> None:
    state = saved(grounded)

    def keys(n: int, seed: int) -> list[str]:
        return [item.key for item in review_items(state, "ground", n, seed).items]

    assert len(keys(10, 1)) == 10
    assert keys(10, 1) == keys(10, 1)
    assert keys(10, 1) != keys(10, 2)
    assert set(keys(5, 1)) < set(keys(10, 1))


def test_of_a_filter_the_rows_that_it_rejected_are_asked_for(filtered: Path, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    assert review(ReviewOptions(filtered, "aspect_ratio", output=path)) == 0
    asked = questions(path)
    assert len(asked) == 7
    assert asked[0].head == "1 of 7: Was it right to leave this row out?"
    assert asked[0].said["value"] == "20"
    assert asked[0].said["max_ratio"] == "6.0"
    assert asked[0].said["reason"].startswith("aspect_ratio: the longer side")


def test_a_person_marks_with_the_keyboard_and_the_card_gets_its_interval(
    grounded: Path, tmp_path: Path, chromium: Chromium, capsys: pytest.CaptureFixture[str]
) -> None:
    path, export = tmp_path / "page.html", tmp_path / "review.json"
    assert review(ReviewOptions(grounded, "ground", 10, 1, path)) == 0

    def mark(page: Page) -> str:
        assert page.locator(".items > li:visible").count() == 1
        for key in "ynyyuyyy":
            page.keyboard.press(key)
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("N")  # the eighth again
        assert page.locator("#state").inner_text() == "8 of 10 marked"
        assert page.locator(".items > li:visible h2").inner_text().startswith("9 of 10")
        for _ in range(10):
            if page.evaluate("document.activeElement.id") == "save":
                break
            page.keyboard.press("Tab")
        with page.expect_download() as download:
            page.keyboard.press("Enter")
        download.value.save_as(export)
        return str(download.value.suggested_filename)

    assert chromium.visit(path, mark) == "review.json"
    capsys.readouterr()
    assert review(ReviewOptions(grounded, marked=export)) == 0
    assert "ground: 5 yes, 2 no, 1 not sure: precision 0.714, 95 % interval 0.359 to 0.918" in capsys.readouterr().out
    kept = json.loads((grounded / "reviews/ground.json").read_text())
    assert {name: kept[name] for name in ("stage", "n", "yes", "no", "unsure", "seed")} == {
        "stage": "ground",
        "n": 8,
        "yes": 5,
        "no": 2,
        "unsure": 1,
        "seed": 1,
    }
    assert shardmill("card", str(grounded)).returncode == 0
    assert "35.9% to 91.8%" in (grounded / "dataset/card.html").read_text("utf-8")


def test_a_person_marks_by_touch(grounded: Path, tmp_path: Path, chromium: Chromium) -> None:
    path = tmp_path / "page.html"
    assert review(ReviewOptions(grounded, "ground", 3, 1, path)) == 0

    def mark(page: Page) -> list[str]:
        page.get_by_role("button", name="Not sure").click()
        page.get_by_role("button", name="Yes").click()
        page.get_by_role("button", name="Back").click()
        pressed = page.locator(".answer[aria-pressed=true]").all_inner_texts()
        with page.expect_download() as download:
            page.get_by_role("button", name="Save").click()
        marks = json.loads(Path(download.value.path()).read_text())["marks"]
        return [*pressed, *marks.values()]

    assert chromium.visit(path, mark, width=390) == ["Yes y", "unsure", "yes"]


@pytest.mark.parametrize("how", [{}, {"dark": True}, {"width": 390}], ids=str)
def test_the_page_has_no_fault(filtered: Path, tmp_path: Path, chromium: Chromium, how: dict[str, Any]) -> None:
    path = tmp_path / "page.html"
    assert review(ReviewOptions(filtered, "min_side", output=path)) == 0
    assert chromium.visit(path, lambda page: page.locator("#state").inner_text(), **how) == "0 of 2 marked"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"run": "other"}, "of another run"),
        ({"fingerprint": "other"}, "with other settings"),
        ({"stage": "grond"}, "did you mean `ground`"),
        ({"marks": {"000000000999-0": "yes"}}, "'000000000999-0', which its page does not show"),
        ({"marks": {"</script>": "yes"}}, "which its page does not show"),
        ({"marks": {}}, "nothing in it is marked"),
    ],
)
def test_marks_of_something_else_are_refused(
    grounded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], said: str
) -> None:
    state = saved(grounded)
    (item,) = review_items(state, "ground", 1, 0).items
    export = {
        "shardmill_review": 1,
        "run": state.plan.key,
        "stage": "ground",
        "n": 1,
        "seed": 0,
        "fingerprint": next(hop for hop in state.hops if hop.name == "ground").fingerprint,
        "marks": {item.key: "yes"},
    }
    path = tmp_path / "review.json"
    path.write_text(json.dumps({**export, **change}))
    before = files(grounded)
    assert review(ReviewOptions(grounded, marked=path)) == 2
    assert said in capsys.readouterr().err
    assert files(grounded) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "say either --stage NAME, or --import FILE"),
        ({"stage": "aspect_rato"}, "did you mean `aspect_ratio`"),
        ({"stage": "exact_duplicates"}, "refused nothing so far"),
        ({"stage": "min_side", "output": Path("/proc/page.html")}, "cannot be written"),
        ({"marked": Path("/nowhere.json")}, "cannot be read"),
    ],
)
def test_mistakes_are_named(
    filtered: Path, options: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert review(ReviewOptions(filtered, **options)) == 2
    assert said in capsys.readouterr().err

"""`shardmill sheet` on real runs."""

import base64
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from jobs import commands
from jobs.reports.sheet import SheetOptions, sheet
from tests.support.drawn import drawn
from tests.support.grounding import RECIPE as DRAWN
from tests.support.grounding import write_table
from tests.support.html import Element, check_offline
from tests.support.runs import RECIPE, Case, files, shardmill, urls
from tests.support.web import Web

HOSTILE = ("</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\u202eevil", "x" * 1_000_000)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """A finished run; sheets are written elsewhere, or into its report."""
    with Web() as web:
        kinds = urls(web, image=20, wide=15, gone=6, flaky=4, small=5, copy=3, page=2)
        case = Case(web, tmp_path_factory.mktemp("sheets"), kinds)
        assert case.run() == 0
        yield case


@dataclass
class Row:
    """A tile as it reads."""

    id: int
    cells: list[str]
    image: Image.Image | None


def read(path: Path) -> tuple[Element, list[Row]]:
    page = check_offline(path.read_text("utf-8"))
    return page, [_row(row) for row in page.all("tbody")[0].all("tr")]


def _row(row: Element) -> Row:
    images = row.all("img")
    small = None
    if images:
        small = Image.open(io.BytesIO(base64.b64decode(images[0].attributes["src"].partition(",")[2])))
        small.load()
    return Row(int(row.all("th")[0].text), [cell.text for cell in row.all("td")], small)


def inputs(case: Case) -> dict[int, tuple[str, str]]:
    """URL and caption by id."""
    found = {}
    for window in (case.run_folder / "input").glob("*.parquet"):
        for row in pq.read_table(window, columns=["id", "url", "captions"]).to_pylist():
            found[row["id"]] = (row["url"], row["captions"][0]["text"])
    return found


def test_what_a_filter_refused(case: Case) -> None:
    done = shardmill("sheet", str(case.run_folder), "--reason", "aspect_ratio", "--n", "10")
    path = case.run_folder / "report/sheets/aspect_ratio.html"
    assert (done.returncode, done.stdout) == (0, f"aspect_ratio: 10 of 15 rows: {path}\n")
    page, rows = read(path)
    assert "10 rows, a random sample of 15." in page.all("p")[0].text
    assert page.all("li")[0].text == "aspect_ratio max_ratio = 6.0 (default)"
    assert [row.id for row in rows] == sorted({row.id for row in rows})
    for row in rows:
        url, caption = inputs(case)[row.id]
        assert "/wide/" in url
        assert row.cells[1:] == [
            caption,
            "rejected: aspect_ratio by aspect_ratio",
            "20 (max_ratio = 6.0)",
            f"127.0.0.12000 × 100 px{url}",
        ]
        assert row.image is not None
        assert row.image.size == (192, 10)


def test_images_are_those_of_their_rows(case: Case) -> None:
    sheet(SheetOptions(case.run_folder, kept=True))
    pulled = {}
    for file in (case.run_folder / "layers/pull").glob("*.parquet"):
        table = pq.read_table(file, columns=["id", "image"])
        pulled |= {row["id"]: row["image"] for row in table.to_pylist() if row["image"]}
    _, rows = read(case.run_folder / "report/sheets/kept.html")
    assert len(rows) == 20 + 4 + 1
    for row in rows:
        with Image.open(io.BytesIO(pulled[row.id])) as whole:
            expected = whole.convert("RGB")
        assert row.image is not None
        assert row.image.size == expected.size  # 120 × 90 are not enlarged
        pairs = zip(
            row.image.resize((4, 4)).get_flattened_data(), expected.resize((4, 4)).get_flattened_data(), strict=True
        )
        assert max(abs(a - b) for mine, theirs in pairs for a, b in zip(mine, theirs, strict=True)) < 12


@pytest.mark.parametrize(
    ("reason", "n", "verdict", "value"),
    [
        ("http_gone", 6, "rejected: http_gone by pull", "404"),
        ("not_an_image", 2, "rejected: not_an_image by pull", "–"),
        ("min_side", 5, "rejected: min_side by min_side", "30 (pixels = 64)"),
    ],
)
def test_reasons_of_pull_have_no_image_and_those_of_filters_have(
    case: Case, reason: str, n: int, verdict: str, value: str
) -> None:
    assert sheet(SheetOptions(case.run_folder, (reason,))) == 0
    _, rows = read(case.run_folder / f"report/sheets/{reason}.html")
    assert len(rows) == n
    assert all(row.cells[2].startswith(verdict) and row.cells[3] == value for row in rows)
    assert [row.image is None for row in rows] == [reason != "min_side"] * n


def test_what_a_set_rule_refused_is_held_against_the_row_it_repeats(case: Case) -> None:
    sheet(SheetOptions(case.run_folder, ("duplicate_image",)))
    _, rows = read(case.run_folder / "report/sheets/duplicate_image.html")
    copies = sorted(row for row, (url, _) in inputs(case).items() if "/copy/" in url)
    assert [row.id for row in rows] == copies[1:]
    assert all(row.cells[3].startswith(f"{copies[0]} ") for row in rows)
    assert all(row.image is not None for row in rows)


def test_what_packing_refused(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, urls(web, image=6))
    captions = ["a dog", "", None, "a cat", "", "a cow"]
    pq.write_table(pa.table({"url": case.urls, "caption": pa.array(captions, pa.string())}), tmp_path / "pairs.parquet")
    case.run()
    assert sheet(SheetOptions(case.run_folder, ("no_caption",))) == 0
    page, rows = read(case.run_folder / "report/sheets/no_caption.html")
    assert [row.cells[2] for row in rows] == ["rejected: no_caption by pack"] * 3
    assert all(row.image is not None for row in rows)
    assert page.all("li")[0].text.startswith("pack tasks = caption")


def test_captions_are_those_that_the_row_had_when_it_left(web: Web, tmp_path: Path) -> None:
    edits = RECIPE.replace("  - stage: exact_duplicates", "  - stage: edit_captions\n  - stage: exact_duplicates")
    case = Case(web, tmp_path, urls(web, image=1, copy=2, wide=1), recipe=edits)
    texts = [f"<b>photo {number}</b>" for number in range(len(case.urls))]
    pq.write_table(pa.table({"url": case.urls, "caption": texts}), tmp_path / "pairs.parquet")
    assert case.run() == 0
    for ask in (SheetOptions(case.run_folder, every=True), SheetOptions(case.run_folder, kept=True, stage="pull")):
        assert sheet(ask) == 0
    folder = case.run_folder / "report/sheets"
    edited = [row.cells[1] for name in ("kept", "duplicate_image") for row in read(folder / f"{name}.html")[1]]
    assert len(edited) == 3
    assert all(re.fullmatch(r"<b>photo (\d)</b>edited: photo \1", said) for said in edited)
    for name in ("aspect_ratio", "kept-pull"):
        said = [row.cells[1] for row in read(folder / f"{name}.html")[1]]
        assert said
        assert all(re.fullmatch(r"<b>photo \d</b>", one) for one in said)


def test_several_reasons_share_a_page(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "there" / "sheet.html"
    assert sheet(SheetOptions(case.run_folder, ("http_gone", "min_side"), output=page)) == 0
    assert capsys.readouterr().out == f"http_gone+min_side: 11 of 11 rows: {page}\n"
    assert len(read(page)[1]) == 11


def test_same_seed_same_page(case: Case, tmp_path: Path) -> None:
    def written(seed: int) -> bytes:
        sheet(SheetOptions(case.run_folder, ("aspect_ratio",), n=5, seed=seed, output=tmp_path / "sheet.html"))
        return (tmp_path / "sheet.html").read_bytes()

    assert written(0) == written(0)
    assert written(0) != written(1)


def test_all_of_them_and_an_index(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sheet(SheetOptions(case.run_folder, every=True, n=4, output=tmp_path)) == 0
    folder = tmp_path
    assert capsys.readouterr().out == f"6 sheets: {folder / 'index.html'}\n"
    page = check_offline((folder / "index.html").read_text("utf-8"))
    told = {row.all("a")[0].text: [cell.text for cell in row.all("td")] for row in page.all("tbody")[0].all("tr")}
    assert {name: cells[1:] for name, cells in told.items()} == {
        "kept": ["", "25", "4"],
        "http_gone": ["pull", "6", "4"],
        "not_an_image": ["pull", "2", "2"],
        "aspect_ratio": ["aspect_ratio", "15", "4"],
        "min_side": ["min_side", "5", "4"],
        "duplicate_image": ["exact_duplicates", "2", "2"],
    }
    for name in told:
        assert len(read(folder / f"{name}.html")[1]) == min(4, int(told[name][2]))


def test_hostile_captions_and_addresses_read_as_text(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, [f"http://127.0.0.1:1/{text[:9]}" for text in HOSTILE] + ["javascript:alert(1)"] * 4)
    table = pa.table({"url": case.urls, "caption": [*HOSTILE, *HOSTILE]})
    pq.write_table(table, tmp_path / "pairs.parquet")
    case.run("run.second_pass=false", "run.collapse_rows=100000")
    assert sheet(SheetOptions(case.run_folder, every=True)) == 0
    rows = [
        row
        for file in (case.run_folder / "report/sheets").glob("*.html")
        if file.stem != "index"
        for row in read(file)[1]
    ]
    assert len(rows) == len(HOSTILE) * 2
    said = "".join(row.cells[1] for row in rows)
    assert HOSTILE[0] in said
    assert HOSTILE[1] in said
    assert "⟨U+202E⟩evil" in said
    assert "(cut: 1,000,000 characters)" in said
    assert "javascript:alert(1)" in "".join(row.cells[4] for row in rows)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"reasons": ("aspect_rato",)}, "did you mean `aspect_ratio`?"),
        ({"reasons": ("nothing-like-it",)}, "in this run occurred: http_gone"),
        ({"reasons": ("aspect_ratio",), "stage": "aspect"}, "--stage aspect: the run has no such stage"),
        ({}, "--reason NAME"),
        ({"kept": True, "every": True}, "--reason NAME"),
        ({"every": True, "stage": "pull"}, "--stage goes with"),
        ({"kept": True, "output": Path("/proc/sheet.html")}, "cannot be written"),
    ],
)
def test_mistakes_are_named(case: Case, options: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(case.run_folder)
    assert sheet(SheetOptions(case.run_folder, **options)) == 2
    printed = capsys.readouterr()
    assert (printed.out, said in printed.err) == ("", True), printed.err
    assert files(case.run_folder) == before


def test_a_folder_that_holds_no_run(tmp_path: Path) -> None:
    done = shardmill("sheet", str(tmp_path), "--kept")
    assert (done.returncode, "holds no run" in done.stderr) == (2, True)


def test_a_reason_that_did_not_occur_has_an_empty_page(case: Case) -> None:
    assert sheet(SheetOptions(case.run_folder, ("timeout",))) == 0
    page, rows = read(case.run_folder / "report/sheets/timeout.html")
    assert rows == []
    assert "There are no such rows." in page.all("p")[0].text


def test_boxes_are_drawn_and_named(tmp_path: Path) -> None:
    write_table([drawn(seed) for seed in range(8)], tmp_path / "scenes.parquet")
    (tmp_path / "drawn.yaml").write_text(DRAWN)
    inputs = (str(tmp_path / "scenes.parquet"),)
    options = commands.RunOptions(str(tmp_path / "drawn.yaml"), tmp_path / "run", inputs, engine="inline")
    assert commands.run(options) == 0
    assert sheet(SheetOptions(tmp_path / "run", kept=True)) == 0
    rows = check_offline((tmp_path / "run/report/sheets/kept.html").read_text("utf-8")).all("tbody")[0].all("tr")
    regions = {
        row["id"]: row
        for file in (tmp_path / "run/layers/ground").glob("*.parquet")
        for row in pq.read_table(file, columns=["id", "regions"]).to_pylist()
    }
    assert rows
    for row in rows:
        truth = regions[int(row.all("th")[0].text)]["regions"]
        (svg,) = row.all("svg")
        width, height = (float(svg.attributes[side]) for side in ("width", "height"))
        for mark, region in zip(svg.all("polygon", **{"class": "mark"}), truth, strict=True):
            x1, y1, x2, y2 = (at * side for at, side in zip(region["box"], (width, height) * 2, strict=True))
            drawn_at = [float(number) for point in mark.attributes["points"].split() for number in point.split(",")]
            assert drawn_at == pytest.approx([x1, y1, x2, y1, x2, y2, x1, y2], rel=1e-4)
        caption = row.all("td")[1].all("p")[0].text
        for item, region in zip(row.all("td")[1].all("li"), truth[:6], strict=True):
            assert item.text == f"{caption[slice(*(region['expression'] or region['phrase']))]} {region['score']:.2f}"

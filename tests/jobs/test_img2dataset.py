"""What img2dataset pulled is as good as what we pull: every row of its lists, the same images, and its failures."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.img2dataset import download
from tests.support.runs import Case, shardmill, truth, urls
from tests.support.web import Web

FORMATS = ("files", "webdataset", "parquet")
MIX = {"image": 9, "copy": 2, "gone": 3, "broken": 2, "wide": 1, "small": 1, "page": 2}
ROWS = sum(MIX.values())


@pytest.fixture(scope="module")
def served() -> Iterator[Web]:
    """A web that stays for all tests of this module."""
    with Web() as web:
        yield web


@pytest.fixture(scope="module")
def pulled(served: Web, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What img2dataset made of the list, by its output format, in shards of eight rows."""
    listed = urls(served, **MIX)
    captions = [f"picture number {number}" for number in range(ROWS)]
    pairs = pa.table({"url": listed, "caption": captions, "score": [number / 8 for number in range(ROWS)]})
    folder = tmp_path_factory.mktemp("i2d")
    options = {"number_sample_per_shard": 8, "disable_all_reencoding": True}
    return {one: download(pairs, folder / one, output_format=one, **options) for one in FORMATS}


def pull_layer(case: Case) -> list[dict[str, Any]]:
    """The rows of the pull layer, as they were last decided, with what was asked for."""
    asked, told = {}, {}
    for path in (case.run_folder / "input").glob("*.parquet"):
        asked |= {row["id"]: row for row in pq.read_table(path).to_pylist()}
    for path in sorted((case.run_folder / "layers/pull").glob("*.parquet")):
        rows = pq.read_table(path, columns=["id", "outcome", "reason", "sha256"]).to_pylist()
        told |= {row["id"]: row for row in rows}
    assert asked.keys() == told.keys()
    return [asked[row] | told[row] for row in asked]


@pytest.mark.parametrize("output_format", FORMATS)
def test_it_is_read_back_row_for_row_with_the_images_that_we_would_pull(
    served: Web, pulled: dict[str, Path], tmp_path: Path, output_format: str
) -> None:
    own = Case(served, tmp_path, urls(served, **MIX), output="own")
    theirs = Case(served, tmp_path, own.urls, output="theirs")
    assert own.run() == 0
    asked = served.counts.total()
    assert theirs.run(inputs=(str(pulled[output_format]),)) == 0
    assert served.counts.total() == asked
    assert theirs.reasons() == own.reasons() == truth(**MIX)

    rows = pull_layer(theirs)
    assert sorted(row["url"] for row in rows) == sorted(own.urls)
    said = {row["url"]: (row["outcome"], row["reason"], row["sha256"]) for row in rows}
    assert said == {row["url"]: (row["outcome"], row["reason"], row["sha256"]) for row in pull_layer(own)}
    for row in rows:
        carried = dict(row["source"])
        number = own.urls.index(row["url"])
        assert (row["captions"][0]["text"], float(carried["score"])) == (f"picture number {number}", number / 8)
        assert carried["key"].isdecimal()
    assert shardmill("verify", str(theirs.run_folder)).returncode == 0


def test_rows_that_failed_there_are_fetched_where_the_recipe_says_so(
    served: Web, pulled: dict[str, Path], tmp_path: Path
) -> None:
    case = Case(served, tmp_path, urls(served, **MIX))
    before = served.counts.copy()
    assert case.run("source.refetch=true", inputs=(str(pulled["webdataset"]),)) == 0
    asked_again = {path.split("/")[1] for path in served.counts - before}
    assert asked_again == {"gone", "broken"}
    assert case.reasons() == truth(**MIX)


def engine_recipe(case: Case) -> Case:
    case.recipe = case.recipe.replace("- stage: pull\n", "- stage: pull\n    engine: img2dataset\n")
    assert "engine" in case.recipe
    return case


def test_a_run_that_pulls_with_it_keeps_the_same(served: Web, tmp_path: Path) -> None:
    calm = Case(served, tmp_path, urls(served, **MIX), output="own")
    assert calm.run() == 0
    case = engine_recipe(Case(served, tmp_path, calm.urls, output="theirs"))
    assert case.run() == 0
    assert case.reasons() == truth(**MIX)
    assert {row["sha256"] for row in pull_layer(case)} == {row["sha256"] for row in pull_layer(calm)}
    assert Counter(row["url"] for row in pull_layer(case)) == Counter(calm.urls)

"""What is frequent is found, however much else there is; hosts are read as browsers read them."""

import random
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.reports.frequent import Frequent, hosts_in


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://example.org/a.jpg", "example.org"),
        ("HTTPS://User:word@Example.ORG:8080/a@b", "example.org"),
        ("http://[2001:DB8::1]:80/a", "[2001:db8::1]"),
        ("http://example.org?a=http://other.org/", "example.org"),
        ("http://bücher.example/", "bücher.example"),
        ("http:///a.jpg", None),
        ("a.jpg", None),
        ("", None),
        (None, None),
    ],
)
def test_the_host_of_a_url(url: str | None, host: str | None) -> None:
    assert hosts_in(pa.chunked_array([pa.array([url], pa.string())])).to_pylist() == [host]


def table(keys: list[str], first: int = 0) -> pa.Table:
    ids = pa.array(range(first, first + len(keys)), pa.int64())
    return pa.table({"key": pa.array(keys, pa.string()), "id": ids})


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=20), max_size=10))
def test_counts_are_exact_while_there_is_room(batches: list[list[str]]) -> None:
    counter, first = Frequent(["key"], most=8), 0
    for batch in batches:
        counter.add(table(batch, first))
        first += len(batch)
    told = {row["key"]: row["rows"] for row in counter.most(100)}
    assert told == Counter(key for batch in batches for key in batch)


def test_what_is_frequent_survives_a_flood_of_what_is_not() -> None:
    keys = [f"rare{number}" for number in range(20_000)] + ["often"] * 1000 + ["now and then"] * 300
    random.Random(1).shuffle(keys)
    counter = Frequent(["key"], most=200)
    for at in range(0, len(keys), 500):
        counter.add(table(keys[at : at + 500], at))
    first, second, *_ = counter.most(10)
    assert (first["key"], first["rows"], first["id"]) == ("often", 1000, keys.index("often"))
    assert (second["key"], second["rows"]) == ("now and then", 300)
    assert len(counter.most(1_000_000)) <= 600


def test_of_equally_rare_groups_those_of_the_first_rows_are_kept() -> None:
    keys = [f"host {number}" for number in range(20)]
    rows = table(keys).take(pa.array(random.Random(1).sample(range(20), 20)))
    counter = Frequent(["key"], most=4)
    counter.add(rows)
    assert sorted(row["id"] for row in counter.groups().to_pylist()) == [0, 1, 2, 3]

"""Counts of single columns, against DuckDB over the same tables."""

from collections import Counter
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.cards.catalogue import MEASURES
from jobs.cards.columns import captions, counting_entries, lines, nsfw_scores, samples, similarities, translations
from jobs.cards.measured import Measured
from pipelines.captions import all_captions, counting
from schemas.tables import INPUT, NSFW_SCORED, READ, SIMILARITY, TRANSLATED

ROWS = 200


def binned(name: str, values: list[float]) -> list[int]:
    edges = [*MEASURES[name].edges, float("inf")]
    return [sum(low <= value < up for value in values) for low, up in pairwise(edges)]


def column(found: pa.Table, query: str) -> list[Any]:
    assert found is not None  # DuckDB finds the table by the name of this argument
    return [value for (value,) in duckdb.sql(query).fetchall()]


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def test_lines_of_text(random: np.random.Generator) -> None:
    def line() -> dict[str, Any]:
        dropped = random.choice([None, None, "low_score", "blank"])
        return {
            "text": "x",
            "quad": [0.0] * 8,
            "score": float(random.random()),
            "block": 0,
            "dropped": dropped,
            "script": random.choice([None, "Latn", "Hani"]),
        }

    rows = [
        {"lines": None, "text": None}
        if n % 9 == 0
        else {"lines": [line() for _ in range(random.integers(0, 5))], "text": "字" * int(random.integers(0, 40))}
        for n in range(ROWS)
    ]
    table = pa.Table.from_pylist(rows, READ)
    stayed = random.random(ROWS) < 0.7
    found = table.append_column("stayed", pa.array(stayed))
    measured = Measured()
    lines(measured, table, stayed)

    unnested = "(select stayed, unnest(lines) as l from found)"
    scores = column(found, f"select l.score from {unnested}")
    assert measured.bins["line_score"][0].tolist() == binned("line_score", scores)
    stayed_scores = column(found, f"select l.score from {unnested} where stayed and l.dropped is null")
    assert measured.bins["line_score"][1].tolist() == binned("line_score", stayed_scores)
    per_image = column(
        found, "select len(list_filter(lines, lambda x: x.dropped is null)) from found where lines is not null"
    )
    assert measured.bins["lines_per_image"][0].tolist() == binned("lines_per_image", per_image)
    lengths = column(found, "select length(text) from found where text is not null and stayed")
    assert measured.bins["text_characters"][1].tolist() == binned("text_characters", lengths)
    assert measured.tallies["line_script"] == Counter(
        column(found, f"select l.script from {unnested} where l.dropped is null")
    )
    assert measured.tallies["line_dropped"] == Counter(
        column(found, f"select l.dropped from {unnested} where l.dropped is not null")
    )


def test_translations(random: np.random.Generator) -> None:
    def translation() -> dict[str, Any]:
        return {
            "pass": random.choice(["translate", "back"]),
            "to": random.choice(["zh", "en"]),
            "outcome": random.choice(["translated", "kept_source", "failed"]),
            "checks": random.choice(["empty", "refusal"], random.integers(0, 3)).tolist(),
            "chrf": random.choice([None, float(random.random() * 100)]),
            **{name: int(random.integers(0, 9)) for name in ("requests", "cached", "tokens_in", "tokens_out")},
        }

    rows = [
        {"translations": [translation() for _ in range(random.integers(0, 4))] if n % 7 else None} for n in range(ROWS)
    ]
    found = pa.Table.from_pylist(rows, pa.schema([TRANSLATED.field("translations")]))
    measured = Measured()
    translations(measured, found, np.ones(ROWS, np.bool_))
    unnested = "(select unnest(translations) as t from found)"
    outcomes = column(found, f"select t.pass || ' to ' || t.\"to\" || ': ' || t.outcome from {unnested}")
    assert measured.tallies["translation_outcome"] == Counter(outcomes)
    assert measured.tallies["translation_checks"] == Counter(column(found, f"select unnest(t.checks) from {unnested}"))
    chrf = column(found, f"select t.chrf from {unnested} where t.chrf is not null")
    assert measured.bins["chrf"][0].tolist() == binned("chrf", chrf)
    for name in ("tokens_in", "tokens_out"):
        (total,) = column(found, f"select sum(t.{name}) from {unnested}")
        assert measured.tallies["translation_tokens"][name] == total
    requests = f"select t.pass || ' to ' || t.\"to\", sum(t.requests)::bigint from {unnested} group by 1"
    assert measured.tallies["translation_requests"] == dict(duckdb.sql(requests).fetchall())


def test_scores_of_images_and_captions(random: np.random.Generator) -> None:
    scores = [None if n % 5 == 0 else float(random.random()) for n in range(ROWS)]
    similar = [
        None if n % 6 == 0 else [None if n % 4 == 0 else float(random.random() - 0.5)] * (n % 3) for n in range(ROWS)
    ]
    stayed = random.random(ROWS) < 0.5
    measured = Measured()
    nsfw_scores(measured, pa.table({"nsfw_score": scores}, NSFW_SCORED), stayed)
    similarities(measured, pa.table({"clip_similarity": similar}, SIMILARITY), stayed)
    found = pa.table({"score": pa.array(scores, pa.float32()), "scores": similar, "stayed": stayed})
    values = column(found, "select score from found where score is not null and stayed")
    assert measured.bins["nsfw_score"][1].tolist() == binned("nsfw_score", values)
    flat = "(select stayed, cast(unnest(scores) as float) as v from found)"
    values = column(found, f"select v from {flat} where v is not null")
    assert measured.bins["clip_similarity"][0].tolist() == binned("clip_similarity", values)


def test_tokens_of_samples(random: np.random.Generator) -> None:
    tokens = [None if n % 5 == 0 else int(random.integers(0, 3000)) for n in range(2 * ROWS)]
    columns = {
        "task": random.choice(["caption", "rec"], ROWS).tolist(),
        "n_text_tokens": tokens[:ROWS],
        "n_image_tokens": tokens[ROWS:],
    }
    found = pa.table(columns)
    measured = Measured()
    samples(measured, found)
    for name, counted in (("text_tokens", measured.text_tokens), ("image_tokens", measured.image_tokens)):
        values = column(found, f"select n_{name} from found where n_{name} is not null")
        assert measured.bins[name][0].tolist() == binned(name, values)
        assert counted == dict(duckdb.sql(f"select task, sum(n_{name})::bigint from found group by 1").fetchall())
    assert measured.samples == dict(duckdb.sql("select task, count(*) from found group by 1").fetchall())


CAPTIONS = st.lists(
    st.one_of(
        st.none(),
        st.lists(
            st.builds(
                lambda text, role, of, refused: {"text": text, "role": role, "of": of, "refused": refused},
                st.text(max_size=5),
                st.sampled_from(["web", "edited", "corrected", "translated"]),
                st.one_of(st.none(), st.integers(0, 3)),
                st.sampled_from([None, None, "language"]),
            ),
            min_size=4,
            max_size=6,
        ),
    ),
    max_size=6,
)


@given(CAPTIONS)
def test_the_captions_that_count_are_those_of_the_stages(rows: list[Any]) -> None:
    table = pa.table({"captions": pa.array(rows, INPUT.field("captions").type)})
    expected = [caption for row in all_captions(table["captions"]) for caption in counting(row)]
    mask = counting_entries(table["captions"].combine_chunks())
    texts = table["captions"].combine_chunks().flatten().field("text").filter(pa.array(mask)).to_pylist()
    assert texts == [caption.text for caption in expected]
    measured = Measured()
    captions(measured, table)
    assert measured.tallies["caption_role"] == Counter(caption.role for caption in expected)


def test_counts_of_parts_add_up_to_those_of_the_whole(random: np.random.Generator) -> None:
    scores, stayed = random.random(ROWS), random.random(ROWS) < 0.5
    whole, parts = Measured(), Measured()
    whole.add_values("nsfw_score", scores, stayed)
    for at in range(0, ROWS, 30):
        part = Measured()
        part.add_values("nsfw_score", scores[at : at + 30], stayed[at : at + 30])
        parts.add(part)
    assert parts.bins["nsfw_score"].tolist() == whole.bins["nsfw_score"].tolist()


def test_too_many_keys_are_summed_up_and_none_is_lost() -> None:
    measured, other = Measured(), Measured()
    other.add_counts("caption_language", Counter({f"language {n}": 1 + (n < 5) for n in range(30_000)}))
    measured.add(other)
    held = measured.tallies["caption_language"]
    assert len(held) == 10_000
    assert all(held[f"language {n}"] == 2 for n in range(5))
    assert held.total() + measured.forgotten["caption_language"] == 30_005

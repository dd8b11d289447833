"""Every figure of a card, recomputed from the layers by DuckDB."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data_cards.card_json import parse
from data_cards.facts import CardFacts
from schemas.reasons import REFUSALS


class Layers:
    """A run's layers as DuckDB sees them: ``layer('pull')``, ``input``, ``shards``."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.base = duckdb.connect()
        self.base.sql(f"create view input as from read_parquet('{run}/input/*.parquet')")
        self.base.sql(f"create view shards as from read_parquet('{run}/dataset/data/*.parquet', filename=true)")
        self.hops = []
        for footer in sorted((run / "manifest").glob("*.parquet")):
            for folder in ("layers", "sets"):
                if (run / folder / footer.stem).is_dir():
                    self.hops.append(footer.stem)
                    path = f"{run}/{folder}/{footer.stem}/*.parquet"
                    self.base.sql(f"create view \"{footer.stem}\" as from read_parquet('{path}')")
        self.base.sql("create view kept as select id from pack where outcome = 'kept'")
        # the captions and regions that packing saw
        self.base.sql(
            "create view final as select kept.id, f.captions, g.regions from kept "
            "join filter f using (id) join ground g using (id)"
        )
        self.base.sql(
            """create view caption as
            select id, unnest(captions) as c, generate_subscripts(captions, 1) - 1 as place from final"""
        )
        self.base.sql(
            """create view counting as select id, c from caption a where c.refused is null and not exists
            (select 1 from caption b where b.id = a.id and b.c.of = a.place and b.c.role in ('edited', 'corrected'))"""
        )
        self.base.sql(
            "create view box as select distinct id, r.box::double[] as box from "
            "(select id, unnest(regions) as r from final)"
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.base.sql(query).fetchall()

    def values(self, query: str) -> list[float]:
        return [value for (value,) in self.rows(query)]


@pytest.fixture(scope="module")
def layers(run: Path) -> Layers:
    return Layers(run)


@pytest.fixture(scope="module")
def facts(run: Path) -> CardFacts:
    return parse((run / "dataset/card.json").read_text("utf-8"))


def binned(values: Sequence[float], edges: Sequence[float]) -> tuple[int, ...]:
    uppers = [*edges[1:], float("inf")]
    return tuple(sum(low <= value < up for value in values) for low, up in zip(edges, uppers, strict=True))


def test_the_funnel(layers: Layers, facts: CardFacts) -> None:
    assert facts.rows == layers.rows("select count(*) from input")[0][0]
    assert {step.name for step in facts.steps} == set(layers.hops)
    for step in facts.steps:
        entered, kept = layers.rows(f"""select count(*), count(*) filter (outcome = 'kept') from "{step.name}" """)[0]
        assert (step.entered, step.kept) == (entered, kept)
        left = layers.rows(
            f"""select stage, reason, count(*) from "{step.name}" where reason is not null group by all"""
        )
        assert sorted((one.stage, one.reason, one.rows) for one in step.refusals) == sorted(left)


OF_IMAGES = {
    "shorter_side": "least(width, height)",
    "longer_side": "greatest(width, height)",
    "aspect_ratio": "greatest(width, height) / least(width, height)",
    "area": "width * height",
    "file_bytes": "n_bytes",
    "sharpness": "sharpness",
    "uniformity": "uniformity",
}
OF_WHAT_STAYED = {
    "caption_characters": "select length(c.text) from counting",
    "boxes_per_image": "select count(box.id) from kept left join box using (id) group by kept.id",
    "box_area": "select (box[3] - box[1]) * (box[4] - box[2]) from box",
    "box_score": "select r.score from (select unnest(regions) as r from final)",
    "image_tokens": "select n_image_tokens from shards",
}


def test_histograms_of_images(layers: Layers, facts: CardFacts) -> None:
    for name, value in OF_IMAGES.items():
        histogram = facts.histogram(name)
        assert histogram is not None, name
        values = f"select {value} from pull where width is not null"
        assert histogram.counts == binned(layers.values(values), histogram.edges), name
        kept = layers.values(f"{values} and id in (from kept)")
        assert histogram.kept == binned(kept, histogram.edges), name


def test_histograms_of_captions_boxes_and_tokens(layers: Layers, facts: CardFacts) -> None:
    for name, query in OF_WHAT_STAYED.items():
        histogram = facts.histogram(name)
        assert histogram is not None, name
        assert (histogram.counts, histogram.kept) == (binned(layers.values(query), histogram.edges), None), name
    histogram = facts.histogram("input_caption_characters")
    assert histogram is not None
    given = "select length(c.text) from (select id, unnest(captions) as c from input)"
    assert histogram.counts == binned(layers.values(given), histogram.edges)
    assert histogram.kept == binned(layers.values(f"{given} where id in (from kept)"), histogram.edges)


def test_groups_of_duplicates(layers: Layers, facts: CardFacts) -> None:
    histogram = facts.histogram("group_size/exact_duplicates")
    assert histogram is not None
    sizes = layers.values(
        "select count(*) + 1 from exact_duplicates where duplicate_of is not null group by duplicate_of"
    )
    assert histogram.counts == binned(sizes, histogram.edges)
    assert histogram.total > 0


TALLIES = {
    "served_format": "select served_format, count(*) from pull where width is not null group by 1",
    "canonical": "select canonical, count(*) from pull where width is not null group by 1",
    "caption_language": "select c.lang, count(*) from counting group by 1",
    "caption_role": "select c.role, count(*) from counting group by 1",
    "region_source": "select r.source, count(*) from (select unnest(regions) as r from final) group by 1",
    "ungrounded": "select u.reason, count(*) from (select unnest(ungrounded) as u from ground where id in (from kept)) "
    "group by 1",
}


def test_tallies(layers: Layers, facts: CardFacts) -> None:
    assert {tally.name for tally in facts.tallies} == set(TALLIES)
    for tally in facts.tallies:
        assert Counter({count.key: count.n for count in tally.counts}) == Counter(
            dict(layers.rows(TALLIES[tally.name]))
        )
        assert (tally.others, tally.other_keys) == (0, 0)


def test_every_histogram_of_the_card_is_among_those_recomputed(facts: CardFacts) -> None:
    recomputed = {*OF_IMAGES, *OF_WHAT_STAYED, "input_caption_characters", "group_size/exact_duplicates"}
    assert {histogram.name for histogram in facts.histograms} == recomputed


def test_boxes_and_where_they_lie(layers: Layers, facts: CardFacts) -> None:
    per_image = layers.values("select count(*) from box group by id")
    assert facts.boxes is not None
    assert (facts.boxes.images, facts.boxes.several) == (len(per_image), sum(n >= 2 for n in per_image))
    assert facts.boxes.boxes == sum(per_image)
    (heat_map,) = facts.heat_maps
    cells = layers.rows(
        "select least(19, floor((box[2] + box[4]) / 2 * 20)), least(19, floor((box[1] + box[3]) / 2 * 20)), count(*) "
        "from box group by all"
    )
    expected = [0] * 400
    for down, across, n in cells:
        expected[int(down) * 20 + int(across)] = n
    assert list(heat_map.counts) == expected


def test_hosts(layers: Layers, facts: CardFacts) -> None:
    fates = " union all ".join(f'select id, stage, reason from "{hop}" where reason is not null' for hop in layers.hops)
    found = layers.rows(
        f"""select coalesce(regexp_extract(url, '//([^/]+)', 1), ''), stage, reason, count(*)
        from input left join ({fates}) using (id) group by all"""
    )
    expected: dict[str, Counter[tuple[str, str] | None]] = {}
    for host, stage, reason, n in found:
        expected.setdefault(host, Counter())[(stage, reason) if reason else None] += n
    for host in facts.hosts:
        counts = expected.pop(host.name)
        assert (host.rows, host.kept) == (counts.total(), counts.pop(None, 0))
        assert Counter({(stage, reason): n for stage, reason, n in host.left}) == counts
    assert all(set(counts) == {None} for counts in expected.values()), "only hosts that lost nothing are left out"


def test_sources_and_licences(layers: Layers, facts: CardFacts) -> None:
    rows = layers.rows("select source_file, license, count(*) from input where id in (from kept) group by all")
    assert sorted((one.source, one.license or "", one.rows) for one in facts.sources) == sorted(
        (source, license_ or "", n) for source, license_, n in rows
    )
    samples = layers.rows("select license, count(*) from shards group by all")
    assert {count.key: count.n for count in facts.licenses} == dict(samples)


def test_samples_tasks_tokens_and_files(layers: Layers, facts: CardFacts, run: Path) -> None:
    found = layers.rows(
        """select task, coalesce(language, 'und'), regexp_extract(filename, '([a-z]+)-[0-9]+-of', 1), count(*)
        from shards group by all"""
    )
    told = [(kind.task, kind.language, split, n) for kind in facts.kinds for split, n in kind.samples.items() if n]
    assert sorted(told) == sorted(found)
    assert {split.name for split in facts.splits} == {"train", "validation"}
    for split in facts.splits:
        assert split.num_examples == sum(n for _, _, name, n in found if name == split.name)
    by_task = layers.rows("select task, count(*), sum(n_text_tokens), sum(n_image_tokens), null from shards group by 1")
    assert sorted((one.task, one.samples, one.text, one.image, one.supervised) for one in facts.tokens) == sorted(
        by_task
    )
    planned = layers.rows(
        """select s.task, coalesce(s.language, 'und'), count(*) from
        (select unnest(samples) as s from pack where outcome = 'kept') group by all"""
    )
    assert sorted((kind.task, kind.language, kind.planned) for kind in facts.kinds) == sorted(planned)
    refused = layers.rows(
        """select r.task, r.reason, count(*) from
        (select unnest(refusals) as r from pack where outcome = 'kept') group by all"""
    )
    assert sorted((one.task, one.refusal, one.times) for one in facts.task_refusals) == sorted(refused)
    assert {one.refusal for one in facts.task_refusals} <= set(REFUSALS)
    files = sorted((run / "dataset/data").iterdir())
    assert (facts.shards, facts.download_size) == (len(files), sum(file.stat().st_size for file in files))


def test_thresholds_are_those_of_the_recipe_with_their_origins(facts: CardFacts) -> None:
    drawn = [
        (histogram.name, one.stage, one.setting, one.value, one.origin)
        for histogram in facts.histograms
        for one in histogram.thresholds
    ]
    assert drawn == [
        ("shorter_side", "min_side", "pixels", 64, "ours: less shows nothing"),
        ("aspect_ratio", "aspect_ratio", "max_ratio", 6, "published: CogVLM, > 6 or < 1/6 is removed"),
        ("input_caption_characters", "caption_characters", "at_least", 6, "default"),
        ("input_caption_characters", "caption_characters", "at_most", 1000, "default"),
        ("box_score", "ground", "detector.threshold", 0.8, "default"),
    ]


def test_nothing_of_this_machine_is_in_the_facts(run: Path) -> None:
    text = (run / "dataset/card.json").read_text("utf-8")
    assert str(run.parent) not in text
    assert str(Path.cwd()) not in text
    assert json.loads(text)["card"] == 1

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pipelines.chatml.dialects.protocol import Budget
from pipelines.chatml.pack import judge, judge_reads
from pipelines.chatml.pack_spec import PackSpec
from pipelines.chatml.samples import make_samples
from schemas.chatml import SHARD, row_bytes
from schemas.tables import PACKED
from tests.support.packing import judged, only_sample, packed

RowMaker = Callable[..., pa.Table]
SPEC = PackSpec()


def reasons(rows: pa.Table, spec: PackSpec = SPEC) -> list[str | None]:
    verdicts: list[str | None] = judge(rows.select(judge_reads(SPEC)), spec).verdicts.reason.to_pylist()
    return verdicts


def sample(rows: pa.Table, spec: PackSpec = SPEC, key: str = "k") -> dict[str, Any]:
    """The sample of the one row in `rows`."""
    return only_sample(rows, spec, key=key)


def test_a_row_with_a_caption_is_used(rows: RowMaker) -> None:
    processed = judge(rows(["a dog"]).select(judge_reads(SPEC)), SPEC)
    assert processed.verdicts.reason.to_pylist() == [None]
    assert processed.columns is not None
    assert processed.columns.schema.equals(PACKED)
    (planned,) = processed.columns["samples"].to_pylist()
    assert [(plan["task"], plan["language"], plan["caption_index"]) for plan in planned] == [("caption", "en", 0)]


@pytest.mark.parametrize("captions", [None, [], [{"text": None}], [{"text": " \x00\n "}]])
def test_a_row_that_says_nothing_is_refused(rows: RowMaker, captions: Any) -> None:
    assert reasons(rows([captions])) == ["no_caption"]


@pytest.mark.parametrize("lang", ["en", None])
def test_what_is_its_own_translation_is_trained_on_once(rows: RowMaker, lang: str | None) -> None:
    captions = [{"text": "Nike Air Max 90", "lang": lang}, {"text": "Nike Air Max 90", "lang": "zh"}]
    processed = judge(rows([captions]).select(judge_reads(SPEC)), SPEC)
    assert processed.columns is not None
    (planned,), (refused,) = (processed.columns[name].to_pylist() for name in ("samples", "refusals"))
    assert [(plan["task"], plan["language"]) for plan in planned] == [("caption", lang)]
    assert [(one["caption_index"], one["reason"]) for one in refused] == [(1, "said_before")]
    alone = sample(rows([captions]), PackSpec(languages=("zh",)))
    assert alone["language"] == "zh"


@pytest.mark.parametrize(
    ("text", "lang", "detail"),
    [
        ("portrait of <PERSON> in Paris", "en", "a placeholder stands for a person in the caption"),
        ("ein Hund", "de", "captions of other languages only: de"),
        (" ", "en", None),
    ],
)
def test_a_row_whose_captions_are_not_taken_says_why(rows: RowMaker, text: str, lang: str, detail: str | None) -> None:
    verdicts = judge(
        rows([[{"text": text, "lang": lang}]]).select(judge_reads(SPEC)), PackSpec(languages=("en",))
    ).verdicts
    assert (verdicts.reason.to_pylist(), verdicts.detail.to_pylist()) == (["no_caption"], [detail])


def test_an_image_that_the_processor_refuses_is_refused_with_its_ratio(rows: RowMaker) -> None:
    panoramas = rows(["a", "b"], width=[2000, 2010], height=[10, 10])
    verdicts = judge(panoramas.select(judge_reads(SPEC)), SPEC).verdicts
    assert verdicts.reason.to_pylist() == [None, "unfit_for_dialect"]
    assert verdicts.value.to_pylist() == [None, 201.0]


def test_the_plain_dialect_takes_any_shape(rows: RowMaker) -> None:
    assert reasons(rows(["a"], width=[5000], height=[1]), PackSpec(dialect="plain")) == [None]


@given(
    captions=st.lists(st.one_of(st.none(), st.sampled_from(["", " ", "a dog", "<image>"])), max_size=8),
    widths=st.lists(st.integers(1, 3000), min_size=8, max_size=8),
)
def test_rows_used_and_rows_refused_are_the_rows_kept(
    rows: RowMaker, captions: list[str | None], widths: list[int]
) -> None:
    table = rows(captions, width=widths[: len(captions)], height=[5] * len(captions))
    processed = judge(table.select(judge_reads(SPEC)), SPEC)
    assert processed.columns is not None
    refused = Counter(reason for reason in processed.verdicts.reason.to_pylist() if reason)
    used = np.array([reason is None for reason in processed.verdicts.reason.to_pylist()], np.bool_)

    assert set(refused) <= {"no_caption", "unfit_for_dialect"}
    assert used.sum() + sum(refused.values()) == len(captions)
    assert processed.columns["samples"].is_valid().to_pylist() == used.tolist()
    assert packed(table, SPEC).num_rows == used.sum()


def test_the_planned_size_is_the_real_one_within_a_kilobyte(rows: RowMaker) -> None:
    table = rows(["a dog", "狗" * 500, "x" * 5000])
    planned = [plan["bytes"] for row in judged(table, SPEC)["samples"].to_pylist() for plan in row]
    assert np.abs(planned - row_bytes(packed(table, SPEC))).max() < 1024


def test_a_sample_holds_the_conversation_in_both_forms(rows: RowMaker) -> None:
    made = sample(rows(["a dog"]))
    request = made["messages"][0]["content"][1]["text"]
    assert made["messages"] == [
        {"role": "user", "content": [{"type": "image", "text": None}, {"type": "text", "text": request}]},
        {"role": "assistant", "content": [{"type": "text", "text": "a dog"}]},
    ]
    assert made["messages_tagged"] == [
        {"role": "user", "content": f"<image>{request}"},
        {"role": "assistant", "content": "a dog"},
    ]


def test_a_caption_cannot_bring_a_second_image_or_end_its_turn(rows: RowMaker) -> None:
    made = sample(rows(["a dog <image><|im_end|>\n<|im_start|>user"]))
    texts = [turn["content"] for turn in made["messages_tagged"]]
    assert "".join(texts).count("<image>") == 1
    assert "<|" not in "".join(texts)


def test_a_sample_says_what_its_image_is(rows: RowMaker) -> None:
    made = sample(rows(["a dog"], phash=[0xAB], license=["CC0-1.0"]))
    (image,), (meta,) = made["images"], made["image_meta"]
    digest = hashlib.sha256(image["bytes"]).hexdigest()
    assert image["path"] == f"{digest[:16]}.jpg"
    assert meta == {
        "width": 32,
        "height": 24,
        "format": "jpeg",
        "sha256": digest,
        "phash": "00000000000000ab",
        "url": "http://example.org/0.jpg",
        "license": "CC0-1.0",
    }


def test_a_sample_says_where_it_comes_from(rows: RowMaker) -> None:
    captions = [{"text": "web", "lang": "en", "role": "web"}, {"text": "狗", "lang": "zh", "role": "translated"}]
    made = sample(rows([captions], id=[1742], source_row=[5]), PackSpec(languages=("zh",)), key="7f3a")
    assert made["id"] == "7f3a-000000001742-caption-zh"
    assert (made["task"], made["source"], made["language"]) == ("caption", "pairs.parquet", "zh")
    assert made["license"] is None
    assert json.loads(made["provenance"]) == {
        "canonical": "",
        "caption": {"index": 1, "model": None, "role": "translated"},
        "row": 1742,
        "source_file": "pairs.parquet",
        "source_row": 5,
    }


def test_a_reencoded_image_has_both_digests(rows: RowMaker, image_file: Callable[..., bytes]) -> None:
    stored, served = image_file(format_="PNG"), hashlib.sha256(b"as served")
    made = sample(rows(["a"], image=[stored], format=["png"], canonical=["alpha"], sha256=[served.digest()]))
    assert made["image_meta"][0]["sha256"] == served.hexdigest()
    assert json.loads(made["provenance"])["canonical"] == "alpha"
    assert json.loads(made["provenance"])["stored_sha256"] == hashlib.sha256(stored).hexdigest()


def test_image_tokens_follow_the_budget(rows: RowMaker) -> None:
    table = rows(["a"], width=[1920], height=[1080])
    assert sample(table)["n_image_tokens"] == 1222
    assert sample(table, PackSpec(max_pixels=12_845_056))["n_image_tokens"] == 2691
    assert sample(table, PackSpec(dialect="plain"))["n_image_tokens"] is None


def test_samples_are_in_the_shard_schema_also_for_no_rows(rows: RowMaker) -> None:
    for table in (rows(["a", "b"]), rows([])):
        made = packed(table, SPEC)
        made.validate(full=True)
        assert made.schema.equals(SHARD, check_metadata=True)
        assert made.num_rows == table.num_rows


def test_image_bytes_are_not_copied(rows: RowMaker) -> None:
    table = judged(rows(["a", "b", "c"]), SPEC).slice(1)
    made = make_samples(table, SPEC, key="k").table
    (given,), (images,) = table["image"].chunks, made["images"].chunks
    stored = images.values.field("bytes")
    assert stored.to_pylist() == given.to_pylist()
    before = given.buffers()[2]
    assert before.address <= stored.buffers()[2].address < before.address + before.size


@given(cut=st.integers(0, 4), start=st.integers(0, 4))
def test_samples_do_not_depend_on_how_rows_are_chunked(rows: RowMaker, cut: int, start: int) -> None:
    table = judged(rows(["a", "b", "c", "d"]), SPEC)
    chunked = pa.concat_tables([table.slice(0, cut), table.slice(cut)]).slice(start)
    whole = make_samples(table, SPEC, key="k").table
    assert make_samples(chunked, SPEC, key="k").table.to_pylist() == whole.slice(start).to_pylist()


def gibibytes(n_images: int, total: int) -> pa.Array:
    """Images that share `total` bytes of memory that is reserved and, as long as nobody reads it, not there."""
    offsets = np.linspace(0, total, n_images + 1).astype(np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.zeros(total, np.uint8))]
    return pa.Array.from_buffers(pa.large_binary(), n_images, buffers)


def test_images_of_more_than_two_gibibytes_come_in_several_chunks(rows: RowMaker) -> None:
    large = gibibytes(5, 5 << 29)
    table = judged(rows(["a"] * 5), SPEC)
    at = table.schema.get_field_index("image")
    made = make_samples(table.set_column(at, "image", large), SPEC, key="k").table
    assert [len(chunk) for chunk in made["images"].chunks] == [2, 3]
    assert row_bytes(made).tolist() == pytest.approx([1 << 29] * 5, rel=1e-4)

    last = make_samples(table.slice(4).set_column(at, "image", large.slice(4)), SPEC, key="k").table
    assert [len(chunk) for chunk in last["images"].chunks] == [1]


def test_an_image_that_no_binary_column_holds_is_a_bug(rows: RowMaker) -> None:
    table = judged(rows(["a"]), SPEC)
    at = table.schema.get_field_index("image")
    with pytest.raises(ValueError, match="does not fit"):
        make_samples(table.set_column(at, "image", gibibytes(1, 1 << 31)), SPEC, key="k")


def test_rows_that_were_not_used_are_a_bug(rows: RowMaker) -> None:
    without_plan = judged(rows(["a"]), SPEC)
    at = without_plan.schema.get_field_index("samples")
    with pytest.raises(ValueError, match="planned"):
        make_samples(without_plan.set_column(at, "samples", pa.nulls(1, PACKED.field("samples").type)), SPEC, key="k")
    without_image = judged(rows(["a"]), SPEC)
    at = without_image.schema.get_field_index("image")
    with pytest.raises(ValueError, match="image"):
        make_samples(without_image.set_column(at, "image", pa.nulls(1, pa.large_binary())), SPEC, key="k")


def test_the_recipe_entry_is_checked_before_anything_runs() -> None:
    adapter = TypeAdapter(PackSpec)
    assert adapter.validate_python({}).budget == Budget(max_pixels=28 * 28 * 1280)
    assert adapter.validate_python({"dialect": "internvl"}).budget == Budget(max_tiles=12)
    assert adapter.validate_python({"dialect": "plain"}).budget == Budget()
    for wrong in (
        {"dialect": "qwen"},
        {"tasks": []},
        {"tasks": ["caption", "caption"]},
        {"shard_mb": 0},
        {"max_pixels": 100},
        {"dialect": "plain", "max_pixels": 1_000_000},
        {"shard_size": 3},
        {"max_tiles": 6},
        {"dialect": "internvl", "max_pixels": 1_000_000},
        {"dialect": "plain", "tasks": ["rec"]},
        {"mixture": {"tasks": {"rec": 1}}},
        {"tasks": ["caption", "rec"], "mixture": {"tasks": {"rec": 1}}},
        {"mixture": {"languages": {"en": 0}}},
        {"split": {"validation": 0.6}},
        {"languages": ["en"], "mixture": {"languages": {"zh": 1}}},
    ):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


def test_the_footer_says_how_the_shard_was_packed() -> None:
    facts = json.loads(PackSpec(max_pixels=50_000).shard_metadata()["shardmill"])
    assert facts == {"dialect": "qwen2_vl", "max_pixels": 50_000, "max_tiles": None, "tasks": ["caption"], "version": 5}

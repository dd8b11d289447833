"""From a caption to what is trained on: phrases found, boxes told, captions edited, samples packed."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.chatml.pack_spec import PackSpec
from pipelines.chatml.regions import regions_of
from pipelines.filters.captions.edit_stage import EditCaptions
from pipelines.grounding.phrases import Phrases
from pipelines.grounding.stage import Ground, GroundEngine
from schemas.tables import INPUT
from tests.pipelines.chatml.conftest import make_rows
from tests.support.packing import judged, packed
from tests.support.told import Told

FINDER = Phrases().load()
SPEC = PackSpec(dialect="qwen2_vl", tasks=("caption", "grounded_caption", "rec", "reg"))

Box = tuple[float, ...]
MAN, HAT, DOG, BROWN_DOG = (0.1, 0.1, 0.5, 0.9), (0.2, 0.1, 0.4, 0.2), (0.6, 0.5, 0.9, 0.9), (0.55, 0.1, 0.95, 0.45)
ROOM = (0.0, 0.0, 1.0, 1.0)
THINGS: dict[str, list[Box]] = {
    "man": [MAN],
    "another man": [BROWN_DOG],
    "woman": [BROWN_DOG],
    "hat": [HAT],
    "dog": [DOG],
    "a brown dog": [BROWN_DOG],
    "dogs": [DOG, BROWN_DOG],
    "room": [ROOM],
    "bed": [DOG],
    "flowers": [DOG],
}


def told(things: dict[str, list[Box]]) -> Told:
    return Told({word: [(box, 0.9 - 0.01 * at) for at, box in enumerate(boxes)] for word, boxes in things.items()})


def grounded(rows: pa.Table, things: dict[str, list[Box]] = THINGS, **settings: object) -> pa.Table:
    """The rows that keep boxes, with their regions."""
    detector = told(things)
    if "regions" not in rows.column_names:
        rows = rows.append_column("regions", pa.nulls(rows.num_rows, INPUT.field("regions").type))
    done = GroundEngine(Ground(**settings), FINDER, detector, detector).process(rows)  # type: ignore[arg-type]
    assert done.columns is not None
    rows = rows.set_column(rows.schema.get_field_index("regions"), "regions", done.columns["regions"])
    return rows.filter(done.verdicts.reason.is_null())


def edited(rows: pa.Table) -> pa.Table:
    columns = EditCaptions().load().process(rows).columns
    assert columns is not None
    return rows.set_column(rows.schema.get_field_index("captions"), "captions", columns["captions"])


def labels(rows: pa.Table) -> dict[str, list[str]]:
    """What the samples of each task speak of."""
    found: dict[str, list[str]] = {}
    for sample in packed(rows, SPEC).to_pylist():
        found.setdefault(sample["task"], []).extend(region["label"] for region in sample["regions"])
    return found


@pytest.mark.parametrize(
    ("caption", "named", "asked_for"),
    [
        # one such thing each
        ("A man and a woman are walking together.", ["A man", "a woman"], ["A man", "a woman"]),
        ("A man with a hat stands near a dog.", ["A man with a hat", "a dog"], ["A man with a hat", "a dog"]),
        # repeated heads, each with a box of its own
        ("A man is running, while another man is looking.", ["A man", "another man"], []),
        ("A dog is beside a brown dog.", ["A dog", "a brown dog"], ["a brown dog"]),
        # plurals
        ("two dogs and a man", ["two dogs", "two dogs", "a man"], ["a man"]),
        ("dogs and a man", ["dogs", "dogs", "a man"], ["a man"]),
        # conjuncts
        ("A man and another man look at a dog.", ["A man", "another man", "a dog"], ["a dog"]),
        ("A man, a woman and a dog", ["A man", "a woman", "a dog"], ["A man", "a woman", "a dog"]),
        # things that are not there, though the detector would find them
        ("a room without a bed", ["a room without a bed"], ["a room without a bed"]),
        ("There are no dogs near the man.", ["the man"], ["the man"]),
        ("a man not wearing a hat", ["a man not wearing a hat"], ["a man not wearing a hat"]),
        ("a room free of flowers", ["a room free of flowers"], ["a room free of flowers"]),
    ],
)
def test_what_is_named_and_what_is_asked_for(caption: str, named: list[str], asked_for: list[str]) -> None:
    found = labels(grounded(make_rows([caption])))
    assert found["grounded_caption"] == named
    assert found.get("rec", []) == asked_for
    assert found.get("reg", []) == asked_for


def boxes_of(rows: pa.Table) -> list[Box]:
    (found,) = regions_of(rows["regions"])
    return [tuple(round(side, 4) for side in region.box) for region in found]


def test_a_hat_inside_its_man_reaches_the_shard() -> None:
    """In a caption where neither phrase lies inside the other, both are trained on; their boxes do."""
    rows = grounded(make_rows(["The man wears a hat."]))
    assert boxes_of(rows) == [MAN, HAT]
    found = labels(rows)
    assert found["grounded_caption"] == found["rec"] == found["reg"] == ["The man", "a hat"]


def test_a_hat_inside_its_man_survives_the_rule_on_nested_labels() -> None:
    """The rule takes the outer of two labels, and so it is the man's that goes when his phrase holds the hat's."""
    assert boxes_of(grounded(make_rows(["The man wears a hat."]), nested="unnest")) == [MAN, HAT]
    assert boxes_of(grounded(make_rows(["a man with a hat"]), nested="unnest")) == [HAT]
    assert boxes_of(grounded(make_rows(["a man with a hat"]))) == [MAN, HAT]


MESSY = "The  man wears a hat   near a <b>dog</b>."


def test_a_caption_that_is_edited_afterwards_keeps_its_regions_and_gives_them_to_no_other() -> None:
    rows = edited(grounded(make_rows([MESSY])))
    (captions,) = rows["captions"].to_pylist()
    assert [caption["role"] for caption in captions] == ["web", "edited"]
    assert captions[1]["text"] == "The man wears a hat near a dog."
    (found,) = regions_of(rows["regions"])
    assert {region.caption for region in found} == {0}
    assert [captions[0]["text"][slice(*region.phrase)] for region in found] == ["The  man", "a hat"]
    # what counts is trained on, and it has no boxes: nothing is said with offsets of another text
    assert labels(rows) == {"caption": []}
    (sample,) = packed(rows, SPEC).to_pylist()
    assert sample["messages_tagged"][-1]["content"] == "The man wears a hat near a dog."


def test_a_caption_that_is_edited_before_is_the_one_that_is_grounded() -> None:
    rows = grounded(edited(make_rows([MESSY])))
    (found,) = regions_of(rows["regions"])
    assert {region.caption for region in found} == {1}
    assert labels(rows)["rec"] == ["The man", "a hat", "a dog"]


PHRASES = ("a man", "A  man", "another man", "a hat", "no dogs", "dogs", "a brown dog", "<b>a woman</b>", "the room")
BETWEEN = (
    "with",
    "and",
    "near",
    "without",
    ",",
    ".",
    "é",
    "🐶",
    "\u00a0",
    "&amp;",
    "http://a.example/b",
    "<|im_end|>",
    "犬",
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.lists(st.sampled_from(PHRASES + BETWEEN), min_size=1, max_size=9).map(" ".join), min_size=1, max_size=4
    ),
    st.sampled_from(["before", "after", "never"]),
)
def test_every_span_is_the_phrase_that_was_asked_for(captions: list[str], edit: str) -> None:
    """Whatever is edited and when: spans of what the samples speak of slice the caption that they point at."""
    rows = make_rows(captions)
    rows = edited(rows) if edit == "before" else rows
    detector = told(THINGS)
    rows = rows.append_column("regions", pa.nulls(rows.num_rows, INPUT.field("regions").type))
    done = GroundEngine(Ground(without_boxes="keep"), FINDER, detector, detector).process(rows)
    assert done.columns is not None
    rows = rows.set_column(rows.schema.get_field_index("regions"), "regions", done.columns["regions"])
    rows = edited(rows) if edit == "after" else rows
    known = {phrase for of_image in (one for call in detector.asked for one in call) for phrase in of_image}
    texts = [[caption["text"] for caption in row] for row in rows["captions"].to_pylist()]
    for row, found in zip(texts, regions_of(rows["regions"]), strict=True):
        for region in found:
            assert row[region.caption][slice(*region.phrase)] in known
            (start, end), (first, last) = region.phrase, region.span
            assert first == start < end <= last <= len(row[region.caption])
    used = judged(rows, SPEC)
    shards = packed(rows, SPEC).to_pylist()
    assert len(shards) == sum(map(len, used["samples"].to_pylist()))
    for sample in shards:
        for region in sample["regions"]:
            assert any(region["label"].startswith(phrase) for phrase in known)

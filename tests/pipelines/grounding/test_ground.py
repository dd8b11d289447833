"""The stage `ground`: what is asked, what is taken, what is said of the rest."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.chatml.regions import regions_of
from pipelines.grounding.detectors.pretrained import Pretrained
from pipelines.grounding.models import SHIPPED, resolve_model
from pipelines.grounding.phrases import Phrases
from pipelines.grounding.stage import Ground, GroundEngine
from pipelines.recipe import stage_identity
from pipelines.recipe_text import RecipeError, parse
from pipelines.stage import Processed
from schemas.tables import GROUNDED, INPUT
from tests.support.told import Told, png

MAN, HAT, DOG, OTHER = (0.1, 0.1, 0.5, 0.9), (0.2, 0.1, 0.4, 0.2), (0.6, 0.5, 0.9, 0.9), (0.55, 0.1, 0.95, 0.9)


def rows(*captions: list[str | dict[str, object]], regions: object = None, images: object = None) -> pa.Table:
    entries = [[one if isinstance(one, dict) else {"text": one, "role": "web"} for one in row] for row in captions]
    return pa.table(
        {
            "image": pa.array(images or [png()] * len(captions), pa.large_binary()),
            "width": pa.array([64] * len(captions), pa.int32()),
            "height": pa.array([48] * len(captions), pa.int32()),
            "captions": pa.array(entries, INPUT.field("captions").type),
            "regions": pa.array(regions or [None] * len(captions), INPUT.field("regions").type),
        }
    )


def ground(table: pa.Table, told: Told, **settings: object) -> Processed:
    spec = Ground(**settings)
    done = GroundEngine(spec, Phrases().load(), told, told).process(table)
    assert done.columns is not None
    assert done.columns.schema.equals(GROUNDED)
    return done


def said(table: pa.Table, done: Processed) -> list[list[tuple[str, str, list[float]]]]:
    """Phrase, expression and box of every region."""
    texts = [[caption["text"] for caption in row] for row in table["captions"].to_pylist()]
    return [
        [
            (
                row[region.caption][slice(*region.phrase)],
                row[region.caption][slice(*region.span)],
                [round(value, 4) for value in region.box],
            )
            for region in found
        ]
        for row, found in zip(texts, regions_of(done.columns["regions"]), strict=True)
    ]


def unasked(table: pa.Table, done: Processed) -> list[list[tuple[str | None, str]]]:
    texts = [[caption["text"] for caption in row] for row in table["captions"].to_pylist()]
    return [
        [(one["phrase"] and row[one["caption_index"]][slice(*one["phrase"])], one["reason"]) for one in found]
        for row, found in zip(texts, done.columns["ungrounded"].to_pylist(), strict=True)
    ]


def test_each_phrase_has_its_box_and_its_expression() -> None:
    table = rows(["A man with a hat stands near a dog."])
    told = Told({"man": [(MAN, 0.9), (OTHER, 0.2)], "hat": [(HAT, 0.8)], "dog": [(DOG, 0.7)]})
    done = ground(table, told)
    assert said(table, done) == [
        [
            ("A man", "A man with a hat", list(MAN)),
            ("a hat", "a hat", list(HAT)),
            ("a dog", "a dog", list(DOG)),
        ]
    ]
    (found,) = regions_of(done.columns["regions"])
    assert [region.runner_up for region in found] == [pytest.approx(0.2), 0.0, 0.0]
    assert [region.source for region in found] == ["told"] * 3
    assert done.verdicts.reason.to_pylist() == [None]


def test_an_image_without_a_box_is_rejected_or_kept() -> None:
    table = rows(["a man"], ["a dog"], [], ["the sky on Tuesday"])
    told = Told({"man": [(MAN, 0.9)], "dog": [(DOG, 0.5)]})
    assert ground(table, told).verdicts.reason.to_pylist() == [None, "no_boxes", "no_boxes", "no_boxes"]
    kept = ground(table, told, without_boxes="keep")
    assert kept.verdicts.reason.to_pylist() == [None] * 4
    assert kept.columns["regions"].to_pylist()[1:] == [[], [], []]


def test_what_is_not_asked_is_said_with_its_reason() -> None:
    table = rows(
        ["A photo of a room without a bed.", {"text": "一只狗", "lang": "zh", "role": "web"}], ["a dog and a longword"]
    )
    told = Told({"room": [(MAN, 0.9)], "dog": [(DOG, 0.9)], "bed": [(OTHER, 0.9)]})
    done = ground(table, told)
    assert unasked(table, done) == [
        [("A photo", "photo_word"), ("a bed", "negated"), (None, "other_language")],
        [("a longword", "too_long")],
    ]
    assert [[phrase for phrase, _, _ in row] for row in said(table, done)] == [["a room"], ["a dog"]]


def test_captions_that_are_not_read_for_their_letters_say_so() -> None:
    table = rows(["一只狗"], ["a dog", "🐶 123"], [{"text": "собака", "lang": "en", "role": "web"}], ["", " "])
    done = ground(table, Told({"dog": [(DOG, 0.9)]}), without_boxes="keep")
    assert unasked(table, done) == [
        [(None, "other_language")],
        [(None, "no_letters")],
        [(None, "other_language")],
        [(None, "no_letters"), (None, "no_letters")],
    ]


def test_regions_are_appended_to_those_that_came_with_the_row() -> None:
    carried = {"caption_index": 0, "phrase": [0, 5], "box": list(HAT), "source": "by hand"}
    table = rows(["a man"], ["a tree"], regions=[[carried], [carried]])
    done = ground(table, Told({"man": [(MAN, 0.9)]}))
    assert [[region.source for region in row] for row in regions_of(done.columns["regions"])] == [
        ["by hand", "told"],
        ["by hand"],
    ]
    assert done.verdicts.reason.to_pylist() == [None, None]


def test_captions_that_an_edit_replaced_or_a_rule_refused_are_not_asked_about() -> None:
    table = rows(
        [
            {"text": "A   man", "role": "web"},
            {"text": "A man and a dog", "role": "edited", "of": 0},
            {"text": "a hat", "role": "web", "refused": "no_noun"},
            {"text": "a hat", "role": "expression"},
        ]
    )
    done = ground(table, Told({"man": [(MAN, 0.9)], "hat": [(HAT, 0.9)], "dog": [(DOG, 0.9)]}))
    assert said(table, done) == [[("A man", "A man", list(MAN)), ("a dog", "a dog", list(DOG))]]
    assert {region.caption for region in regions_of(done.columns["regions"])[0]} == {1}


def test_a_phrase_is_asked_once_an_image_and_answered_in_each_caption() -> None:
    table = rows(["a dog near a dog", "a dog"])
    told = Told({"dog": [(DOG, 0.9)]})
    done = ground(table, told)
    assert told.asked == [[["a dog"]]]
    assert [region.caption for region in regions_of(done.columns["regions"])[0]] == [0, 1]


def test_qwens_rule_keeps_the_inner_labels() -> None:
    table = rows(["A man with a hat stands near a dog."])
    told = Told({"man": [(MAN, 0.9)], "hat": [(HAT, 0.8)], "dog": [(DOG, 0.7)]})
    found = said(table, ground(table, told, nested="unnest"))
    assert [expression for _, expression, _ in found[0]] == ["a hat", "a dog"]


def test_an_image_that_fails_fails_alone() -> None:
    table = rows(["a man"], ["a man"], ["a man"], images=[png(), b"damaged", png(13)])
    done = ground(table, Told({"man": [(MAN, 0.9)]}))
    assert done.verdicts.reason.to_pylist() == [None, "truncated_image", "model_error"]


def test_images_are_asked_about_by_their_shape_and_answered_in_their_order() -> None:
    sizes = [(64, 16), (16, 64), (64, 17), (40, 40), (17, 64)]
    table = rows(*[[f"a {word}"] for word in ("man", "hat", "dog", "tree", "man")], images=[png(*one) for one in sizes])
    for column, values in (("width", [w for w, _ in sizes]), ("height", [h for _, h in sizes])):
        table = table.set_column(table.schema.get_field_index(column), column, pa.array(values, pa.int32()))
    told = Told({"man": [(MAN, 0.9)], "hat": [(MAN, 0.9)], "dog": [(MAN, 0.9)]})
    done = ground(table, told)
    assert told.asked == [[["a hat"], ["a man"], ["a tree"]], [["a dog"], ["a man"]]]
    assert [[phrase for phrase, _, _ in row] for row in said(table, done)] == [
        ["a man"],
        ["a hat"],
        ["a dog"],
        [],
        ["a man"],
    ]


RECIPE = """\
name: small
stages:
  - stage: pull
  - stage: ground
pack: {tasks: [grounded_caption]}
"""


def test_a_recipe_grounds_with_the_shapes_detector_when_it_says_nothing() -> None:
    recipe = parse(RECIPE)
    assert recipe.stages[-1].detector.source == "shapes"


@pytest.mark.parametrize(
    ("detector", "problem"),
    [
        ("{kind: transformers}", "give either `weights`, a folder, or `hub`"),
        ("{kind: transformers, weights: /nowhere}", "/nowhere holds no model"),
        ("{kind: glip}", "glip"),
        ("{kind: shapes, treshold: 0.5}", "did you mean `threshold`"),
        ("{kind: shapes, threshold: 1.5}", "less than 1"),
    ],
)
def test_what_is_no_detector_is_refused(detector: str, problem: str) -> None:
    with pytest.raises(RecipeError, match=problem):
        parse(RECIPE.replace("stage: ground", f"stage: ground\n    detector: {detector}"))


def test_another_phrase_model_or_detector_makes_another_layer(tmp_path: Path) -> None:
    model = shutil.copytree(resolve_model(SHIPPED), tmp_path / "model")
    there = stage_identity(Ground(phrases=Phrases(model=str(model))))
    assert there == stage_identity(Ground())
    (model / "meta.json").write_text("{}")
    assert stage_identity(Ground(phrases=Phrases(model=str(model)))) != there
    other = Ground(detector=Pretrained(hub="IDEA-Research/grounding-dino-tiny"))
    assert stage_identity(other) != stage_identity(Ground())
    same = Ground(detector=Pretrained(hub="IDEA-Research/grounding-dino-tiny", device="cuda", batch_size=64))
    assert stage_identity(same) == stage_identity(other)


def test_a_detector_without_a_threshold_is_refused() -> None:
    told = Told({})
    told.threshold = None  # type: ignore[assignment]
    with pytest.raises(ValueError, match="no threshold"):
        GroundEngine(Ground(), Phrases().load(), told, told)


def test_a_model_whose_scores_nobody_knows_needs_a_threshold(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    detector = f"{{kind: transformers, weights: {tmp_path}}}"
    with pytest.raises(RecipeError, match="no `threshold` is known"):
        parse(RECIPE.replace("stage: ground", f"stage: ground\n    detector: {detector}"))
    parse(RECIPE.replace("stage: ground", f"stage: ground\n    detector: {detector[:-1]}, threshold: 0.3}}"))

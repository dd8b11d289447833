"""COCO, RefCOCO and Flickr30K Entities: captions, expressions, and boxes where people drew them."""

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.annotations.flickr30k import parse_sentence
from pipelines.sources.boxes import fraction_box, pixel_box
from pipelines.sources.files import InputError
from pipelines.sources.inputs import find
from pipelines.sources.spec import SourceSpec
from tests.pipelines.sources.annotations.annotated import (
    ANNOTATION,
    COCO,
    REFS,
    SENTENCES,
    write,
    write_flickr30k,
    write_refcoco,
)
from tests.support.tables import Row, captions, read_all


def phrases(row: Row) -> list[tuple[str, list[float]]]:
    """Each region's text and box."""
    texts = captions(row)
    return [
        (texts[region["caption_index"]][slice(*(region["expression"] or region["phrase"]))], region["box"])
        for region in row["regions"]
    ]


class TestCocoCaptions:
    ANNOTATIONS = (
        {"id": 1, "image_id": 5, "caption": "A man with a red bicycle."},
        {"id": 2, "image_id": 7, "caption": "A dog."},
        {"id": 3, "image_id": 5, "caption": "A man."},
    )
    SPEC = SourceSpec(format="coco_captions")

    def test_an_image_is_a_row_with_its_longest_caption_last(self, tmp_path: Path) -> None:
        path = write(tmp_path / "captions.json", COCO | {"annotations": self.ANNOTATIONS})
        first, second = read_all(path, self.SPEC)
        assert captions(first) == ["A man.", "A man with a red bicycle."]
        assert {(one["role"], one["lang"]) for one in first["captions"]} == {("annotated", "en")}
        assert first["license"] == "http://creativecommons.org/licenses/by/2.0/"
        assert first["image_at"]["path"] == str(tmp_path / "COCO_train2014_5.jpg")
        assert (second["url"], second["image_at"]) == ("http://c.example/7.jpg", None), "without a root it is fetched"

    def test_with_a_root_nothing_is_fetched(self, tmp_path: Path) -> None:
        path = write(tmp_path / "captions.json", COCO | {"annotations": []})
        rows = read_all(path, SourceSpec(format="coco_captions", root="/data/coco"))
        assert [row["image_at"]["path"] for row in rows] == [
            "/data/coco/COCO_train2014_5.jpg",
            "/data/coco/COCO_train2014_7.jpg",
        ]

    def test_what_is_said_of_an_image_that_is_not_there_is_a_row(self, tmp_path: Path) -> None:
        wrong = [{"image_id": 9, "caption": "x"}, {"image_id": 7}, "x"]
        rows = read_all(write(tmp_path / "c.json", COCO | {"annotations": wrong}), self.SPEC)
        assert [row["input_error"] for row in rows] == [
            None,
            "an annotation without a caption",
            "no image has the id 9",
            "no image has the id None",
        ]

    def test_another_layout_is_named_when_it_is_read(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no list `images` and no list `annotations`"):
            read_all(write(tmp_path / "c.json", {"a": 1}), self.SPEC)


class TestRefcoco:
    SPEC = SourceSpec(format="refcoco", root="/data/coco")

    def test_expressions_are_captions_with_a_box_of_their_own(self, tmp_path: Path) -> None:
        first, second = read_all(write_refcoco(tmp_path), self.SPEC)
        assert phrases(first) == [
            ("left man", pytest.approx([0.1, 0.1, 0.4, 0.5])),
            ("man in hat", pytest.approx([0.1, 0.1, 0.4, 0.5])),
            ("second man", pytest.approx([0.5, 0.0, 1.0, 1.0])),
        ]
        assert {one["role"] for one in first["captions"]} == {"expression"}
        assert {(one["score"], one["runner_up"], one["source"]) for one in first["regions"]} == {(1, None, "refcoco")}
        assert first["image_at"]["path"] == "/data/coco/COCO_train2014_5.jpg"
        assert first["source"] == {"image_id": "5", "file_name": "COCO_train2014_5.jpg", "split": "train"}
        assert (second["input_reason"], second["input_error"]) == ("other_split", "of the split testA")

    def test_other_splits_are_taken_when_the_recipe_says_so(self, tmp_path: Path) -> None:
        rows = read_all(write_refcoco(tmp_path), SourceSpec(format="refcoco", splits=("train", "testA")))
        assert [row["input_error"] for row in rows] == [None, None]
        assert rows[1]["url"] == "http://c.example/7.jpg"

    def test_a_folder_stands_for_the_refs_in_it(self, tmp_path: Path) -> None:
        for name in ("refcoco", "refcoco+"):
            write_refcoco(tmp_path / name)
        files = find([str(tmp_path)], self.SPEC)
        assert [file.name for file in files] == ["refcoco+/refs(unc).json", "refcoco/refs(unc).json"]

    def test_a_pickle_is_refused_with_how_to_convert_it(self, tmp_path: Path) -> None:
        write(tmp_path / "instances.json", COCO)
        path = tmp_path / "refs(unc).p"
        path.write_bytes(pickle.dumps(REFS))
        for named in (path, tmp_path):
            with pytest.raises(InputError, match=r"pickle(.|\n)*json\.dump"):
                find([str(named)], self.SPEC)

    def test_boxes_that_are_missing_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"no instances\.json beside it"):
            find([str(write(tmp_path / "refs.json", REFS))], self.SPEC)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"image_id": 99}, "no image has the id 99"),
            ({"ann_id": 99}, "no annotation has the id 99"),
            ({"ann_id": 70}, "is of another image"),
            ({"sentences": []}, "no sentence"),
            ({"sentences": [{"sent": " "}]}, "says nothing"),
        ],
    )
    def test_a_broken_ref_is_a_row_and_the_others_stay(self, tmp_path: Path, change: dict[str, Any], said: str) -> None:
        broken, whole = read_all(write_refcoco(tmp_path, [REFS[0], REFS[1] | change]), self.SPEC)
        assert said in broken["input_error"]
        assert captions(whole) == ["left man", "man in hat"]

    @pytest.mark.parametrize("bbox", [[0, 0, 0, 10], [0, 0, 500, 10], [0, 0, 10], None, ["a", 0, 1, 1]])
    def test_a_box_that_is_none_of_the_image_is_a_broken_row(self, tmp_path: Path, bbox: Any) -> None:
        coco = copy.deepcopy(COCO)
        coco["annotations"][0]["bbox"] = bbox
        broken, whole = read_all(write_refcoco(tmp_path, REFS[:2], coco), self.SPEC)
        assert broken["input_error"]
        assert captions(whole) == ["second man"]


class TestFlickr30k:
    SPEC = SourceSpec(format="flickr30k_entities", root="/data/flickr")

    def test_phrases_have_the_boxes_of_their_entities(self, tmp_path: Path) -> None:
        (row,) = read_all(write_flickr30k(tmp_path), self.SPEC)
        man, left, right = [0.1, 0.1, 0.5, 1.0], [0.0, 0.0, 0.2, 0.25], [0.8, 0.0, 1.0, 0.25]
        assert captions(row) == ["A man holds two bags .", "A man with bags is on a street , it seems ."]
        assert phrases(row) == [
            ("A man", pytest.approx(man)),
            ("two bags", pytest.approx(left)),
            ("two bags", pytest.approx(right)),
            ("A man", pytest.approx(man)),
            ("bags", pytest.approx(left)),
            ("bags", pytest.approx(right)),
        ]
        assert row["image_at"]["path"] == "/data/flickr/1000092795.jpg"
        assert (row["source"], row["input_error"]) == ({"image_id": "1000092795"}, None)

    def test_the_folder_in_which_the_annotations_lie_may_be_named_too(self, tmp_path: Path) -> None:
        write_flickr30k(tmp_path / "annotations")
        assert len(read_all(tmp_path, self.SPEC)) == 1

    def test_images_must_be_said_to_lie_somewhere(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"source\.root"):
            find([str(write_flickr30k(tmp_path))], SourceSpec(format="flickr30k_entities"))

    @pytest.mark.parametrize(
        ("sentences", "annotation", "said"),
        [
            (SENTENCES, None, "cannot be read"),
            (SENTENCES, "<annotation>", "not XML"),
            (SENTENCES, ANNOTATION.replace("<width>500</width>", ""), "no number size/width"),
            (SENTENCES, ANNOTATION.replace(">500<", ">0<", 1), "0 × 400"),
            (SENTENCES, ANNOTATION.replace("<xmax>250</xmax>", "<xmax>2500</xmax>"), "no part of an image"),
            (SENTENCES, ANNOTATION.replace("<xmax>250</xmax>", ""), "no number xmax"),
            (SENTENCES, "<a>" * 100_000, "nested too deeply"),
            (SENTENCES, b"\xff\xfe\x00", "not XML"),
            ("[/EN#1/people A man rides", ANNOTATION, "does not end"),
            ("[/EN#1/people ] rides", ANNOTATION, "is empty"),
        ],
    )
    def test_what_is_broken_is_a_row(
        self, tmp_path: Path, sentences: str, annotation: str | bytes | None, said: str
    ) -> None:
        (row,) = read_all(write_flickr30k(tmp_path, sentences=sentences, annotation=annotation), self.SPEC)
        assert said in row["input_error"]
        assert row["image_at"] is None

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
    def test_entities_never_expand(self, tmp_path: Path, encoding: str) -> None:
        laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha" * 10}">' for n in range(12))
        text = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE x [{laughs}]><annotation>&l11;</annotation>'
        (row,) = read_all(write_flickr30k(tmp_path, annotation=text.encode(encoding)), self.SPEC)
        assert row["input_error"] == "the annotation declares a document type"


WORD = st.text(st.characters(exclude_characters="[]\n\r", exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(st.lists(st.tuples(st.sampled_from(["", "people", "other/scene"]), WORD), max_size=6))
def test_spans_always_slice_to_the_phrase(pieces: list[tuple[str, str]]) -> None:
    line = "".join(f"[/EN#{n}/{kind} {word}]" if kind else word for n, (kind, word) in enumerate(pieces))
    text, found = parse_sentence(line)
    assert text == "".join(word for _, word in pieces)
    marked = [(str(n), word) for n, (kind, word) in enumerate(pieces) if kind]
    assert [(number, text[start:end]) for number, start, end in found] == marked


SIDE = st.floats(-50, 150)


@given(st.tuples(SIDE, SIDE, SIDE, SIDE), st.integers(-2, 120), st.integers(-2, 120))
def test_a_box_lies_in_the_image_or_is_refused(box: tuple[float, ...], width: int, height: int) -> None:
    try:
        x1, y1, x2, y2 = pixel_box(box, width, height)
    except ValueError:
        return
    assert 0 <= x1 < x2 <= 1
    assert 0 <= y1 < y2 <= 1
    assert abs(x1 * width - box[0]) <= 0.01 * width + 1e-9
    assert abs(y2 * height - box[3]) <= 0.01 * height + 1e-9


@pytest.mark.parametrize("box", [(0, 0, 1), (0, 0, float("nan"), 1), (0.5, 0, 0.5, 1), (1.001, 0, 1.002, 1)])
def test_what_is_no_box_is_refused(box: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="box"):
        fraction_box(box)

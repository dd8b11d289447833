"""LLaVA, InternVL, CogVLM-SFT and MiniGPT-4: every record is a row, and says what it said."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.annotations.json_array import elements
from pipelines.sources.files import InputError
from pipelines.sources.inputs import find
from pipelines.sources.spec import SourceSpec
from tests.pipelines.sources.annotations.annotated import LLAVA, write
from tests.support.tables import Row, read_all

SPEC = SourceSpec(format="llava", caption_lang="en")


def said(row: Row) -> list[tuple[str, str]]:
    return [(turn["role"], turn["text"]) for turn in row["turns"]]


def image(row: Row) -> str:
    path: str = row["image_at"]["path"]
    return path


class TestLlava:
    def test_the_published_layout(self, tmp_path: Path) -> None:
        first, second = read_all(write(tmp_path / "llava.json", LLAVA), SPEC)
        assert image(first) == str(tmp_path / "000000033471.jpg")
        assert said(first) == [
            ("user", "<image>\nWhat are the colors of the bus?"),
            ("assistant", "The bus is white and red."),
            ("user", "What is on its back?"),
            ("assistant", "An advertisement."),
        ]
        assert said(second)[0] == ("user", "Where is the cat?\n<image>")
        assert {turn["lang"] for turn in first["turns"]} == {"en"}
        assert (first["source"], first["captions"], first["input_error"]) == ({"id": "000000033471"}, [], None)
        assert [first["source_row"], second["source_row"]] == [0, 1]

    def test_images_lie_below_the_root_of_the_recipe(self, tmp_path: Path) -> None:
        spec = SourceSpec(format="llava", root=str(tmp_path / "images"))
        _, second = read_all(write(tmp_path / "llava.json", LLAVA), spec)
        assert image(second) == str(tmp_path / "images/coco/000000052846.jpg")

    @pytest.mark.parametrize(
        ("record", "reason", "said"),
        [
            ({"id": 1, "conversations": LLAVA[0]["conversations"]}, "no_image", "no image"),
            (LLAVA[0] | {"image": ""}, "no_image", "no image"),
            (LLAVA[0] | {"image": []}, "no_image", "no image"),
            (LLAVA[0] | {"video": "a.mp4"}, "no_image", "video"),
            (LLAVA[0] | {"image": ["a.jpg", "b.jpg"]}, "several_images", "2 images"),
            (LLAVA[0] | {"image": "../../etc/passwd"}, None, "leads out"),
            (LLAVA[0] | {"image": "/etc/passwd"}, None, "absolute"),
            (LLAVA[0] | {"image": "a\0.jpg"}, None, "NUL"),
            (LLAVA[0] | {"conversations": []}, None, "not a list of turns"),
            (LLAVA[0] | {"conversations": "hello"}, None, "not a list of turns"),
            (LLAVA[0] | {"conversations": [3]}, None, "turn 0 is not an object"),
            (LLAVA[0] | {"conversations": [{"from": "narrator", "value": "x"}]}, None, "narrator"),
            (LLAVA[0] | {"conversations": [{"from": "human", "value": None}]}, None, "turn 0 has no text"),
            (LLAVA[0] | {"conversations": [{"from": "human", "value": "a\0b"}]}, None, "NUL"),
            (LLAVA[0] | {"conversations": [{"from": "human", "value": "\ud800"}]}, None, "UTF-8"),
            (LLAVA[0] | {"id": "a\0b"}, None, "NUL"),
            ("text", None, "not a JSON object"),
        ],
    )
    def test_a_broken_record_is_a_row_that_says_why(
        self, tmp_path: Path, record: Any, reason: str | None, said: str
    ) -> None:
        path = tmp_path / "llava.json"
        path.write_text(json.dumps([LLAVA[0], record, LLAVA[1]]))
        rows = read_all(path, SPEC)
        assert [row["input_error"] is None for row in rows] == [True, False, True]
        assert said in rows[1]["input_error"]
        assert (rows[1]["input_reason"], rows[1]["image_at"] if reason else None) == (reason, None)

    def test_one_image_in_a_list_is_one_image(self, tmp_path: Path) -> None:
        (row,) = read_all(write(tmp_path / "l.json", [LLAVA[0] | {"image": ["a.jpg"]}]), SPEC)
        assert image(row) == str(tmp_path / "a.jpg")

    @pytest.mark.parametrize("text", ["", "{}", "nonsense", "[1", '[{"id": 1}]'])
    def test_a_file_of_another_layout_is_refused_before_any_work(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "l.json"
        path.write_text(text)
        with pytest.raises(InputError, match=r"l\.json"):
            find([str(path)], SPEC)

    def test_a_folder_is_refused_for_images_lie_in_it_too(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="name the annotation file"):
            find([str(tmp_path)], SPEC)

    def test_an_array_that_breaks_off_stops_the_reading(self, tmp_path: Path) -> None:
        path = tmp_path / "l.json"
        path.write_text(json.dumps(LLAVA)[:-30])
        with pytest.raises(InputError, match=r"breaks off near row 0.*element 1"):
            read_all(path, SPEC)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


class TestStreaming:
    @given(values=st.lists(JSON, max_size=8), indent=st.sampled_from([None, 0, 2]), step=st.integers(1, 7))
    def test_elements_are_those_of_the_array_wherever_it_is_cut(
        self, values: list[Any], indent: int | None, step: int
    ) -> None:
        class Dripping:
            """A text that gives a few characters at a time."""

            def __init__(self, text: str) -> None:
                self.text, self.at = text, 0

            def read(self, _: int) -> str:
                self.at += step
                return self.text[self.at - step : self.at]

        dripping: Any = Dripping(json.dumps(values, indent=indent))
        assert list(elements(dripping)) == values

    @given(values=st.lists(JSON, max_size=4), cut=st.integers(1, 30))
    def test_an_array_that_is_cut_is_refused(self, values: list[Any], cut: int, tmp_path_factory: Any) -> None:
        text = json.dumps(values)
        path = tmp_path_factory.mktemp("cut") / "a.json"
        path.write_text(text[: max(0, len(text) - cut)])
        with path.open() as broken, pytest.raises(InputError):
            list(elements(broken))


class TestMinigpt4:
    SPEC = SourceSpec(format="minigpt4")

    def test_the_published_layout(self, tmp_path: Path) -> None:
        annotations = [{"image_id": "2", "caption": "The image shows a man."}, {"image_id": 17, "caption": "A cat."}]
        path = write(tmp_path / "filter_cap.json", {"annotations": annotations})
        first, second = read_all(path, self.SPEC)
        assert (image(first), image(second)) == (str(tmp_path / "image/2.jpg"), str(tmp_path / "image/17.jpg"))
        (caption,) = first["captions"]
        assert (caption["text"], caption["lang"], caption["role"]) == ("The image shows a man.", "en", "generated")
        assert first["source"] == {"image_id": "2"}

    def test_broken_records_are_rows(self, tmp_path: Path) -> None:
        annotations = [{"image_id": "../2", "caption": "x"}, {"image_id": "2"}, {"caption": "x"}, 5]
        rows = read_all(write(tmp_path / "filter_cap.json", {"annotations": annotations}), self.SPEC)
        assert [row["input_reason"] for row in rows] == [None, None, "no_image", None]
        assert all(row["input_error"] and row["image_at"] is None for row in rows)

    def test_another_layout_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no list `annotations`"):
            find([str(write(tmp_path / "x.json", {"annotations": 3}))], self.SPEC)


class TestCogvlmSft:
    SPEC = SourceSpec(format="cogvlm_sft")

    def part(self, folder: Path, **labels: Any) -> Path:
        (folder / "images").mkdir(parents=True)
        (folder / "labels").mkdir()
        for name, value in labels.items():
            write(folder / f"labels/{name}.json", value)
            (folder / f"images/{name}.jpg").write_bytes(b"")
        return folder

    def test_the_published_layout(self, tmp_path: Path) -> None:
        self.part(tmp_path / "details", a={"captions": [{"role": "caption", "content": "A street."}]})
        turns = [{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "A dog."}]
        self.part(tmp_path / "multi", b={"conversations": turns})
        described, told = read_all(tmp_path, self.SPEC)
        assert [caption["text"] for caption in described["captions"]] == ["A street."]
        assert said(told) == [("user", "What is it?"), ("assistant", "A dog.")]
        assert image(told) == str(tmp_path / "multi/images/b.jpg")
        assert (described["license"], described["source_file"], told["source_file"]) == (
            "CC-BY-NC-4.0",
            "details",
            "multi",
        )

    def test_labels_in_two_languages_are_rows_of_their_own(self, tmp_path: Path) -> None:
        part = self.part(tmp_path, a={"captions": [{"role": "caption", "content": "一条街"}]})
        write(part / "labels_en/a.json", {"captions": [{"role": "caption", "content": "A street."}]})
        rows = read_all(part, self.SPEC)
        assert [(row["captions"][0]["lang"], row["source"]["label"]) for row in rows] == [
            ("zh", "labels/a.json"),
            ("en", "labels_en/a.json"),
        ]
        assert image(rows[0]) == image(rows[1])

    def test_broken_labels_are_rows(self, tmp_path: Path) -> None:
        part = self.part(tmp_path, a={"captions": []}, b={"captions": [{"role": "title", "content": "x"}]}, c=[], d={})
        (part / "labels/e.json").write_text("{'captions': []}")
        (part / "labels/f.json").write_bytes(b'{"captions": [{"role": "caption", "content": "\xff"}]}')
        rows = read_all(part, self.SPEC)
        assert [row["source"]["label"][7] for row in rows] == list("abcdef")
        assert all(row["input_error"] for row in rows)

    def test_a_folder_without_labels_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="images/ beside labels/"):
            find([str(tmp_path)], self.SPEC)
        with pytest.raises(InputError, match="is no folder"):
            find([str(tmp_path / "nothing")], self.SPEC)


class TestInternvl:
    SPEC = SourceSpec(format="internvl")

    def meta(self, folder: Path, lines: list[Any], **entry: Any) -> Path:
        (folder / "data").mkdir()
        (folder / "data/a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        about = {"root": "images/", "annotation": "data/a.jsonl", "data_augment": False, "repeat_time": 2, "length": 9}
        return write(folder / "meta.json", {"sharegpt": about | entry})

    def test_the_published_layout(self, tmp_path: Path) -> None:
        path = self.meta(tmp_path, [LLAVA[0] | {"width": 640, "height": 480}])
        (row,) = read_all(path, self.SPEC)
        assert image(row) == str(tmp_path / "images/000000033471.jpg")
        assert said(row)[1] == ("assistant", "The bus is white and red.")
        assert row["source_file"] == "meta.json#sharegpt"
        assert row["source"] == {
            "id": "000000033471",
            "width": "640",
            "height": "480",
            "set": "sharegpt",
            "data_augment": "false",
            "repeat_time": "2",
            "length": "9",
        }

    def test_lines_may_be_named_without_a_meta_file(self, tmp_path: Path) -> None:
        self.meta(tmp_path, LLAVA)
        spec = SourceSpec(format="internvl", root=str(tmp_path / "pictures"))
        rows = read_all(tmp_path / "data/a.jsonl", spec)
        assert [image(row).startswith(str(tmp_path / "pictures")) for row in rows] == [True, True]

    def test_records_of_several_images_or_none_are_rows_with_their_reason(self, tmp_path: Path) -> None:
        lines = [LLAVA[0] | {"image": ["a.jpg", "b.jpg"]}, {"id": 1, "conversations": LLAVA[0]["conversations"]}]
        path = self.meta(tmp_path, lines)
        with (tmp_path / "data/a.jsonl").open("a") as file:
            file.write("\n{broken\n")
        rows = read_all(path, self.SPEC)
        assert [row["input_reason"] for row in rows] == ["several_images", "no_image", None]
        assert "not JSON" in rows[2]["input_error"]

    def test_a_set_whose_file_is_missing_is_named(self, tmp_path: Path) -> None:
        path = self.meta(tmp_path, [], annotation="data/b.jsonl")
        with pytest.raises(InputError, match=r"meta\.json#sharegpt"):
            find([str(path)], self.SPEC)
        with pytest.raises(InputError, match="`root` and `annotation`"):
            find([str(write(tmp_path / "other.json", {"x": {"root": "r"}}))], self.SPEC)


@pytest.mark.parametrize(
    "format_", ["llava", "minigpt4", "cogvlm_sft", "internvl", "coco_captions", "refcoco", "flickr30k_entities"]
)
@pytest.mark.parametrize("named", ["nosuch://x", "missing.json", "missing/"])
def test_what_is_not_there_is_named(tmp_path: Path, format_: Any, named: str) -> None:
    text = named if "://" in named else str(tmp_path / named)
    with pytest.raises(InputError, match=r"nosuch|missing"):
        find([text], SourceSpec(format=format_, root=str(tmp_path)))


class TestCogvlmSftSources:
    SPEC = SourceSpec(format="cogvlm_sft_sources", caption_lang="en")

    def test_descriptions_are_captions_and_other_conversations_are_turns(self, tmp_path: Path) -> None:
        detail, talk = [write(tmp_path / f"{name}.json", LLAVA) for name in ("detail_23k", "conversation_58k")]
        described = read_all(detail, self.SPEC)
        assert [row["turns"] for row in described] == [None, None]
        assert [[one["text"] for one in row["captions"]] for row in described] == [
            ["An advertisement."],
            ["On the chair."],
        ]
        assert {one["role"] for row in described for one in row["captions"]} == {"generated"}
        told = read_all(talk, self.SPEC)
        assert [len(row["turns"]) for row in told] == [4, 2]
        assert [row["captions"] for row in told] == [[], []]

    def test_captions_of_minigpt4_lie_beside_their_images_whatever_the_root(self, tmp_path: Path) -> None:
        spec = SourceSpec(format="cogvlm_sft_sources", root=str(tmp_path / "coco"))
        annotations = [{"image_id": "2", "caption": "The image shows a man."}]
        (row,) = read_all(write(tmp_path / "cc/filter_cap.json", {"annotations": annotations}), spec)
        assert image(row) == str(tmp_path / "cc/image/2.jpg")
        first, _ = read_all(write(tmp_path / "llava.json", LLAVA), spec)
        assert image(first) == str(tmp_path / "coco/000000033471.jpg")

    def test_a_description_that_is_broken_is_a_broken_row(self, tmp_path: Path) -> None:
        records = [
            {"image": "a.jpg", "conversations": []},
            {"image": "a.jpg"},
            5,
            {"conversations": LLAVA[0]["conversations"]},
        ]
        rows = read_all(write(tmp_path / "detail_23k.json", records), self.SPEC)
        assert all(row["input_error"] for row in rows)

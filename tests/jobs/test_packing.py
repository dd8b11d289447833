"""From kept rows to the data set: splits that do not leak, mixtures as weighed, other dialects without decoding."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from jobs import commands
from jobs.running.trouble import PackError
from jobs.verify import verify
from tests.support.by_hand import GROUNDED, run_here
from tests.support.runs import RECIPE, Case, is_sound, shardmill
from tests.support.web import GRAPHIC, Web

N = 60


def samples(case: Case) -> Iterator[tuple[str, dict[str, Any]]]:
    """Split and sample, of every shard."""
    for path in sorted((case.run_folder / "dataset/data").iterdir()):
        for row in pq.read_table(path).to_pylist():
            yield path.name.partition("-")[0], row


@pytest.fixture
def copies(web: Web, tmp_path: Path) -> Case:
    """Pictures, each with a copy re-encoded at quality 60 and one of half the size."""
    numbers = [number if number % 2 else GRAPHIC + number for number in range(N)]
    urls = [web.url(kind, number) for number in numbers for kind in ("image", "q60", "half")]
    return Case(web, tmp_path, urls)


class TestSplits:
    def test_no_copy_language_or_task_of_an_image_crosses_the_split(self, copies: Case) -> None:
        state = run_here(copies, GROUNDED, "pack.split.validation=0.2", "stages.min_side.pixels=32")
        splits = defaultdict(set)
        kinds = defaultdict(set)
        for split, sample in samples(copies):
            number = int(re.findall(r"/(\d+)\.jpg", sample["image_meta"][0]["url"])[0])
            splits[number].add(split)
            kinds[number].add((sample["image_meta"][0]["url"], sample["task"], sample["language"]))
        assert {len(found) for found in kinds.values()} == {3 * 4 * 2}, "all copies, tasks and languages are there"
        assert {len(found) for found in splits.values()} == {1}
        rows = Counter(split for found in splits.values() for split in found)
        assert rows["train"] + rows["validation"] == N
        assert 6 <= rows["validation"] <= 12, "pictures that look alike are held out together or not at all"
        assert verify(state).problems == []

    def test_the_split_does_not_depend_on_the_dialect_or_the_tasks(self, copies: Case) -> None:
        found = []
        for settings in (("pack.dialect=internvl",), ("pack.tasks=[rec]", "pack.shard_mb=5")):
            run_here(copies, GROUNDED, "pack.split.validation=0.1", "stages.min_side.pixels=32", *settings)
            found.append({(split, sample["image_meta"][0]["url"]) for split, sample in samples(copies)})
        assert found[0] == found[1]

    def test_the_card_declares_both_splits_and_they_load(self, copies: Case, tmp_path: Path) -> None:
        import datasets

        run_here(copies, GROUNDED, "pack.split.validation=0.1", "stages.min_side.pixels=32")
        loaded = datasets.load_dataset(str(copies.run_folder / "dataset"), cache_dir=str(tmp_path / "cache"))
        by_split = Counter(split for split, _ in samples(copies))
        assert {name: len(split) for name, split in loaded.items()} == by_split


class TestMixture:
    WEIGHTS = (
        "pack.mixture.tasks={caption: 4, grounded_caption: 2, rec: 2, reg: 1}",
        "pack.mixture.languages={en: 2, zh: 1}",
    )

    def test_weights_of_tasks_and_languages_are_realised_within_one_percent(self, copies: Case) -> None:
        state = run_here(copies, GROUNDED, "stages.min_side.pixels=32", *self.WEIGHTS)
        found = Counter((sample["task"], sample["language"]) for _, sample in samples(copies))
        weights = {"caption": 4, "grounded_caption": 2, "rec": 2, "reg": 1, "en": 2, "zh": 1}
        for (task, language), n in found.items():
            assert n / found.total() == pytest.approx(weights[task] * weights[language] / 27, abs=0.01)
        assert max(found.values()) == 3 * N, "as many are taken as the weights allow"
        assert verify(state).problems == []

    def test_packing_again_takes_the_same_samples(self, copies: Case) -> None:
        ids = []
        for dialect in ("qwen2_vl", "internvl"):
            run_here(copies, GROUNDED, "stages.min_side.pixels=32", f"pack.dialect={dialect}", *self.WEIGHTS)
            ids.append([sample["id"] for _, sample in samples(copies)])
        assert ids[0] == ids[1]

    def test_a_weight_for_nothing_stops_with_what_to_do_and_keeps_what_is_committed(self, copies: Case) -> None:
        with pytest.raises(PackError, match=r"fr.*leave it out"):
            run_here(copies, GROUNDED, "stages.min_side.pixels=32", "pack.mixture.languages={en: 1, fr: 1}")
        asked = copies.web.counts.copy()
        run_here(copies, GROUNDED, "stages.min_side.pixels=32", "pack.mixture.languages={en: 1, zh: 1}")
        assert copies.web.counts == asked


def byte_level_tokenizer(folder: Path) -> Path:
    """A tokenizer of single bytes, with Qwen2-VL's turn marks as tokens of their own."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={character: at for at, character in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|image_pad|>", "<|vision_end|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


class TestTokens:
    def test_text_and_supervised_tokens_are_counted_where_a_tokenizer_is_given(self, copies: Case) -> None:
        folder = byte_level_tokenizer(copies.folder)
        run_here(copies, RECIPE, "stages.min_side.pixels=32", f"pack.tokenizer={folder}")
        supervised = 0
        for _, sample in samples(copies):
            turns = [turn["content"].replace("<image>", "") for turn in sample["messages_tagged"]]
            system = "You are a helpful assistant."
            expected = sum(len(text.encode()) for text in turns) + len(system)
            # of three turns: role and line feed, two marks, and the line feed behind; of the image: its two marks
            expected += len("system\nuser\nassistant\n") + 3 * 3 + 2
            assert sample["n_text_tokens"] == expected
            supervised += len(turns[-1].encode()) + 1
        assert f"{supervised:,}" in (copies.run_folder / "dataset/README.md").read_text()

    def test_the_tokenizer_counts_by_what_it_holds_not_by_where_it_lies(self, copies: Case, tmp_path: Path) -> None:
        run_here(copies, RECIPE, f"pack.tokenizer={byte_level_tokenizer(copies.folder)}")
        before = {path.name: path.stat().st_mtime_ns for path in (copies.run_folder / "dataset/data").iterdir()}
        (tmp_path / "elsewhere").mkdir()
        run_here(copies, RECIPE, f"pack.tokenizer={byte_level_tokenizer(tmp_path / 'elsewhere')}")
        after = {path.name: path.stat().st_mtime_ns for path in (copies.run_folder / "dataset/data").iterdir()}
        assert after == before


def test_another_dialect_is_packed_without_decoding_an_image(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(web, tmp_path, [web.url("image", number) for number in range(20)])
    case.run()
    before = {sample["id"]: sample["images"] for _, sample in samples(case)}

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("an image was decoded")

    for decoder in ("PIL.Image.open", "cv2.imdecode", "simplejpeg.decode_jpeg"):
        monkeypatch.setattr(decoder, refuse)
    for dialect in ("qwen2_5_vl", "internvl", "plain"):
        assert commands.pack(case.run_folder, [f"pack.dialect={dialect}"], "inline", None) == 0
        assert {sample["id"]: sample["images"] for _, sample in samples(case)} == before


def test_the_shard_says_the_budget_that_boxes_and_tokens_go_by(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, [web.url("image", 1)])
    case.run("pack.dialect=qwen2_5_vl", "pack.max_pixels=50176")
    (shard,) = (case.run_folder / "dataset/data").iterdir()
    said = json.loads(pq.read_schema(shard).metadata[b"shardmill"])
    assert (said["dialect"], said["max_pixels"]) == ("qwen2_5_vl", 50176)
    assert "`max_pixels = 50176`" in (case.run_folder / "dataset/README.md").read_text()


def test_a_mistake_in_packing_is_told_before_anything_runs(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, [web.url("image", 1)], recipe=RECIPE.replace("shard_mb: 1", "tasks: [rec]"))
    done = shardmill(*case.command("--engine", "inline")[1:])
    assert done.returncode == 2
    assert "regions" in done.stderr
    assert not web.counts


def test_the_split_is_the_same_however_the_rows_lie_in_parts(copies: Case) -> None:
    found = []
    for part_rows in (7, 500):
        case = Case(copies.web, copies.folder, copies.urls, output=f"run-{part_rows}")
        run_here(case, RECIPE, "pack.split.validation=0.2", "stages.min_side.pixels=32", f"run.part_rows={part_rows}")
        found.append({(split, sample["image_meta"][0]["url"]) for split, sample in samples(case)})
    assert found[0] == found[1]


def test_groups_are_looked_for_once(copies: Case) -> None:
    run_here(copies, RECIPE, "pack.split.validation=0.2")
    kept = copies.run_folder / "sets/split/validation.npy"
    before = kept.stat().st_mtime_ns
    run_here(copies, RECIPE, "pack.split.validation=0.2", "pack.dialect=internvl")
    assert kept.stat().st_mtime_ns == before
    run_here(copies, RECIPE, "pack.split.validation=0.1")
    assert kept.stat().st_mtime_ns != before


def test_a_packing_that_cannot_be_is_not_what_the_run_is_from_then_on(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, [web.url("image", number) for number in range(5)])
    case.run()
    before = case.dataset()
    assert commands.pack(case.run_folder, ["pack.mixture.languages={fr: 1}"], "inline", None) == 1
    assert commands.pack(case.run_folder, [], "inline", None) == 0
    assert case.dataset() == before


class TestDamage:
    SPLIT = ("pack.split.validation=0.2", "stages.min_side.pixels=32")

    @pytest.mark.parametrize("damage", ["removed", "cut", "changed"])
    def test_a_damaged_split_is_told_and_found_again(self, copies: Case, damage: str) -> None:
        state = run_here(copies, RECIPE, *self.SPLIT)
        before, kept = copies.dataset(), copies.run_folder / "sets/split/validation.npy"
        whole = kept.read_bytes()
        kept.unlink()
        if damage != "removed":
            kept.write_bytes(whole[:-8] if damage == "cut" else whole[:-1] + b"\7")
        assert [problem for problem in verify(state).problems if "split" in problem]
        state = run_here(copies, RECIPE, *self.SPLIT)
        assert verify(state).problems == []
        assert copies.dataset() == before

    @pytest.mark.parametrize("name", ["README.md", "trainers/pinned.json", "trainers/trl/train.py"])
    def test_a_changed_card_or_kit_is_told(self, copies: Case, name: str) -> None:
        state = run_here(copies, RECIPE)
        (copies.run_folder / "dataset" / name).write_text("x")
        assert [problem for problem in verify(state).problems if name in problem]

    def test_what_a_user_puts_beside_the_kit_stays(self, copies: Case) -> None:
        run_here(copies, RECIPE)
        mine = copies.run_folder / "dataset/trainers/PINNED/weights"
        mine.parent.mkdir()
        mine.write_text("dear")
        state = run_here(copies, RECIPE, "pack.dialect=plain")
        assert mine.read_text() == "dear"
        assert not (copies.run_folder / "dataset/trainers/trl/train.py").exists()
        assert verify(state).problems == []


def test_a_split_without_rows_is_left_out(web: Web, tmp_path: Path) -> None:
    import datasets

    case = Case(web, tmp_path, [web.url(kind, 3) for kind in ("image", "q60", "half")])
    state = run_here(case, RECIPE, "pack.split.validation=0.1", "stages.min_side.pixels=32")
    assert verify(state).problems == []
    loaded = datasets.load_dataset(str(case.run_folder / "dataset"), cache_dir=str(tmp_path / "cache"))
    assert {name: len(split) for name, split in loaded.items()} == {"train": 3}
    assert "validation" not in (case.run_folder / "dataset/trainers/llamafactory/dataset_info.json").read_text()


def test_an_empty_language_is_packed_as_unknown(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, [web.url("image", number) for number in range(3)])
    state = run_here(case, RECIPE.replace("caption_lang: en", 'caption_lang: ""'))
    assert [sample["id"][-4:] for _, sample in samples(case)] == ["-und"] * 3
    assert verify(state).problems == []


@pytest.mark.parametrize("content", [None, "{}"])
def test_a_tokenizer_that_does_not_load_is_told_before_anything_runs(
    web: Web, tmp_path: Path, content: str | None
) -> None:
    if content:
        (tmp_path / "tokenizer.json").write_text(content)
    case = Case(web, tmp_path, [web.url("image", 1)], settings=(f"pack.tokenizer={tmp_path}/tokenizer.json",))
    assert case.run() == 2
    assert not web.counts


def test_a_run_can_be_looked_at_where_its_tokenizer_is_not(copies: Case) -> None:
    folder = byte_level_tokenizer(copies.folder)
    run_here(copies, RECIPE, f"pack.tokenizer={folder}")
    (folder / "tokenizer.json").unlink()
    assert shardmill("status", str(copies.run_folder)).returncode == 0
    assert is_sound(copies.run_folder)

"""The kits: what each trainer is told, from dialect, budget and splits alone."""

import json
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipelines.chatml.conversation import Conversation, Turn
from pipelines.chatml.dialects import DIALECTS
from pipelines.chatml.dialects.protocol import Budget
from pipelines.chatml.trainers import MAX_LENGTH, NO_LIMIT, kit

QWEN = ["qwen2_vl", "qwen2_5_vl"]
BUDGETS = {name: dialect.budget(Budget()) for name, dialect in DIALECTS.items()}
BOTH = ("train", "validation")
each_dialect = pytest.mark.parametrize("dialect", sorted(DIALECTS))
each_qwen = pytest.mark.parametrize("dialect", QWEN)


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / "trainers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


@each_dialect
def test_a_kit_follows_from_its_arguments(dialect: str) -> None:
    first = kit(dialect, BUDGETS[dialect], BOTH)
    assert first == kit(dialect, BUDGETS[dialect], list(BOTH))
    assert all(text.endswith("\n") and not text.endswith("\n\n") for text in first.values())
    assert not any("\r" in text or "/work" in text for text in first.values())


def test_what_a_kit_holds() -> None:
    files = {
        *("README.md", "pinned.json", "pin_processor.py"),
        *("llamafactory/dataset_info.json", "llamafactory/sft.yaml", "ms-swift/sft.sh"),
        *("trl/train.py", "trl/chat_template.jinja"),
    }
    assert kit("qwen2_5_vl", Budget(max_pixels=200_704), BOTH).keys() == files
    assert kit("internvl", Budget(max_tiles=6), BOTH).keys() == {name for name in files if not name.startswith("trl")}
    assert kit("plain", Budget(), BOTH).keys() == {"README.md"}


def test_an_unknown_dialect_or_no_budget_is_an_error() -> None:
    with pytest.raises(KeyError):
        kit("llava", Budget(max_pixels=200_704), BOTH)
    with pytest.raises(ValueError, match="none is given"):
        kit("qwen2_vl", Budget(), BOTH)


@each_qwen
def test_the_budget_is_pinned_everywhere(dialect: str) -> None:
    files = kit(dialect, Budget(max_pixels=200_704), BOTH)
    assert json.loads(files["pinned.json"]) == {"dialect": dialect, "min_pixels": 3136, "max_pixels": 200_704}
    assert "export MAX_PIXELS=200704 MIN_PIXELS=3136\n" in files["ms-swift/sft.sh"]
    assert "WARNING" not in files["ms-swift/sft.sh"]
    arguments = yaml.safe_load(files["llamafactory/sft.yaml"])
    assert (arguments["image_max_pixels"], arguments["image_min_pixels"]) == (NO_LIMIT, 1)
    assert arguments["cutoff_len"] == MAX_LENGTH
    assert "max_pixels 200,704" in files["README.md"]


def test_a_budget_of_no_whole_tokens_is_warned_of_where_it_cannot_be_set() -> None:
    files = kit("qwen2_5_vl", Budget(max_pixels=1_000_000), BOTH)
    assert "pack.max_pixels=999600" in files["ms-swift/sft.sh"]
    assert not any("WARNING" in text for name, text in files.items() if name != "ms-swift/sft.sh")


def test_internvl_is_pinned_in_tiles() -> None:
    files = kit("internvl", Budget(max_tiles=6), ("train",))
    assert json.loads(files["pinned.json"]) == {"dialect": "internvl", "max_tiles": 6}
    assert "export MAX_NUM=6 INPUT_SIZE=448\n" in files["ms-swift/sft.sh"]
    assert yaml.safe_load(files["llamafactory/sft.yaml"])["template"] == "intern_vl"
    assert "not supported" in files["README.md"]


@pytest.mark.parametrize("splits", [("train",), BOTH])
def test_a_split_is_named_where_it_has_shards(splits: tuple[str, ...]) -> None:
    files = kit("qwen2_vl", Budget(max_pixels=200_704), splits)
    info = json.loads(files["llamafactory/dataset_info.json"])
    assert {name: entry["split"] for name, entry in info.items()} == {f"shardmill_{split}": split for split in splits}
    arguments = yaml.safe_load(files["llamafactory/sft.yaml"])
    assert arguments["dataset"] == "shardmill_train"
    assert arguments.get("eval_dataset") == ("shardmill_validation" if len(splits) > 1 else None)
    assert ("--val_dataset" in files["ms-swift/sft.sh"]) == (len(splits) > 1)


def test_llamafactory_reads_the_tagged_column_under_the_names_it_has_there() -> None:
    entry = json.loads(kit("qwen2_vl", Budget(max_pixels=200_704), BOTH)["llamafactory/dataset_info.json"])
    assert entry["shardmill_train"]["formatting"] == "sharegpt"
    assert entry["shardmill_train"]["columns"] == {"messages": "messages_tagged", "images": "images"}


def swift_arguments(folder: Path, *options: str) -> tuple[list[str], str]:
    """What the script calls `swift` with, and the budget it finds in the environment."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "swift").write_text('#!/bin/sh\necho "$MAX_PIXELS $MIN_PIXELS"\nprintf "%s\\n" "$@"\n')
    (programs / "swift").chmod(0o755)
    script = folder / "trainers/ms-swift/sft.sh"
    said = subprocess.run(
        ["bash", str(script), *options],
        env={"PATH": f"{programs}:/usr/bin:/bin"},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return said[1:], said[0]


def test_the_swift_script_finds_the_shards_from_anywhere_and_passes_options_on(tmp_path: Path) -> None:
    written(tmp_path, kit("qwen2_5_vl", Budget(max_pixels=200_704), BOTH))
    (tmp_path / "data").mkdir()
    shards = [tmp_path / "data" / f"train-0000{number}-of-00002.parquet" for number in range(2)]
    held_out = tmp_path / "data/validation-00000-of-00001.parquet"
    for shard in (*shards, held_out):
        shard.touch()
    arguments, budget = swift_arguments(tmp_path, "a model", "--output_dir", "some where")
    assert budget == "200704 3136"
    assert arguments[:3] == ["sft", "--model", "a model"]
    at = arguments.index("--dataset")
    assert arguments[at + 1 : at + 5] == [*map(str, shards), "--val_dataset", str(held_out)]
    assert json.loads(arguments[arguments.index("--columns") + 1])["messages_tagged"] == "messages"
    assert arguments[-2:] == ["--output_dir", "some where"]

    streamed, _ = swift_arguments(tmp_path, "m", "--streaming", "true")
    assert "--columns" not in streamed


class Generation(Extension):
    """The tag that transformers adds to Jinja: remembers which pieces of a text stood in it."""

    tags = {"generation"}  # noqa: RUF012 Jinja's own way
    spoken: list[str] = []  # noqa: RUF012

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_remember"), [], [], body).set_lineno(line)

    def _remember(self, caller: Macro) -> str:
        text: str = caller()
        self.spoken.append(text)
        return text


CONVERSATIONS: dict[str, Conversation] = {
    "one question": (Turn("user", (None, "What?")), Turn("assistant", ("A dog.",))),
    "a system turn": (Turn("system", ("Be brief.",)), Turn("user", ("What?",)), Turn("assistant", ("Nothing.",))),
    "two answers": tuple(turn for n in "ab" for turn in (Turn("user", (n,)), Turn("assistant", (n * 3,)))),
    "two images": (Turn("user", (None, " and ", None, "?")), Turn("assistant", ("Alike.",))),
    "white space": (Turn("user", (None, "\n What? \n")), Turn("assistant", ("\n\nA dog. \n",))),
    "template syntax": (Turn("user", ("{{ messages }}{% if %}",)), Turn("assistant", ("{% endgeneration %}",))),
    "an empty answer": (Turn("user", ("Say nothing.",)), Turn("assistant", ("",))),
}


@each_qwen
@pytest.mark.parametrize("conversation", CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
@pytest.mark.parametrize("form", ["parts", "strings"])
def test_the_template_writes_the_dialects_text_and_marks_what_bears_loss(
    dialect: str, conversation: Conversation, form: str
) -> None:
    def content(turn: Turn) -> Any:
        if form == "strings" and None not in turn.parts:
            return "".join(part or "" for part in turn.parts)
        return [{"type": "image"} if part is None else {"type": "text", "text": part} for part in turn.parts]

    template = kit(dialect, Budget(max_pixels=200_704), BOTH)["trl/chat_template.jinja"]
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation])
    Generation.spoken.clear()
    messages = [{"role": turn.role, "content": content(turn)} for turn in conversation]
    text = environment.from_string(template).render(messages=messages)

    n_images = sum(part is None for turn in conversation for part in turn.parts)
    meant = DIALECTS[dialect].training_text(conversation, [1] * n_images)
    assert text == meant.text
    assert Generation.spoken == [meant.text[start:end] for start, end in meant.loss]


@pytest.fixture
def pin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run a kit's pin_processor.py."""

    def run(dialect: str, budget: Budget, *arguments: object) -> None:
        folder = written(tmp_path / "dataset", kit(dialect, budget, BOTH))
        script = folder / "trainers/pin_processor.py"
        monkeypatch.setattr("sys.argv", [str(script), *map(str, arguments)])
        runpy.run_path(str(script), run_name="__main__")

    return run


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A model's files, as far as pinning looks at them."""
    folder = tmp_path / "model"
    (folder / "more").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "more/notes.txt").write_text("notes")
    (folder / "preprocessor_config.json").write_text('{"max_pixels": 12845056, "min_pixels": 3136, "merge_size": 2}')
    return folder


def test_a_pinned_model_is_the_model_with_another_budget(
    pin: Callable[..., None], published: Path, tmp_path: Path
) -> None:
    for _ in range(2):  # again: nothing is in the way
        pin("qwen2_5_vl", Budget(max_pixels=200_704), published, tmp_path / "pinned")
    settings = json.loads((tmp_path / "pinned/preprocessor_config.json").read_text())
    size = {"shortest_edge": 3136, "longest_edge": 200_704}
    assert settings == {"max_pixels": 200_704, "min_pixels": 3136, "merge_size": 2, "size": size}
    assert (tmp_path / "pinned/model.safetensors").resolve() == published / "model.safetensors"
    assert (tmp_path / "pinned/more/notes.txt").read_text() == "notes"
    assert json.loads((published / "preprocessor_config.json").read_text())["max_pixels"] == 12_845_056


def test_settings_within_the_processors_own_are_pinned_too(
    pin: Callable[..., None], published: Path, tmp_path: Path
) -> None:
    (published / "preprocessor_config.json").unlink()
    (published / "processor_config.json").write_text('{"image_processor": {"size": {"longest_edge": 1}}, "a": "b"}')
    pin("qwen2_vl", Budget(max_pixels=200_704), published, tmp_path / "pinned")
    settings = json.loads((tmp_path / "pinned/processor_config.json").read_text())
    assert settings["a"] == "b"
    assert settings["image_processor"]["size"]["longest_edge"] == 200_704


def test_internvl_is_pinned_in_patches(pin: Callable[..., None], published: Path, tmp_path: Path) -> None:
    pin("internvl", Budget(max_tiles=6), published, tmp_path / "pinned")
    settings = json.loads((tmp_path / "pinned/preprocessor_config.json").read_text())
    assert (settings["crop_to_patches"], settings["min_patches"], settings["max_patches"]) == (True, 1, 6)


def test_a_model_that_cannot_be_pinned_is_refused(pin: Callable[..., None], published: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="MODEL itself"):
        pin("qwen2_vl", Budget(max_pixels=200_704), published, published)
    with pytest.raises(SystemExit, match=r"pin_processor\.py MODEL FOLDER"):
        pin("qwen2_vl", Budget(max_pixels=200_704), published)
    (published / "preprocessor_config.json").unlink()
    (published / "processor_config.json").write_text("{}")
    with pytest.raises(SystemExit, match="no image processor's settings"):
        pin("qwen2_vl", Budget(max_pixels=200_704), published, tmp_path / "pinned")

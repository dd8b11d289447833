"""`shardmill try translate`: captions in, one JSON object a line out."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.cli import main
from jobs.demo.phrasebook import MODEL, serving

KEYS = ["text", "translation", "outcome", "checks", "model"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as url:
        yield url


def tried(
    captions: str, *options: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, list[dict[str, object]], str]:
    monkeypatch.setattr(sys, "argv", ["shardmill", "try", "translate", *options])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(captions.encode()), "utf-8"))
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), [json.loads(line) for line in said.out.splitlines()], said.err


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def run(captions: str, *options: str) -> tuple[int, list[dict[str, object]], str]:
        return tried(captions, *options, monkeypatch=monkeypatch, capsys=capsys)

    return run


def test_every_caption_gets_its_translation_in_order(run, url: str) -> None:  # type: ignore[no-untyped-def]
    captions = ["a red circle above a blue square", "a dog on the grass", "IMG_2034", "12:30", "two green stars"]
    status, said, _ = run("\n".join(captions) + "\n", "--to", "zh", "--llm-url", url, "--llm-model", MODEL)
    assert status == 0
    assert all(list(one) == KEYS for one in said)
    assert [one["text"] for one in said] == captions
    assert said[0] == {
        "text": captions[0],
        "translation": "一个红色圆形在一个蓝色正方形上方",
        "outcome": "translated",
        "checks": [],
        "model": MODEL,
    }
    assert (said[1]["translation"], said[1]["outcome"], said[1]["checks"]) == (None, "failed", ["llm_bad_request"])
    assert (said[3]["translation"], said[3]["outcome"], said[3]["model"]) == ("12:30", "kept_source", None)
    assert said[4]["translation"] == "两个绿色星形"


def test_back_the_other_way(run, url: str) -> None:  # type: ignore[no-untyped-def]
    options = ("--to", "en", "--from", "zh", "--llm-url", url, "--llm-model", MODEL)
    _, said, _ = run("一个红色圆形\n", *options)
    assert said[0]["translation"] == "a red circle"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "--llm-url"),
        (("--llm-url", "ftp://x", "--llm-model", "m"), "http"),
        (("--llm-url", "http://127.0.0.1:1/v1", "--llm-model", "m", "--llm-key-env", "NO_SUCH_KEY"), "NO_SUCH_KEY"),
        (("--recipe", "wukong"), "has no stage `translate`"),
        (("--set", "llm.model=m"), "--recipe"),
        (("--to", "en", "--llm-url", "http://127.0.0.1:1/v1", "--llm-model", "m"), "are one language"),
        (("--to", "xx", "--llm-url", "http://127.0.0.1:1/v1", "--llm-model", "m"), "'xx' is none of the languages"),
    ],
)
def test_a_mistake_is_one_message_and_status_2(run, options: tuple[str, ...], words: str) -> None:  # type: ignore[no-untyped-def]
    status, said, told = run("a red circle\n", *options)
    assert (status, said) == (2, [])
    assert words in told
    assert "Traceback" not in told


def test_a_model_that_is_not_there_is_said_in_one_message(run, url: str) -> None:  # type: ignore[no-untyped-def]
    status, said, told = run("a red circle\n", "--llm-url", url, "--llm-model", "another")
    assert (status, said) == (2, [])
    assert "the only model here is phrasebook" in told


def test_answers_are_those_that_the_recipe_shares_among_runs(run, url: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    shared = ("--recipe", "internvl-bilingual", "--set", f"llm.cache={tmp_path}", "--llm-model", MODEL)
    _, first, _ = run("a red circle\n", *shared, "--llm-url", url)
    status, again, _ = run("a red circle\n", *shared, "--llm-url", "http://127.0.0.1:1/v1")
    assert (status, again) == (0, first)
    assert again[0]["outcome"] == "translated"

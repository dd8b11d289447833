"""Whole runs that translate: nothing asked twice, no key anywhere, and a clean end where there is no going on."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.answers import answers
from jobs.store.commit import read_footer
from tests.support.llm_faults import KEY, MODEL, LlmServer, Reply, serving
from tests.support.runs import files, shardmill
from tests.support.translated_runs import TranslatedRun
from tests.support.wordbook import captions, to_chinese, word_by_word

ROWS = 48


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with serving(word_by_word) as running:
        yield running


@pytest.fixture
def case(server: LlmServer, tmp_path: Path) -> TranslatedRun:
    return TranslatedRun(tmp_path, server.url, ROWS)


def test_shards_hold_both_languages_and_the_run_is_sound(case: TranslatedRun, server: LlmServer) -> None:
    assert case.run() == 0
    english = captions(ROWS)
    assert case.trained() == set(english) | {to_chinese(text) for text in english}
    assert shardmill("verify", str(case.run_folder)).returncode == 0
    assert len(server.asked) == ROWS


def test_a_run_that_begins_anew_asks_for_nothing_where_answers_are_shared(
    case: TranslatedRun, server: LlmServer
) -> None:
    shared = f"llm.cache={case.folder / 'shared'}"
    assert case.run(shared) == 0
    dataset = files(case.run_folder / "dataset")
    assert case.run(shared, restart=True) == 0
    assert len(server.asked) == ROWS
    assert files(case.run_folder / "dataset") == dataset


def test_a_run_that_was_moved_aside_leaves_its_answers(case: TranslatedRun, server: LlmServer) -> None:
    assert case.run() == 0
    dataset = files(case.run_folder / "dataset")
    assert case.run(restart=True) == 0
    assert len(server.asked) == ROWS
    assert files(case.run_folder / "dataset") == dataset


def test_a_changed_late_stage_or_an_operational_setting_asks_for_nothing(
    case: TranslatedRun, server: LlmServer
) -> None:
    case.run()
    assert case.run("llm.concurrency=3", "pack.dialect=internvl", "llm.price_in=1") == 0
    assert len(server.asked) == ROWS


def test_footers_and_report_tell_tokens_cache_hits_and_cost(case: TranslatedRun) -> None:
    assert case.run("llm.price_in=2", "llm.price_out=4") == 0
    footers = [read_footer(path) for path in sorted((case.run_folder / "layers/translate").glob("*.parquet"))]
    assert [footer["translations"]["requests"] for footer in footers] == [16, 16, 16]
    report = json.loads((case.run_folder / "report/llm.json").read_text())["translate"]
    paid = report["paid"]
    assert report["committed"] == {
        "requests": ROWS,
        "cached": 0,
        "tokens_in": paid["tokens_in"],
        "tokens_out": paid["tokens_out"],
    }
    assert paid["answers"] == paid["exchanges"] == ROWS
    assert paid["cost"] == pytest.approx((2 * paid["tokens_in"] + 4 * paid["tokens_out"]) / 1e6, abs=1e-6)
    assert 0 < report["ms"]["p50"] <= report["ms"]["p90"] <= report["ms"]["p99"] <= report["ms"]["p100"]


@pytest.mark.parametrize("status", [401, 404])
def test_a_refused_key_or_model_stops_the_run_at_once(
    case: TranslatedRun, server: LlmServer, capfd: pytest.CaptureFixture[str], status: int
) -> None:
    server.behaviour = lambda _: Reply(status, error="no")
    assert case.run("llm.concurrency=4") == 1
    assert {401: "refuses a request without a key", 404: "no such model"}[status] in capfd.readouterr().err
    assert len(server.asked) <= 4
    server.behaviour = word_by_word
    assert case.run() == 0
    assert len(case.trained()) == 2 * ROWS


def test_an_endpoint_that_goes_down_stops_the_run_and_costs_nothing_twice(
    case: TranslatedRun, server: LlmServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.behaviour = lambda asked: word_by_word(asked) if len(server.asked) <= 20 else Reply(503)
    assert case.run("llm.concurrency=4") == 1
    assert "answers nothing any more" in capfd.readouterr().err
    answered = set(server.answered)
    assert len(answered) == 20
    server.behaviour = word_by_word
    assert case.run() == 0
    assert all(server.answered[text] == 1 for text in answered)


def test_a_limit_stops_the_run_and_the_next_one_goes_on(
    case: TranslatedRun, server: LlmServer, capfd: pytest.CaptureFixture[str]
) -> None:
    assert case.run("llm.max_spent_tokens=8000") == 1
    assert "the limit is reached (max_spent_tokens 8,000)" in capfd.readouterr().err
    report = json.loads((case.run_folder / "report/llm.json").read_text())["translate"]["paid"]
    assert 0 < report["answers"] < ROWS
    assert report["tokens_in"] + report["tokens_out"] <= 8000
    assert case.run("llm.max_spent_tokens=8000") == 1
    assert len(server.asked) == report["answers"]
    assert case.run() == 0
    assert len(server.asked) == ROWS


def test_the_key_is_sent_and_written_nowhere(
    case: TranslatedRun, server: LlmServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHARDMILL_TEST_KEY", KEY)
    server.keys = frozenset({"another"})  # the refusal says the key back
    assert case.run("llm.key_env=SHARDMILL_TEST_KEY") == 1
    server.keys = frozenset({KEY})
    server.behaviour = lambda asked: Reply(500, error=f"no luck with {KEY}") if asked.nth == 0 else word_by_word(asked)
    assert case.run("llm.key_env=SHARDMILL_TEST_KEY", "llm.tries=1", "run.second_pass=false", "llm.concurrency=1") in (
        0,
        1,
    )
    assert case.run("llm.key_env=SHARDMILL_TEST_KEY") == 0
    assert {asked.authorization for asked in server.asked} == {f"Bearer {KEY}"}
    told = capfd.readouterr()
    assert KEY not in told.out + told.err
    written = files(case.folder)
    assert written
    assert not [name for name, content in written.items() if KEY.encode() in content]


def test_a_recipe_without_an_endpoint_is_refused_before_any_work(case: TranslatedRun) -> None:
    bare = [word for word in case.command() if not word.startswith("--set=llm")]
    done = subprocess.run(bare, capture_output=True, text=True, check=False)
    assert (done.returncode, "--llm-url" in done.stderr) == (2, True)
    assert not case.run_folder.exists()
    unset = subprocess.run([*case.command(), "--llm-key-env=NOT_SET"], capture_output=True, text=True, check=False)
    assert (unset.returncode, "NOT_SET" in unset.stderr) == (2, True)


def planned(case: TranslatedRun, *settings: str) -> dict[str, Any]:
    done = subprocess.run(
        [*case.command("--json", *(f"--set={one}" for one in settings), verb="plan")],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)["llm"]["translate"]
    return found


def test_plan_tells_requests_tokens_and_cost_before_and_after_answers(case: TranslatedRun, server: LlmServer) -> None:
    prices = ("llm.price_in=1000", "llm.price_out=4000")
    before = planned(case, *prices)
    assert (before["rows"], before["requests"], before["measured"], server.asked) == (ROWS, ROWS, False, [])
    assert before["cost"] == pytest.approx((before["tokens_in"] + 4 * before["tokens_out"]) / 1000)
    assert 5 * ROWS < before["tokens_out"] < 20 * ROWS
    assert planned(case, "stages.translate.correct=true", "stages.translate.back=compare")["requests"] == 3 * ROWS
    assert case.run() == 0
    assert planned(case)["requests"] == 0


def test_plan_reckons_with_what_all_hops_before_refused(case: TranslatedRun) -> None:
    long_ones = sorted(map(len, captions(ROWS)))[ROWS // 2]
    enough = f"{{stage: caption_characters, at_least: {long_ones}}}"
    stages = f"[{{stage: pull}}, {enough}, {{stage: exact_duplicates}}, {{stage: translate}}]"
    assert case.run(f"stages={stages}", until="exact_duplicates") == 0
    left = sum(len(text) >= long_ones for text in captions(ROWS))
    assert 0 < left < ROWS
    assert planned(case, f"stages={stages}")["requests"] == left


def test_plan_counts_every_caption_while_none_is_grounded(case: TranslatedRun) -> None:
    assert planned(case, "stages.translate.grounded_only=true")["requests"] == ROWS


def test_answers_go_from_run_to_run(case: TranslatedRun, server: LlmServer, capfd: pytest.CaptureFixture[str]) -> None:
    assert case.run() == 0
    store = f"file://{case.folder}/bucket"
    assert answers(case.run_folder, (), store) == 0
    assert f"{ROWS} answers, 0 of them" in capfd.readouterr().out
    other = TranslatedRun(case.folder, server.url, ROWS, output="other")
    assert other.run(until="pull") == 0
    assert answers(other.run_folder, (store,), None) == 0
    assert f"{ROWS} answers, {ROWS} of them" in capfd.readouterr().out
    assert other.run() == 0
    assert len(server.asked) == ROWS
    assert answers(other.run_folder, (f"{case.folder}/nowhere",), None) == 2
    assert "nowhere holds no answers" in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_run_on_ray_is_the_same(case: TranslatedRun, server: LlmServer, tmp_path: Path) -> None:
    server.keys = frozenset({KEY})
    options = [f"--llm-url={server.url}", f"--llm-model={MODEL}", "--llm-key-env=SHARDMILL_TEST_KEY"]
    command = [word for word in case.command() if "llm.url" not in word and "llm.model" not in word]
    environment = {**os.environ, "SHARDMILL_TEST_KEY": KEY}
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert KEY not in done.stdout + done.stderr
    assert not [name for name, content in files(tmp_path).items() if KEY.encode() in content]
    dataset = files(case.run_folder / "dataset")
    server.keys = frozenset()
    case.output = "inline"
    assert case.run() == 0
    assert files(case.run_folder / "dataset") == dataset

"""A run that translates is killed at random points: no answer that was committed is asked for again."""

import os
import random
import signal
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from pipelines.translation.cache import FILE, batches, opened
from tests.support.llm_faults import Asked, LlmServer, Reply, serving
from tests.support.runs import files, shardmill
from tests.support.translated_runs import TranslatedRun
from tests.support.wordbook import word_by_word

ROWS = 5000


def slowly(asked: Asked) -> Reply:
    return Reply(delay_s=0.1, text=word_by_word(asked).text)


def committed(case: TranslatedRun) -> set[str]:
    """Every answer that is in the cache."""
    folder = case.run_folder / "llm_cache"
    if not (folder / FILE).exists():
        return set()
    with closing(opened(folder)) as connection:
        return {answer.text for batch in batches(connection) for answer in batch}


def killed_after(case: TranslatedRun, server: LlmServer, answers: int, engine: str) -> bool:
    """Run until so many more requests have come, then kill all of it; whether it was still running."""
    until = len(server.asked) + answers
    driver = subprocess.Popen(
        case.command("--engine", engine), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while driver.poll() is None and len(server.asked) < until:
        time.sleep(0.01)
    running = driver.poll() is None
    if running:
        os.killpg(driver.pid, signal.SIGKILL)
    driver.wait(timeout=60)
    return running


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_committed_answer_is_asked_for_again_and_the_set_is_the_same(tmp_path: Path) -> None:
    chance = random.Random(20)
    with serving(slowly) as server:
        case = TranslatedRun(tmp_path, server.url, ROWS, part_rows=512)
        known: list[tuple[int, set[str]]] = []
        for engine in ("inline", "inline", "ray", "inline", "inline", "inline", "inline"):
            assert killed_after(case, server, chance.randint(1, 900), engine)
            time.sleep(0.3)  # what the dead one had sent arrives
            known.append((len(server.asked), committed(case)))
        done = subprocess.run(case.command("--engine", "inline"), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(known[-1][1]) > ROWS / 4
        for since, answers in known:
            again = [asked.text for asked in server.asked[since:] if word_by_word(asked).text in answers]
            assert again == []
        assert len(committed(case)) == ROWS
        whole = TranslatedRun(tmp_path, server.url, ROWS, part_rows=512, output="whole")
        assert whole.run() == 0
    assert files(case.run_folder / "dataset") == files(whole.run_folder / "dataset")
    assert shardmill("verify", str(case.run_folder)).returncode == 0

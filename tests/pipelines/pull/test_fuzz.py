"""Whatever a file holds, judging it ends soon, within the memory that the pixel cap allows, in a verdict or an image.

The files are judged in processes of their own: a decoder that crashes, hangs or takes too much ends that process, and
the test tells which file did it.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipelines.pull.fuzz_child import HANGS_AFTER_S
from tests.pipelines.pull.mutants import CORPUS, MAX_PIXELS, assert_sound, mutant

ROOT = Path(__file__).parents[3]
SPARE = 40 * MAX_PIXELS
"""Bytes: a large image takes 15 a pixel to decode, and allocators ask for more than they need."""


def judged(first: int, last: int, folder: Path, *trap: str) -> None:
    """Judge these damaged files in a process of their own. Fails with the number of the file that ended it."""
    numbers = (str(number) for number in (first, last, SPARE))
    done = subprocess.run(
        [sys.executable, "-m", "tests.pipelines.pull.fuzz_child", *numbers, *trap],
        capture_output=True, cwd=ROOT, timeout=(last - first) / 50 + 2 * HANGS_AFTER_S, check=False,
    )  # fmt: skip
    if not done.returncode:
        assert done.stdout.count(b"\n") == last - first + 1
        return
    told = re.findall(rb"^\d+$", done.stdout, re.MULTILINE)
    if not told:
        pytest.fail(f"status {done.returncode} before the first file\n{_end(done.stderr)}")
    name, body = mutant(int(told[-1]))
    saved = folder / f"{told[-1].decode()}.bin"
    saved.write_bytes(body)
    pytest.fail(
        f"status {done.returncode} on mutant {told[-1].decode()} ({name}), saved as {saved}\n{_end(done.stderr)}"
    )


def _end(errors: bytes) -> str:
    return errors[-3000:].decode("utf-8", "replace")


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(max_examples=400, deadline=None)
@given(st.integers(0, 1 << 64))
def test_a_damaged_file_ends_as_a_verdict_or_as_an_image_of_its_size(seed: int) -> None:
    assert_sound(mutant(seed)[1])


@pytest.mark.parametrize("name", CORPUS)
def test_whole_files_are_sound(name: str) -> None:
    assert assert_sound(CORPUS[name])


def test_some_hundreds_in_a_process_of_their_own(tmp_path: Path) -> None:
    judged(0, 300, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("tenth", range(10))
def test_a_hundred_thousand(tenth: int, tmp_path: Path) -> None:
    judged(10_000 * (tenth + 1), 10_000 * (tenth + 2), tmp_path)


@pytest.mark.parametrize(
    ("trap", "says"),
    [("crash", "status -11"), ("hang", "Timeout"), ("memory", "MemoryError")],
)
def test_a_file_that_is_too_much_is_named_and_saved(trap: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"mutant 10 ") as failed:
        judged(0, 20, tmp_path, trap)
    assert says in str(failed.value)
    assert (tmp_path / "10.bin").read_bytes() == mutant(10)[1]

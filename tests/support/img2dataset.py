"""Running img2dataset itself, as people do."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_QUIET = {"NO_ALBUMENTATIONS_UPDATE": "1", "WANDB_MODE": "disabled"}
_MAIN = "from img2dataset.main import main; main()"


def download(pairs: pa.Table, folder: Path, **options: object) -> Path:
    """What img2dataset makes of a table with the columns url and caption, in `folder`; proxies are passed by."""
    with started(pairs, folder, **options) as (process, output):
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return output


@contextmanager
def started(pairs: pa.Table, folder: Path, **options: object) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The same at work, in a process group of its own: its process, and the folder that it writes to."""
    folder.mkdir(parents=True)
    table, output = folder / "pairs.parquet", folder / "images"
    pq.write_table(pairs, table)
    extra = [name for name in pairs.column_names if name not in ("url", "caption")]
    given = {
        "url_list": table,
        "input_format": "parquet",
        "url_col": "url",
        "caption_col": "caption",
        "save_additional_columns": extra,
        "output_folder": output,
        "thread_count": 16,
        "timeout": 1,
        **options,
    }
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    process = subprocess.Popen(
        [sys.executable, "-c", _MAIN, *(f"--{name}={value}" for name, value in given.items())],
        env=environment | _QUIET,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process, output
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

"""Running img2dataset itself, as people do."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_QUIET = {"NO_ALBUMENTATIONS_UPDATE": "1", "WANDB_MODE": "disabled"}
_MAIN = "from img2dataset.main import main; main()"


def download(pairs: pa.Table, folder: Path, **options: object) -> Path:
    """What img2dataset makes of a table with the columns url and caption, in `folder`; proxies are passed by."""
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
    done = subprocess.run(
        [sys.executable, "-c", _MAIN, *(f"--{name}={value}" for name, value in given.items())],
        env=environment | _QUIET,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return output

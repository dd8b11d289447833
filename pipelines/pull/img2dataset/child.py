"""The process in which img2dataset pulls, started by `pipelines.pull.img2dataset.library`.

In, on stdin: a line of JSON with the `Rules`, then one for each shard: the URLs of its rows, each with the row's number
as its fragment. Out, on stdout: frames, of a head in JSON and a body. The process ends with its stdin, that is with the
process that started it. The files that img2dataset reads and writes are kept in memory, so that none is left behind
however the process ends.
"""

import json
import os
import signal
import struct
import sys
import threading
from dataclasses import asdict
from importlib import import_module
from typing import Any

import fsspec
import pyarrow as pa

from pipelines.pull.img2dataset.guard import Guard, Rules

FRAME = struct.Struct(">II")
"""Bytes of head and body."""


class Out:
    """Frames for whoever started this process; one at a time."""

    def __init__(self) -> None:
        self._pipe = os.fdopen(os.dup(1), "wb")
        self._lock = threading.Lock()
        os.dup2(2, 1)  # img2dataset prints

    def put(self, head: dict[str, Any], body: bytes = b"") -> None:
        """Send a frame."""
        text = json.dumps(head).encode()
        with self._lock:
            self._pipe.write(FRAME.pack(len(text), len(body)))
            self._pipe.write(text)
            self._pipe.write(body)
            self._pipe.flush()


class Shards:
    """Pulls shards with img2dataset's own `Downloader`, each in a thread of its own."""

    def __init__(self, guard: Guard, rules: Rules, out: Out) -> None:
        self._guard, self._rules, self._out = guard, rules, out
        sys.modules["ray"] = None  # type: ignore[assignment] # which it would import, and does without
        self._downloader = import_module("img2dataset.downloader").Downloader
        self._as_served = import_module("img2dataset.resizer").Resizer(
            image_size=256, resize_mode="no", resize_only_if_bigger=False, disable_all_reencoding=True
        )

    def pull(self, number: int, urls: list[str]) -> None:
        """Pull a shard. A frame a row, then one that says which rows the shard had."""
        folder = f"memory://{number}"
        file = f"{folder}/urls.feather"
        table = pa.table({"url": urls})
        with fsspec.open(file, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        download = self._downloader(
            sample_writer_class=lambda *_: self,
            resizer=self._as_served,
            thread_count=len(urls),
            save_caption=False,
            extract_exif=False,
            output_folder=folder,
            column_list=["url"],
            timeout=self._rules.deadline_s,
            number_sample_per_shard=len(urls) + 1,
            oom_shard_count=5,
            compute_hash=None,
            verify_hash_type=None,
            encode_format="jpg",
            retries=0,
            user_agent_token=None,
            disallowed_header_directives=None,
        )
        try:
            download((number, file))
            fsspec.filesystem("memory").rm(folder, recursive=True)
        finally:
            self._out.put({"done": [_row(url) for url in urls]})

    def write(self, image: bytes | None, key: str, caption: str | None, meta: dict[str, Any]) -> None:  # noqa: ARG002
        """As img2dataset's writers: a row's bytes, or its status and words."""
        row = _row(meta["url"])
        told = {"row": row, "said": meta["status"], "words": (meta["error_message"] or "")[:4_096]}
        self._out.put(told | asdict(self._guard.take(row)), image or b"")

    def close(self) -> None:
        """As img2dataset's writers."""


def _row(url: str) -> str:
    return url.rpartition("#")[2]


def main() -> None:
    """Pull what stdin asks for until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started it, who may have rows to finish
    out = Out()
    rules = Rules(**json.loads(sys.stdin.readline()))
    guard = Guard(rules)
    guard.install()
    shards = Shards(guard, rules, out)
    out.put({"ready": True})
    for number, line in enumerate(sys.stdin):
        threading.Thread(target=shards.pull, args=(number, json.loads(line)), daemon=True).start()
    os._exit(0)  # threads may hang


if __name__ == "__main__":
    main()

"""A process that pulls URLs one by one, as a worker does, and tells what each took: JSON lines in, JSON lines out.

In: ``{"url": …, "fields": {…}}``. Out: reason, value, detail, seconds, and ``peak_mb``: the most memory that the
process held while it pulled, where the kernel lets it forget earlier peaks; else the most so far.
"""

import asyncio
import json
import re
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipelines.pull.engine import PullEngine, Row
from pipelines.pull.stage import Pull
from tests.pipelines.pull.hostile import LOOPBACK

STATUS, FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def main() -> None:
    """Answer each line until there are no more."""
    engines: dict[str, PullEngine] = {}
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            asked = json.loads(line)
            key = json.dumps(asked["fields"])
            if key not in engines:
                engines[key] = Pull(**{"allow": LOOPBACK, **asked["fields"]}).load()
            with suppress(OSError):
                FORGET.write_text("5")
            told = runner.run(_pull(engines[key], asked["url"]))
            peak = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())
            assert peak
            sys.stdout.write(json.dumps({**told, "peak_mb": int(peak[1]) / 1000}) + "\n")
            sys.stdout.flush()
        for engine in engines.values():
            runner.run(engine.close())


async def _pull(engine: PullEngine, url: str) -> dict[str, Any]:
    started = time.monotonic()
    verdict = (await engine.pull(Row(url))).verdict
    told = {name: getattr(verdict, name, None) for name in ("reason", "value", "detail")}
    return {**told, "seconds": time.monotonic() - started}


if __name__ == "__main__":
    main()

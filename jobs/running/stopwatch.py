"""How fast each hop went while this process drove the run: for `report/`, where alone clocks may speak."""

import time
from dataclasses import dataclass
from typing import Any


@dataclass
class _Lap:
    ready: float
    ended: float
    rows: int = 0


class Stopwatch:
    """Takes the time of hops. They run side by side, so that their seconds add up to more than those of the whole."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._laps: dict[str, _Lap] = {}

    def ready(self, hop: str) -> None:
        """A part is there for the hop to take; only the first counts."""
        now = time.monotonic()
        self._laps.setdefault(hop, _Lap(now, now))

    def done(self, hop: str, rows: int) -> None:
        """A part of so many rows is committed."""
        lap = self._laps[hop]
        lap.ended, lap.rows = time.monotonic(), lap.rows + rows

    def facts(self) -> dict[str, Any]:
        """As JSON: seconds in all; of each hop that committed any rows, these, and seconds from ready to done."""
        hops = {
            name: {
                "rows": lap.rows,
                "seconds": round(lap.ended - lap.ready, 3),
                "rows_per_s": round(lap.rows / (lap.ended - lap.ready), 1) if lap.ended > lap.ready else None,
            }
            for name, lap in self._laps.items()
            if lap.rows
        }
        return {"seconds": round(time.monotonic() - self._started, 3), "hops": hops}

"""What people see of a running run: a live table on a terminal, plain lines elsewhere, a log, and a heartbeat.

The heartbeat is a small file that `status` reads from anywhere.
"""

import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from jobs.running.state import Control, RunState
from jobs.running.tally import HopTally, top_reasons
from jobs.store.files import write_atomically

_HEARTBEAT_S = 2.0
_LINE_S = 10.0
_RATE_WINDOW_S = 60.0

log = logging.getLogger("shardmill")


class Progress:
    """Shows a run's state at each tick of the engine. Use `show`."""

    def __init__(self, state: RunState, control: Control, console: Console) -> None:
        self._state, self._control, self._console = state, control, console
        self._started = time.monotonic()
        self._points: list[tuple[float, int]] = []
        self._beat_at = self._line_at = 0.0
        self._note = ""

    @contextmanager
    def show(self) -> Iterator[None]:
        """Show the run while the block lasts."""
        self._control.tick = self.tick
        try:
            if self._console.is_terminal:
                with Live(get_renderable=self._table, console=self._console, refresh_per_second=4, transient=True):
                    yield
            else:
                yield
        finally:
            self._control.tick = lambda: None
            self.beat("ended")

    def tick(self) -> None:
        """Called often by the engine; does little, and seldom."""
        now = time.monotonic()
        if self._control.note != self._note:
            self._note = self._control.note
            self.beat("running")  # who reads the log or looks from elsewhere hears of it at once
            if self._note:
                log.info("%s", self._note)
                if not self._console.is_terminal:
                    self._console.print(Text(self._note))
        if now - self._beat_at >= _HEARTBEAT_S:
            self._beat_at = now
            self._points = [(at, rows) for at, rows in self._points if now - at < _RATE_WINDOW_S]
            self._points.append((now, self._work()))
            self.beat("running")
        if now - self._line_at >= _LINE_S:
            self._line_at = now
            line = self._line()
            log.info("%s", line)
            if not self._console.is_terminal:
                self._console.print(Text(line))

    def beat(self, state: str) -> None:
        """Write the heartbeat."""
        tallies = self._state.tally
        data = {
            "state": state,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "at": time.time(),
            "note": self._control.note,
            "rows_per_s": round(self._rate(), 1),
            "eta_s": self._eta(),
            "hops": {name: hop_facts(tally) for name, tally in tallies.items()},
        }
        write_atomically(self._state.layout.heartbeat, json.dumps(data))

    def _work(self) -> int:
        """Row passages through hops so far: what the rate is taken of."""
        return sum(tally.entered for tally in self._state.tally.values())

    def _rate(self) -> float:
        """Row passages a second over the last minute."""
        if len(self._points) < 2:
            return 0.0
        (since, before), (now, rows) = self._points[0], self._points[-1]
        return max(0.0, (rows - before) / (now - since)) if now > since else 0.0

    def _eta(self) -> int | None:
        """Seconds left, if hops go on as they went and rows keep leaving at the rates seen."""
        rate = self._rate()
        return round(self._left() / rate) if rate else None

    def _left(self) -> float:
        """Row passages still to come, extrapolated from the parts done."""
        arriving, left = float(self._state.plan.planned_rows), 0.0
        for tally in self._state.tally.values():
            left += max(0.0, arriving - tally.entered)
            arriving *= tally.kept / tally.entered if tally.entered else 1.0
        return left

    def _line(self) -> str:
        hops = " · ".join(
            f"{name} {tally.done}/{tally.parts}" for name, tally in self._state.tally.items() if tally.parts
        )
        reasons = ", ".join(f"{what.partition('/')[2]} {rows:,}" for what, rows in top_reasons(self._state.tally, 3))
        return f"parts: {hops or 'none yet'} | {self._rate():,.0f} rows/s, {_duration(self._eta())} left | {reasons}"

    def _table(self) -> Group:
        table = Table(box=None, pad_edge=False)
        for heading in ("hop", "", "parts", "kept", "rejected", "failed"):
            table.add_column(heading, justify="left" if heading in ("hop", "") else "right")
        for name, tally in self._state.tally.items():
            bar = ProgressBar(total=max(1, tally.parts), completed=tally.done, width=24)
            cells = (f"{tally.done}/{tally.parts}", f"{tally.kept:,}", f"{tally.rejected:,}", f"{tally.failed:,}")
            table.add_row(name, bar, *cells)
        reasons = ", ".join(f"{what.partition('/')[2]} {rows:,}" for what, rows in top_reasons(self._state.tally))
        elapsed = _duration(round(time.monotonic() - self._started))
        footer = f"{elapsed} · {self._rate():,.0f} rows/s · about {_duration(self._eta())} left"
        return Group(table, Text(footer), Text(reasons), Text(self._control.note, style="yellow"))


def hop_facts(tally: HopTally) -> dict[str, Any]:
    """A tally as JSON: parts, rows by outcome, rows by ``stage/reason``."""
    return {
        "parts": tally.parts,
        "done": tally.done,
        "entered": tally.entered,
        "kept": tally.kept,
        "rejected": tally.rejected,
        "failed": tally.failed,
        "reasons": {what: rows for what, rows in sorted(tally.counts.items()) if what != "kept" and rows},
    }


@contextmanager
def logging_to(state: RunState) -> Iterator[None]:
    """Append what is logged to the run's log file."""
    state.layout.report.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(state.layout.log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"

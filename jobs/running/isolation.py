"""Finding the rows that kill their worker, so that the rest of their part is kept and the night goes on.

A part whose worker died first runs again in a worker of its own: most often it was a neighbour's fault, or somebody's
``kill``. Dies it again, it is tried without any row: a worker that dies even so dies of something else, which no row
should answer for. Then its rows are halved until single rows are found that die alone; the part is run without
them, and they become ``worker_died``. A part that dies even so (its rows are harmless one by one and deadly together)
has all its rows so marked.
"""

import dataclasses
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from jobs.running.part import PartJob

Rows = tuple[int, ...]


@dataclass
class Isolation:
    """The search in one part. Ask for the `next_job`, run it in a worker of its own, tell what became of it."""

    job: PartJob
    rows: Rows
    _phase: Literal["whole", "empty", "probe", "without", "hopeless"] = "whole"
    _probes: deque[Rows] = field(default_factory=deque)
    _poison: list[int] = field(default_factory=list)

    @property
    def is_hopeless(self) -> bool:
        """Whether the worker dies whatever the rows: there is no next job."""
        return self._phase == "hopeless"

    def next_job(self) -> PartJob:
        """The job to run now; it commits the part unless it is a probe."""
        match self._phase:
            case "whole":
                return self.job
            case "empty":
                return dataclasses.replace(self.job, only=())
            case "probe":
                return dataclasses.replace(self.job, only=self._probes[0])
        return dataclasses.replace(self.job, poison=tuple(sorted(self._poison)))

    def died(self) -> None:
        """The worker of the last job died."""
        match self._phase:
            case "whole":
                self._phase = "empty"
            case "probe":
                self._split(self._probes.popleft())
                self._end_of_search()
            case "without" if len(self._poison) < len(self.rows):
                self._poison = list(self.rows)
            case _:
                self._phase = "hopeless"

    def survived(self) -> bool:
        """The last job ended well; True when that was the part itself and not a probe."""
        if self._phase == "empty":
            self._phase = "probe"
            self._split(self.rows)
        elif self._phase == "probe":
            self._probes.popleft()
        else:
            return True
        self._end_of_search()
        return False

    def _split(self, rows: Rows) -> None:
        if len(rows) <= 1:
            self._poison += rows
            return
        half = len(rows) // 2
        self._probes.extendleft([rows[half:], rows[:half]])

    def _end_of_search(self) -> None:
        if not self._probes:
            self._phase = "without"

"""Whether the endpoint is there at all: a pause, probes, and the end of the run.

A request that fails is a verdict on its row; many different ones that fail with none answered in between speak of the
endpoint. Then nothing is asked but one request at a time, after rests that grow, until one is answered or the probes
are used up.
"""

import asyncio

from pipelines.stage import EndRunError

_DOWN_AFTER = 8
"""Different requests that fail in a row."""
_WRONG_AFTER = 64
"""Different requests that are refused before the first is answered: then it is not the texts that are wrong."""


class Health:
    """Of one endpoint, as all requests to it see it."""

    def __init__(self, pause_s: float, probes: int) -> None:
        self._pause_s, self._probes = pause_s, probes
        self._failing: set[bytes] = set()
        self._refused: set[bytes] = set()
        self._has_answered = False
        self._paused = self._probing = False
        self._failed_probes = 0
        self._end: EndRunError | None = None
        self._not_before = 0.0
        self._changed = asyncio.Condition()

    async def enter(self) -> bool:
        """Wait until a request may be made; true where it is a probe. Raises `EndRunError` where none will be."""
        loop = asyncio.get_running_loop()
        async with self._changed:
            await self._changed.wait_for(lambda: self._end or not (self._paused and self._probing))
            if self._end:
                raise self._end
            probe = self._probing = self._paused
        try:
            await asyncio.sleep(self._pause_s * 2**self._failed_probes if probe else self._not_before - loop.time())
        except asyncio.CancelledError:
            if probe:
                await self._after_probe(failed=False)
            raise
        return probe

    def rest(self, seconds: float) -> None:
        """The endpoint asks for a rest: no request before so many seconds have passed."""
        self._not_before = max(self._not_before, asyncio.get_running_loop().time() + seconds)

    async def answered(self) -> None:
        """Something came back that shows the endpoint at work."""
        self._has_answered = True
        self._failing.clear()
        if self._paused:
            async with self._changed:
                self._paused = self._probing = False
                self._failed_probes = 0
                self._changed.notify_all()

    async def failed(self, key: bytes, what: str, *, probe: bool) -> None:
        """A request got nothing of use; `what` it got is told when the run ends over it."""
        self._failing.add(key)
        if probe:
            await self._after_probe(failed=True, what=what)
        elif len(self._failing) >= _DOWN_AFTER:
            self._paused = True

    async def refused(self, key: bytes, what: str, *, probe: bool) -> None:
        """The endpoint refused a request for what it asks."""
        self._refused.add(key)
        if self._has_answered:
            await self.answered()
        elif probe:
            await self._after_probe(failed=True, what=what)
        elif len(self._refused) >= _WRONG_AFTER:
            self._paused = True

    async def end(self, error: EndRunError) -> None:
        """Nothing can be asked any more."""
        async with self._changed:
            self._end = self._end or error
            self._changed.notify_all()

    async def _after_probe(self, *, failed: bool, what: str = "") -> None:
        async with self._changed:
            self._probing = False
            self._failed_probes += failed
            self._changed.notify_all()
        if self._failed_probes >= self._probes:
            say = f"the endpoint of the language model answers nothing any more, nor did it {self._probes} probes"
            await self.end(
                EndRunError(f"{say}: {what}. Answers that came are kept; the same command goes on from here")
            )

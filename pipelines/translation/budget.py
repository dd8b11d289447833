"""What a run may spend on a language model.

A request reserves the most that it can take before it is made, so the limit is never passed, whatever is in flight:
near the limit requests wait for each other, and the first that does not fit with nothing in flight ends the run.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pipelines.stage import EndRunError
from pipelines.translation.endpoint import LlmSpec
from pipelines.translation.protocol import Request

_MESSAGE_TOKENS = 32
"""More than a chat template puts around a message."""


class Reservation:
    """What one request has been granted; `used` tells what it took of it."""

    def __init__(self, tokens_in: int, tokens_out: int) -> None:
        self.tokens_in, self.tokens_out = tokens_in, tokens_out

    def used(self, tokens_in: int, tokens_out: int) -> None:
        """Tokens as the endpoint counted them."""
        self.tokens_in, self.tokens_out = tokens_in, tokens_out


class Budget:
    """Of one run: what it spent before, and its limits."""

    def __init__(self, spec: LlmSpec, spent: tuple[int, int] = (0, 0)) -> None:
        self._spec = spec
        self._in, self._out = spent
        self._reserved_in = self._reserved_out = 0
        self._flying = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def reserve(self, request: Request) -> AsyncIterator[Reservation]:
        """Room for a request and its answer while the block lasts. Raises `EndRunError` where there is none."""
        if not self._spec.is_limited:
            yield Reservation(0, 0)
            return
        # no tokenizer makes more tokens of a text than it has bytes
        most_in = sum(len(content.encode()) + _MESSAGE_TOKENS for _, content in request.messages)
        most_out = self._spec.max_tokens or 0
        async with self._changed:
            await self._changed.wait_for(lambda: not self._flying or self._fits(most_in, most_out))
            if not self._fits(most_in, most_out):
                raise EndRunError(self._say())
            self._hold(1, most_in, most_out)
        taken = Reservation(0, 0)
        try:
            yield taken
        finally:
            async with self._changed:
                self._hold(-1, -most_in, -most_out)
                self._in, self._out = self._in + taken.tokens_in, self._out + taken.tokens_out
                self._changed.notify_all()

    def _hold(self, requests: int, tokens_in: int, tokens_out: int) -> None:
        self._flying += requests
        self._reserved_in += tokens_in
        self._reserved_out += tokens_out

    def _fits(self, more_in: int, more_out: int) -> bool:
        tokens_in, tokens_out = self._in + self._reserved_in + more_in, self._out + self._reserved_out + more_out
        spec = self._spec
        if spec.max_spent_tokens is not None and tokens_in + tokens_out > spec.max_spent_tokens:
            return False
        return spec.max_cost is None or spec.cost(tokens_in, tokens_out) <= spec.max_cost

    def _say(self) -> str:
        spec = self._spec
        limits = {"max_cost": spec.max_cost, "max_spent_tokens": spec.max_spent_tokens}
        said = " and ".join(f"{name} {limit:,}" for name, limit in limits.items() if limit is not None)
        return (
            f"the limit is reached ({said}): {self._in + self._out:,} tokens have cost "
            f"{spec.cost(self._in, self._out):.4f}, and the next request may take more than is left. Answers that came "
            "are kept; raise the limit and give the same command to go on"
        )

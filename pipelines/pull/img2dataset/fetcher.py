"""Fetching with img2dataset, under what holds for our own fetching as far as it can be made to."""

import math
from collections.abc import Callable

from aiohttp.abc import AbstractResolver
from yarl import URL

from pipelines.pull.fetch import Fetched, Fetcher, Limits, unpack
from pipelines.pull.img2dataset.guard import Rules
from pipelines.pull.img2dataset.library import Library
from pipelines.pull.verdicts import RefusedError, text_of
from pipelines.stage import Verdict


class Img2datasetFetcher(Fetcher):
    """A `Fetcher` whose exchanges img2dataset makes, one for each hop of a redirect.

    What comes before and after an exchange stays as it is: rules for URLs, robots.txt, slots, pauses, tries and the
    deadline.
    """

    def __init__(self, limits: Limits, user_agent: str, make_resolver: Callable[[], AbstractResolver]) -> None:
        super().__init__(limits, user_agent, make_resolver)
        self._library = Library(
            Rules(
                user_agent=user_agent,
                allow=limits.allow,
                deadline_s=limits.deadline_s,
                max_bytes=limits.max_bytes,
                opt_out=limits.opt_out,
            )
        )

    async def fetch(self, address: str | None, seen: Fetched, end: float = math.inf) -> None:
        """As `Fetcher.fetch`. Raises `StartError` where img2dataset does not come up."""
        await self._library.start()  # which takes seconds, of no URL's time
        await super().fetch(address, seen, end)

    async def close(self) -> None:
        """End img2dataset and close every connection."""
        await self._library.close()
        await super().close()

    async def _exchange(self, url: URL, host: str, seen: Fetched) -> str | None:  # noqa: ARG002
        answer = await self._library.ask(str(url.with_fragment(None)))
        if answer.status is not None:
            seen.final_url, seen.status = text_of(str(url)), answer.status
            seen.content_type = text_of(answer.content_type)
        if answer.location:
            return answer.location
        if answer.verdict is not None:
            raise RefusedError(answer.verdict, answer.retry_after_s)
        if not answer.body:
            raise RefusedError(Verdict("empty_body"))
        encoding = (answer.encoding or "").strip().lower()
        packed = encoding not in ("", "identity")
        seen.body = unpack(answer.body, encoding, self._limits.max_bytes) if packed else answer.body
        return None

"""Asking a language model behind an OpenAI-compatible endpoint: nothing twice, and nothing for ever."""

import asyncio
import json
import os
import random
import time
from collections import Counter
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx2
import openai

from pipelines.stage import EndRunError
from pipelines.translation.budget import Budget
from pipelines.translation.cache import AnswerCache, Stored, key_of
from pipelines.translation.endpoint import LlmSpec
from pipelines.translation.health import Health
from pipelines.translation.protocol import Answer, Request, Unanswered
from pipelines.translation.transport import AiohttpTransport

_LONGEST_WAIT_S = 30.0
_LONGEST_DETAIL = 300
_UNCOUNTED = "the endpoint does not say what an answer takes, so that no limit of tokens or cost can be held"
_MOST_TOKENS = 1 << 31
_SHORTEST_SECRET = 8
"""Characters of a key that no text holds by chance; local servers take any word."""
_REFUSED = frozenset({401, 403})
_FILTERED = ("content_filter", "content_policy", "moderation")
"""Words of a content filter; some come with 403, which else speaks of the key."""
_NOT_THERE = frozenset({404, 405, 410})
_COME_BACK = frozenset({408, 409, 425, 429})


class _Completion(NamedTuple):
    text: str
    finish_reason: str | None
    tokens_in: int
    tokens_out: int
    model: str


class Client:
    """A `Translator` over an endpoint. The first call binds it to the running event loop.

    Every answer is committed to `cache`, where there is one, before it is handed out, and found there ever after; the
    same request twice at once is made once. `account` is who pays, as the cache notes it.
    """

    def __init__(self, spec: LlmSpec, cache: AnswerCache | None = None, account: str = "") -> None:
        if lacking := spec.lacking:
            raise EndRunError(lacking)
        assert spec.model is not None
        self._spec, self._model, self._cache, self._account = spec, spec.model, cache, account
        self._key = os.environ.get(spec.key_env, "") if spec.key_env else ""
        self._openai = openai.AsyncOpenAI(
            base_url=spec.url,
            api_key=self._key or "none",
            max_retries=0,
            http_client=httpx2.AsyncClient(transport=AiohttpTransport()),
            organization="",
            project="",
        )
        self._budget = Budget(spec, cache.spent(account) if cache else (0, 0))
        self._health = Health(spec.pause_s, spec.probes)
        self._slots = asyncio.Semaphore(spec.concurrency)
        self._flying: dict[bytes, asyncio.Task[Stored]] = {}
        self._waiting: Counter[bytes] = Counter()

    async def ask(self, request: Request) -> Answer:
        """The answer, from the cache where it was received before.

        Raises `Unanswered` for this one request, and `EndRunError` where the key is refused, model or path is not
        there, the endpoint is down, or the budget spent. A caller that is cancelled leaves its exchange under way, so
        that an answer that is paid for is kept; what nobody waits for any more is not asked for, or again.
        """
        key = key_of(self._model, self._spec.sampling, request)
        if self._cache and (found := self._cache.get(key)):
            return _told(found, cached=True)
        task, cached = self._flying.get(key), True
        if task is None:
            cached = False
            task = self._flying[key] = asyncio.create_task(self._pay(key, request))
            task.add_done_callback(lambda done: self._landed(key, done))
        self._waiting[key] += 1
        try:
            return _told(await asyncio.shield(task), cached=cached)
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]

    async def settle(self) -> None:
        """Return when no exchange is under way."""
        while self._flying:
            await asyncio.wait(list(self._flying.values()))

    async def close(self) -> None:
        """Wait for what is under way, then close connections and cache."""
        await self.settle()
        await self._openai.close()
        if self._cache:
            await self._cache.close()

    def _landed(self, key: bytes, task: "asyncio.Task[Stored]") -> None:
        del self._flying[key]
        if not task.cancelled():
            task.exception()  # seen: whoever asked may have gone

    async def _pay(self, key: bytes, request: Request) -> Stored:
        async with self._slots, self._budget.reserve(request) as reserved:
            asking = _Asking(self._spec.tries, self._spec.deadline_s)
            completion, ms = await self._until_answered(key, request, asking)
            reserved.used(completion.tokens_in, completion.tokens_out)
            if is_uncounted := self._spec.is_limited and not completion.tokens_in + completion.tokens_out:
                await self._health.end(EndRunError(_UNCOUNTED))
        answer = Stored(
            key,
            *completion,
            prompt=request.prompt,
            target=request.target,
            account=self._account,
            tries=asking.exchanges,
            ms=ms,
            at=time.time(),
        )
        # without the slot: the next request need not wait for the disk
        kept = await self._cache.put(answer) if self._cache else answer
        if is_uncounted:
            raise EndRunError(_UNCOUNTED)
        return kept

    async def _until_answered(self, key: bytes, request: Request, asking: "_Asking") -> tuple[_Completion, float]:
        while True:
            if key not in self._waiting:
                raise Unanswered("llm_unavailable", "nobody waits for an answer any more")
            probe = await self._health.enter()
            began = time.monotonic()
            patience = self._spec.timeout_s if probe else min(self._spec.timeout_s, asking.left_s)
            try:
                async with asyncio.timeout(patience):
                    raw = await self._exchange(request)
                if len(self._key) >= _SHORTEST_SECRET and self._key.encode() in raw:
                    raise _NoCompletionError("the key stands")  # noqa: TRY301
                completion = _completion(raw)
            except openai.APIStatusError as error:
                failure = await self._judged(error)
                if failure.final:  # but where it meets every request it is a setting that is wrong
                    await self._health.refused(key, failure.detail, probe=probe)
                    raise Unanswered(failure.reason, failure.detail) from None
            except openai.APIConnectionError as error:
                failure = _Failure("llm_unavailable", f"no answer: {error.__cause__ or error}")
            except TimeoutError:
                failure = _Failure("llm_timeout", f"no answer within {self._spec.timeout_s:g} s")
            except _NoCompletionError as error:
                failure = _Failure("llm_bad_answer", f"{error} in {self._safe(raw.decode(errors='replace'))[:80]!r}")
            else:
                await self._health.answered()
                return completion, (time.monotonic() - began) * 1e3
            finally:
                asking.exchanges += 1
                asking.left_s -= 0.0 if probe else time.monotonic() - began
            await self._note(key, failure, asking, probe=probe)
            if probe:  # of the endpoint, which is told by it, and not of the request
                continue
            wait = failure.after_s if failure.after_s is not None else self._backoff(asking.exchanges)
            if asking.exchanges >= asking.tries or wait >= asking.left_s:
                raise Unanswered(failure.reason, self._safe(failure.detail))
            if failure.after_s is not None:
                self._health.rest(wait)
            asking.left_s -= wait
            await asyncio.sleep(wait)

    async def _exchange(self, request: Request) -> bytes:
        body = {
            "model": self._model,
            "messages": [{"role": role, "content": content} for role, content in request.messages],
            **self._spec.sampling,
        }
        # as bytes: a body that is a tree is copied and looked through on its way
        response: httpx2.Response = await self._openai.post(
            "/chat/completions", content=json.dumps(body).encode(), cast_to=httpx2.Response
        )
        return response.content

    async def _judged(self, error: openai.APIStatusError) -> "_Failure":
        """What a status says of the request. Raises what ends the run, and what the content filter refuses."""
        status, words = error.status_code, self._safe(_words(error))
        where = f"{self._spec.url} ({status}): {words}"
        is_filtered = any(word in words.lower() for word in _FILTERED)
        if status in _REFUSED and not (status == 403 and is_filtered):
            key = f"the key in {self._spec.key_env}" if self._spec.key_env else "a request without a key (see key_env)"
            await self._stop(f"the endpoint refuses {key}: {where}")
        if status in _NOT_THERE or status < 400:
            await self._stop(f"the endpoint has no such model or path: model {self._model}, {where}")
        if "insufficient_quota" in words or status == 402:
            await self._stop(f"the endpoint's account is used up: {where}")
        if status >= 500:
            return _Failure("llm_unavailable", f"{status}: {words}", _retry_after(error.response.headers))
        if status in _COME_BACK:
            return _Failure("llm_rate_limited", f"{status}: {words}", _retry_after(error.response.headers))
        if is_filtered:
            await self._health.answered()
            raise Unanswered("llm_content_filter", f"{status}: {words}") from None
        return _Failure("llm_bad_request", f"{status}: {words}", final=True)

    async def _stop(self, say: str) -> None:
        error = EndRunError(self._safe(say))
        await self._health.end(error)
        raise error from None

    async def _note(self, key: bytes, failure: "_Failure", asking: "_Asking", *, probe: bool) -> None:
        """Tell of a failure what it says of the endpoint: a 429 alone shows it at work."""
        if failure.reason == "llm_rate_limited" and not probe and asking.exchanges < asking.tries:
            return
        await self._health.failed(key, self._safe(failure.detail), probe=probe)

    def _backoff(self, exchanges: int) -> float:
        """Drawn at random, so that requests that failed together come apart."""
        longest: float = min(_LONGEST_WAIT_S, self._spec.backoff_s * 2 ** (exchanges - 1))
        return longest * random.uniform(0.5, 1.0)

    def _safe(self, words: str) -> str:
        """Words of the endpoint's, without the key, which some endpoints say back."""
        return (words.replace(self._key, "***") if self._key else words)[:_LONGEST_DETAIL]


class _NoCompletionError(Exception):
    """What came back is no chat completion."""


class _Failure(NamedTuple):
    reason: str
    detail: str
    after_s: float | None = None
    """how long the endpoint asks to be left alone"""
    final: bool = False
    """whether asking again would give the same"""


class _Asking:
    """How far one request is."""

    def __init__(self, tries: int, left_s: float) -> None:
        self.tries, self.left_s = tries, left_s
        self.exchanges = 0


def _told(stored: Stored, *, cached: bool) -> Answer:
    """Raises `Unanswered` for an answer that the endpoint's content filter has cut."""
    if stored.finish_reason == "content_filter":
        raise Unanswered("llm_content_filter", "finish_reason content_filter")
    return Answer(stored.text, stored.finish_reason, stored.tokens_in, stored.tokens_out, stored.model, cached)


def _completion(raw: bytes) -> _Completion:
    """Raises `_NoCompletionError` where the bytes hold none."""
    try:
        said = json.loads(raw)
        choice, usage = said["choices"][0], said.get("usage") or {}
        message = choice["message"]
        text = message.get("content") or message.get("refusal") or ""
        finish, model = choice.get("finish_reason"), said.get("model") or ""
        tokens = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
    except Exception as error:  # noqa: BLE001 — of bytes that others sent; numbers and depth alone raise three classes
        raise _NoCompletionError(type(error).__name__) from None
    if not (isinstance(text, str) and isinstance(model, str) and (finish is None or isinstance(finish, str))):
        raise _NoCompletionError("text, model or finish_reason is not text")
    if not all(0 <= count <= _MOST_TOKENS for count in tokens):
        raise _NoCompletionError(f"{tokens} are no numbers of tokens")
    return _Completion(_unicode(text), None if finish is None else _unicode(finish), *tokens, _unicode(model))


def _unicode(text: str) -> str:
    """`text` without halves of characters, which JSON can hold and no file can."""
    return text.encode("utf-8", "replace").decode()


def _words(error: openai.APIStatusError) -> str:
    """What the endpoint says, error code and message."""
    body: Any = error.body
    if isinstance(body, dict):
        said = [str(body[name]) for name in ("code", "type", "message", "detail") if body.get(name)]
        return ": ".join(dict.fromkeys(said)) or json.dumps(body)
    return " ".join(error.response.text.split())


def _retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds, of a header that tells seconds or a date; None where there is none that can be read."""
    said = headers.get("retry-after", "")
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, TypeError):
        return None

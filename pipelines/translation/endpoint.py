"""The endpoint that is asked: where it is, which model, how it is sampled, what it costs and how much it is spared."""

import os
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, field_validator, model_validator
from pydantic.dataclasses import dataclass

from pipelines.stage import SPEC, Operational

_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"


@dataclass(frozen=True, kw_only=True, config=SPEC)
class LlmSpec:
    """An OpenAI-compatible chat endpoint: the recipe's ``llm:``, or a stage's own.

    The key is read on the worker from the environment variable that `key_env` names, and is written nowhere.
    """

    url: Operational[str | None] = None
    """base URL, as ``http://127.0.0.1:8000/v1``"""
    model: str | None = None
    """as the endpoint calls it"""
    key_env: Operational[Annotated[str, Field(pattern=_NAME)] | None] = None
    """environment variable that holds the key; none is sent without"""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: int | None = 0
    max_tokens: Annotated[int, Field(ge=1)] | None = 1024
    """of an answer; null: not sent, for endpoints that want ``max_completion_tokens`` in `extra`"""
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    """more of the request's body, as ``chat_template_kwargs: {enable_thinking: false}``"""
    concurrency: Operational[Annotated[int, Field(ge=1, le=4096)]] = 64
    """requests in flight"""
    timeout_s: Operational[Annotated[float, Field(gt=0, le=3600)]] = 60.0
    """seconds for one exchange"""
    deadline_s: Operational[Annotated[float, Field(gt=0, le=86_400)]] = 300.0
    """seconds for an answer, over all exchanges and the waits between them, from when it has a slot"""
    tries: Operational[Annotated[int, Field(ge=1, le=20)]] = 5
    """exchanges for an answer where the endpoint fails (429, 5xx, a broken connection, a broken answer)"""
    backoff_s: Operational[Annotated[float, Field(gt=0, le=600)]] = 0.5
    """the longest wait before the second exchange; it doubles with each, and its length is drawn at random"""
    pause_s: Operational[Annotated[float, Field(ge=0, le=3600)]] = 10.0
    """seconds of rest for an endpoint that is down, before it is probed; they double with each probe"""
    probes: Operational[Annotated[int, Field(ge=1, le=20)]] = 4
    """probes of an endpoint that is down, before the run ends"""
    price_in: Operational[Annotated[float, Field(ge=0)]] = 0.0
    """price of a million tokens of requests, in any currency"""
    price_out: Operational[Annotated[float, Field(ge=0)]] = 0.0
    """price of a million tokens of answers"""
    max_cost: Operational[Annotated[float, Field(gt=0)] | None] = None
    """the run ends before it has cost more, over all its restarts"""
    max_spent_tokens: Operational[Annotated[int, Field(gt=0)] | None] = None
    """the run ends before it has used more tokens, of requests and answers together"""
    cache: Operational[str | None] = None
    """folder for the answers, to share them among runs; the run's own ``llm_cache/`` where null"""

    @field_validator("url")
    @classmethod
    def _http(cls, url: str | None) -> str | None:
        if url is not None:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("an endpoint's base URL starts with http:// or https:// and names a host")
            if parts.username or parts.password or parts.query:
                raise ValueError("a key has no place in the URL: name its environment variable with `key_env`")
        return url

    @field_validator("cache")
    @classmethod
    def _on_a_disk(cls, cache: str | None) -> str | None:
        if cache is not None and "://" in cache:
            raise ValueError("answers lie on a local disk; `shardmill answers RUN --store URL` stores them elsewhere")
        return None if cache is None else str(Path(cache).expanduser().absolute())  # workers run in other folders

    @model_validator(mode="after")
    def _can_be_counted(self) -> "LlmSpec":
        if self.max_cost is not None and not (self.price_in or self.price_out):
            raise ValueError("`max_cost` needs the prices of a million tokens: `price_in`, `price_out`")
        if self.is_limited and self.max_tokens is None:
            raise ValueError("a limit of cost or tokens needs `max_tokens`, by which an answer is bounded")
        return self

    @property
    def is_limited(self) -> bool:
        """Whether what the run spends has a limit."""
        return self.max_cost is not None or self.max_spent_tokens is not None

    @property
    def lacking(self) -> str | None:
        """What is missing before anything can be asked; None when all is here."""
        if self.url is None or self.model is None:
            return "no endpoint is named: give --llm-url and --llm-model, or `llm: {url: …, model: …}` in the recipe"
        if self.key_env is not None and not os.environ.get(self.key_env):
            return f"the environment variable {self.key_env}, which is to hold the endpoint's key, is not set"
        if self.key_env is not None and not re.fullmatch("[!-~]+", os.environ[self.key_env]):
            return f"the environment variable {self.key_env} holds blanks or letters that no key has"
        return None

    @property
    def sampling(self) -> dict[str, Any]:
        """What of a request's body decides its answer, besides model and messages."""
        chosen = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "seed": self.seed,
            "max_tokens": self.max_tokens,
        }
        return {name: value for name, value in chosen.items() if value is not None} | self.extra

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """What so many tokens cost."""
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6

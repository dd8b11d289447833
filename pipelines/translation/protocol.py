"""What a translator is: one request in, one answer out, or the reason why there is none."""

from typing import NamedTuple, Protocol

from schemas.reasons import REASONS


class Request(NamedTuple):
    """One question to a model; all that decides the answer, with the model and how it is sampled."""

    prompt: str
    """name and version of the prompt that `messages` were made by: ``translate@1``"""
    messages: tuple[tuple[str, str], ...]
    """``(role, content)``, as a chat endpoint takes them"""
    source: str
    """language of the text: ``en``"""
    target: str
    """language of the answer: ``zh``"""
    attempt: int = 0
    """how many answers to the same text were refused before; each attempt has its own answer"""


class Answer(NamedTuple):
    """What came back."""

    text: str
    finish_reason: str | None
    """as the endpoint says: ``stop``, or ``length`` where the answer was cut short"""
    tokens_in: int
    """tokens of the request as the endpoint counted them when it was asked; 0 where it does not"""
    tokens_out: int
    """tokens of the answer, likewise"""
    model: str
    """as the endpoint names it"""
    cached: bool
    """whether it had been received before, so that nothing was asked"""


class Unanswered(Exception):  # noqa: N818 — no error of ours: a verdict on one row
    """No answer came for this one request; `reason` is one of `schemas.reasons.REASONS`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = REASONS[reason].name, detail


class Translator(Protocol):
    """Asks a model. Raises `Unanswered` where one request fails, `pipelines.stage.EndRunError` where all would."""

    async def ask(self, request: Request) -> Answer:
        """The answer to a request; safe to be called many times at once."""
        ...

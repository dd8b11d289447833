"""Translators for tests: answers given in advance, and what was asked."""

from collections.abc import Callable, Sequence

from pipelines.translation.protocol import Answer, Request


class Answering:
    """Gives `answers` one after the other, or what a function makes of the text that is asked about."""

    def __init__(self, answers: Sequence[str | Answer] | Callable[[str], str]) -> None:
        self._answers = answers
        self.asked: list[Request] = []

    async def ask(self, request: Request) -> Answer:
        self.asked.append(request)
        if callable(self._answers):
            answer: str | Answer = self._answers(delimited(request))
        else:
            answer = self._answers[len(self.asked) - 1]
        return Answer(answer, "stop", 100, 10, "a model", cached=False) if isinstance(answer, str) else answer


def delimited(request: Request) -> str:
    """The text between ⟦text⟧ and ⟦/text⟧."""
    return request.messages[-1][1].partition("⟦text⟧\n")[2].rpartition("\n⟦/text⟧")[0]

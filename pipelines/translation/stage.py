"""The stage that translates captions and conversations with a language model."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import pyarrow as pa
from pydantic import AfterValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from pipelines.stage import SPEC, Worker
from pipelines.translation.endpoint import LlmSpec
from pipelines.translation.languages import known, primary
from pipelines.translation.texts import TextOptions
from schemas.tables import TRANSLATED

if TYPE_CHECKING:
    from pipelines.translation.engine import TranslateEngine

_LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z]+)*$"
Language = Annotated[str, Field(pattern=_LANGUAGE), AfterValidator(known)]
Back = Literal["none", "compare", "replace"]


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Translate:
    """Translates captions, and the source's conversations, with a language model behind an endpoint.

    Every caption that counts and is of the language `source`, or of none that is known, gets one of role
    ``translated``; the regions of its phrases are appended for where the phrases are in the translation. Answers are
    checked (`pipelines.translation.checks`) and asked for again. A row fails where no answer comes; what becomes of one
    whose answers all fail a check, `text.on_failure` says.

    Published: InternVL 1.5 translates English captions with a language model; CogVLM-SFT-311K translates, corrects the
    Chinese of detailed descriptions, and translates those back. The prompts are ours, after InternVL's rules.
    """

    stage: Literal["translate"] = "translate"
    name: str | None = None
    source: Language = "en"
    to: Language = "zh"
    captions: bool = True
    """whether captions are translated"""
    grounded_only: bool = False
    """whether only captions are translated that regions point into"""
    turns: bool = False
    """whether the source's conversation is, turn by turn"""
    correct: bool = False
    """whether each translated caption goes through a second request that corrects it (role ``corrected``)"""
    back: Back = "none"
    """whether it is translated back: to be compared with the original (role ``back``, which no task is made of), or to
    take its place (role ``corrected``); ``translations`` tells how well they agree"""
    keep_read: bool = False
    """whether text that a stage before has read in the image stays as it is where a caption has it"""
    text: TextOptions = Field(default_factory=TextOptions)
    llm: LlmSpec | None = None
    """the endpoint; the recipe's own where null"""

    version: ClassVar[int] = 1
    worker: ClassVar[Worker] = "async"
    adds: ClassVar[pa.Schema] = TRANSLATED
    max_workers: ClassVar[int] = 1
    """slots, budget and answers are of one worker, which is kept from more by none but the endpoint"""

    @model_validator(mode="after")
    def _between_languages(self) -> "Translate":
        if primary(self.source) == primary(self.to):
            raise ValueError(f"`source` and `to` are one language: {self.source}, {self.to}")
        return self

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns it needs by its settings."""
        return ("captions", "regions", *("turns",) * self.turns, *("lines",) * self.keep_read)

    @property
    def endpoint(self) -> LlmSpec:
        """What it asks."""
        return self.llm or LlmSpec()

    @property
    def lacking(self) -> str | None:
        """What is missing before it can ask; None when all is here."""
        return self.endpoint.lacking

    def asking(self, llm: LlmSpec) -> "Translate":
        """The same, with the recipe's endpoint where it has none of its own."""
        if self.llm is not None:
            return self
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return type(self)(**(own | {"llm": llm}))

    def placed(self, folder: str) -> "Translate":
        """The same, for a run that keeps its answers in `folder`, or pays for those of a shared one in its name."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return _Placed(**own, folder=folder)

    def share(self, workers: int) -> "Translate":
        """There is one worker."""
        assert workers == 1
        return self

    def load(self) -> "TranslateEngine":
        """The engine; it connects to nothing before the first rows come. Raises `EndRunError` without an endpoint."""
        from pipelines.translation.engine import TranslateEngine

        return TranslateEngine(self, None)


@dataclass(frozen=True, kw_only=True, config=SPEC)
class _Placed(Translate):
    folder: str

    def load(self) -> "TranslateEngine":
        from pipelines.translation.engine import TranslateEngine

        return TranslateEngine(self, Path(self.folder))

"""The `pack` section of a recipe: how rows become training shards."""

import json
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic.dataclasses import dataclass

from pipelines.chatml.dialects import DIALECTS
from pipelines.chatml.dialects.protocol import Budget, Dialect, Shape
from pipelines.chatml.ocr import LINE_TASKS, PLACED_TASKS, LineLimits
from pipelines.chatml.phrasings import TaskName
from pipelines.chatml.tasks import GROUNDED_TASKS, Limits
from pipelines.chatml.turns import TURNS_OF
from pipelines.stage import MODEL_FILE, SPEC

TRAIN, VALIDATION = "train", "validation"
Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True, kw_only=True, config=SPEC)
class SplitSpec:
    """Which rows are held out for validation: whole groups of duplicates, so that no picture is in both splits.

    Two images belong to one group when their perceptual hashes differ by at most `distance` bits, or a chain of such
    images joins them: re-encoded and resized copies differ by 0–6. Images without one go by their SHA-256.
    """

    validation: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Share of the rows that is held out."""
    distance: Annotated[int, Field(ge=0, le=16)] = 6
    """In bits of the 64-bit perceptual hash."""
    seed: int = 0


@dataclass(frozen=True, kw_only=True, config=SPEC)
class MixtureSpec:
    """In which proportion tasks and languages stand among the training samples.

    The weights of a task and of a language multiply; tasks or languages without weights keep their natural
    proportions. Samples are only ever left out, by a stable hash of row, task and language, and as few as the
    proportion needs. A language that is not listed is left out, ``und`` stands for the unknown. Of the validation split
    the same shares are taken.
    """

    tasks: dict[TaskName, Weight] = Field(default_factory=dict)
    languages: dict[str, Weight] = Field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True, kw_only=True, config=SPEC)
class PackSpec:
    """How rows become training shards.

    `max_pixels` (Qwen) and `max_tiles` (InternVL) are the pixel budget that the model's processor must be run with:
    image tokens are counted under it, and Qwen2.5-VL's boxes are in pixels of images that it resized. Left out, it is
    the family's default. Trainers differ in theirs, so `dataset/trainers/` pins it for each.
    """

    dialect: Literal["qwen2_vl", "qwen2_5_vl", "internvl", "qwen_vl", "cogvlm", "nvlm", "plain"] = "qwen2_vl"
    tasks: Annotated[tuple[TaskName, ...], Field(min_length=1)] = ("caption",)
    languages: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Languages of the captions to train on, ``und`` for the unknown; left out, all of them."""
    shard_mb: Annotated[int, Field(ge=1)] = 256
    """Target size of a shard in MB (10⁶ bytes)."""
    max_pixels: int | None = None
    max_tiles: int | None = None
    max_turns: Annotated[int, Field(ge=1)] = 8
    """Questions that one rec, reg, read_region or find_text conversation asks at most."""
    runner_up: Annotated[float, Field(gt=0, le=1)] = 0.5
    """A phrase is visually ambiguous when its second-best box scores at least this share of the best."""
    quads: bool | None = None
    """Whether lines of text are marked with quads (four corners) or boxes; left out, as the family does."""
    min_line_px: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 8.0
    """A line of text lower than so many pixels, as the dialect resizes the image, is no target: it cannot be read."""
    split: SplitSpec = SplitSpec()
    mixture: MixtureSpec = MixtureSpec()
    tokenizer: Annotated[str | None, MODEL_FILE] = None
    """A ``tokenizer.json``, or the model folder that holds one: text and supervised tokens are counted with it."""

    version: ClassVar[int] = 5

    @field_validator("tokenizer")
    @classmethod
    def _find_tokenizer(cls, given: str | None) -> str | None:
        if given is None:
            return None
        path = Path(given).expanduser().absolute()
        return str(path / "tokenizer.json" if path.is_dir() else path)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError("tasks names a task twice")
        self.model.budget(Budget(self.max_pixels, self.max_tiles))
        if (boxed := (*self.grounded, *self.placed)) and not self.model.writes_boxes:
            raise ValueError(f"the {self.dialect} dialect writes no boxes: leave out {', '.join(boxed)}")
        if self.quads is not None and ("quad" if self.quads else "box") not in self.model.text_shapes:
            raise ValueError(f"the {self.dialect} dialect writes no {'quads' if self.quads else 'boxes'}")
        if self.tokenizer and self.dialect in ("plain", "qwen_vl", "cogvlm", "nvlm"):
            raise ValueError(f"the {self.dialect} dialect has no template to count tokens of: leave out tokenizer")
        if unused := set(self.mixture.tasks) - set(self.tasks):
            raise ValueError(f"mixture.tasks weighs what tasks does not list: {', '.join(sorted(unused))}")
        if self.mixture.tasks and (missing := set(self.tasks) - set(self.mixture.tasks)):
            raise ValueError(f"mixture.tasks gives no weight to {', '.join(sorted(missing))}")
        if self.languages and (unlisted := set(self.mixture.languages) - set(self.languages)):
            raise ValueError(f"mixture.languages weighs what languages does not list: {', '.join(sorted(unlisted))}")
        return self

    @property
    def model(self) -> Dialect:
        """The dialect itself."""
        return DIALECTS[self.dialect]

    @property
    def grounded(self) -> tuple[TaskName, ...]:
        """Those of the tasks that are made of regions."""
        return tuple(task for task in self.tasks if task in GROUNDED_TASKS)

    @property
    def of_captions(self) -> tuple[TaskName, ...]:
        """Those of the tasks that are made of captions, with or without regions."""
        return tuple(task for task in self.tasks if task not in TURNS_OF and task not in LINE_TASKS)

    @property
    def of_lines(self) -> tuple[TaskName, ...]:
        """Those of the tasks that are made of lines of text."""
        return tuple(task for task in self.tasks if task in LINE_TASKS)

    @property
    def placed(self) -> tuple[TaskName, ...]:
        """Those of them that say where a line is."""
        return tuple(task for task in self.tasks if task in PLACED_TASKS)

    @property
    def text_shape(self) -> Shape | None:
        """How lines are marked; None where the dialect marks nothing."""
        if self.quads is None:
            return self.model.text_shapes[0] if self.model.text_shapes else None
        return "quad" if self.quads else "box"

    @property
    def line_limits(self) -> LineLimits:
        """What the tasks of lines go by."""
        return LineLimits(self.min_line_px, self.max_turns)

    @property
    def retold(self) -> dict[TaskName, str]:
        """Those of the tasks that tell a conversation again, and the column that holds it."""
        return {task: TURNS_OF[task] for task in self.tasks if task in TURNS_OF}

    @property
    def budget(self) -> Budget:
        """The pixel budget in force."""
        return self.model.budget(Budget(self.max_pixels, self.max_tiles))

    @property
    def limits(self) -> Limits:
        """What the tasks go by."""
        return Limits(self.runner_up, self.max_turns)

    def shard_metadata(self) -> dict[str, str]:
        """What a shard's footer says of how it was packed, JSON under the key ``shardmill``."""
        facts: dict[str, Any] = {"dialect": self.dialect, **self.budget._asdict(), "tasks": self.tasks}
        return {"shardmill": encode({**facts, "version": self.version})}


encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
"""JSON with sorted keys: the same facts always give the same text."""

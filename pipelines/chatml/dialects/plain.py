"""The plain dialect: for models that nothing is known of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NoReturn

import numpy as np

from pipelines.chatml.conversation import Conversation, TrainingText
from pipelines.chatml.dialects.protocol import Bools, Budget, Floats, Found, Grounded, Ints, Shape

_CHOOSE = "choose the dialect of a model family"


@dataclass(frozen=True, slots=True)
class Plain:
    """The image on a line of its own before the text, as LLaVA wrote it and most converters expect it.

    No budget, no image tokens, no shape refused, no boxes, no template: which model will read the shard is not known.
    """

    name: ClassVar[str] = "plain"
    special_tokens: ClassVar[tuple[str, ...]] = ("<image>", "<video>", "<audio>", "<s>", "</s>", "<unk>", "<pad>")
    after_image: ClassVar[str] = "\n"
    writes_boxes: ClassVar[bool] = False
    text_shapes: ClassVar[tuple[Shape, ...]] = ()

    def budget(self, asked: Budget) -> Budget:
        if asked != Budget():
            raise ValueError(f"the plain dialect has no budget: leave max_pixels and max_tiles out, or {_CHOOSE}")
        return Budget()

    def budget_each(self, budget: Budget, n_images: int) -> Budget:  # noqa: ARG002
        return self.budget(budget)

    def unfit(self, width: Ints, height: Ints) -> Bools:
        return np.zeros(np.broadcast(width, height).shape, np.bool_)

    def resized(self, width: Ints, height: Ints, budget: Budget) -> None:  # noqa: ARG002
        return None

    def image_tokens(self, width: Ints, height: Ints, budget: Budget) -> None:  # noqa: ARG002
        return None

    def to_grid(self, coordinates: Floats, width: Ints, height: Ints, budget: Budget) -> Ints:  # noqa: ARG002
        _no_boxes()

    def from_grid(self, coordinates: Ints, width: Ints, height: Ints, budget: Budget) -> Floats:  # noqa: ARG002
        _no_boxes()

    def write(self, label: str | None, coordinates: Sequence[Sequence[int]]) -> str:  # noqa: ARG002
        _no_boxes()

    def write_grounded(self, pieces: Sequence[str | Grounded]) -> str:  # noqa: ARG002
        _no_boxes()

    def write_list(self, items: Sequence[Grounded]) -> str:  # noqa: ARG002
        _no_boxes()

    def read(self, text: str) -> list[Found]:  # noqa: ARG002
        _no_boxes()

    def training_text(self, conversation: Conversation, image_tokens: Sequence[int]) -> TrainingText:  # noqa: ARG002
        raise ValueError(f"the plain dialect has no template: {_CHOOSE}")


def _no_boxes() -> NoReturn:
    raise ValueError(f"the plain dialect writes no boxes: {_CHOOSE}")

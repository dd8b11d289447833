"""What Qwen2-VL and Qwen2.5-VL share: the processor that sizes images, and the chat template."""

from collections.abc import Sequence
from typing import ClassVar

from pipelines.chatml.conversation import Conversation, TrainingText, Turn
from pipelines.chatml.dialects.chatml_turns import ImageMarks, chatml_text
from pipelines.chatml.dialects.protocol import Bools, Budget, Ints, Shape
from pipelines.chatml.dialects.smart_resize import MAX_PIXELS, MIN_PIXELS, QWEN2_FACTOR, smart_resize, too_long

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
_MARKS = ImageMarks("<|vision_start|>", "<|image_pad|>", "<|vision_end|>")
_DEFAULT_SYSTEM = Turn("system", ("You are a helpful assistant.",))


class QwenVL:
    """Images near their own size, in patches of 14 pixels, four of which make a token."""

    __slots__ = ()

    after_image = ""
    writes_boxes = True
    text_shapes: ClassVar[tuple[Shape, ...]] = ("box", "quad")

    def budget(self, asked: Budget) -> Budget:
        if asked.max_tiles is not None:
            raise ValueError("Qwen2-VL and Qwen2.5-VL cut no tiles: leave max_tiles out, or set max_pixels")
        if asked.max_pixels is None:
            return Budget(max_pixels=MAX_PIXELS)
        if asked.max_pixels < MIN_PIXELS:
            raise ValueError(f"max_pixels is {asked.max_pixels}, but Qwen enlarges every image to {MIN_PIXELS} pixels")
        return Budget(max_pixels=asked.max_pixels)

    def budget_each(self, budget: Budget, n_images: int) -> Budget:  # noqa: ARG002 each has its own
        return self.budget(budget)

    def unfit(self, width: Ints, height: Ints) -> Bools:
        return too_long(width, height)

    def resized(self, width: Ints, height: Ints, budget: Budget) -> tuple[Ints, Ints]:
        return smart_resize(width, height, max_pixels=budget.max_pixels or MAX_PIXELS)

    def image_tokens(self, width: Ints, height: Ints, budget: Budget) -> Ints:
        new_width, new_height = self.resized(width, height, budget)
        return new_width // QWEN2_FACTOR * (new_height // QWEN2_FACTOR)

    def training_text(self, conversation: Conversation, image_tokens: Sequence[int]) -> TrainingText:
        if conversation and conversation[0].role != "system":
            conversation = (_DEFAULT_SYSTEM, *conversation)
        return chatml_text(conversation, image_tokens, _MARKS, after="\n")

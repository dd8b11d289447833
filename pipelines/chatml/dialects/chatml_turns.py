"""Turns between `<|im_start|>` and `<|im_end|>`, as Qwen and InternVL write them."""

from collections.abc import Sequence
from typing import NamedTuple

from pipelines.chatml.conversation import Conversation, TrainingText


class ImageMarks(NamedTuple):
    """What an image becomes in a text: `pad` for each of its tokens, between `start` and `end`."""

    start: str
    pad: str
    end: str


def chatml_text(
    conversation: Conversation, image_tokens: Sequence[int], marks: ImageMarks, *, opening: str = "", after: str = ""
) -> TrainingText:
    """The turns as ``<|im_start|>role`` line feed content ``<|im_end|>``, with `after` behind each.

    Loss is taken on each answer and the ``<|im_end|>`` that ends it, not on `after`. Raises ValueError when the images
    are not as many as `image_tokens`, or an answer holds one.
    """
    n_images = sum(part is None for turn in conversation for part in turn.parts)
    if n_images != len(image_tokens):
        raise ValueError(f"the conversation shows {n_images} images, but tokens are given for {len(image_tokens)}")
    pieces, loss, images = [opening], [], []
    at = len(opening)

    def add(text: str) -> None:
        nonlocal at
        pieces.append(text)
        at += len(text)

    tokens = iter(image_tokens)
    for turn in conversation:
        add(f"<|im_start|>{turn.role}\n")
        start = at
        for part in turn.parts:
            if part is not None:
                add(part)
                continue
            if turn.role == "assistant":
                raise ValueError("an answer holds an image, but these models answer in text alone")
            add(marks.start)
            images.append((at, at + len(marks.pad) * (count := next(tokens))))
            add(marks.pad * count)
            add(marks.end)
        add("<|im_end|>")
        if turn.role == "assistant":
            loss.append((start, at))
        add(after)
    return TrainingText("".join(pieces), tuple(loss), tuple(images))

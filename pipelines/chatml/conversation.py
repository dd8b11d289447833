"""A conversation as plain data, and as the text that a model is trained on."""

from typing import Literal, NamedTuple


class Turn(NamedTuple):
    """What one side says: texts and images in reading order, None standing for the sample's next image."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[str | None, ...]


Conversation = tuple[Turn, ...]

Spans = tuple[tuple[int, int], ...]
"""Character spans (start, end exclusive), in order, none overlapping another."""


class TrainingText(NamedTuple):
    """A conversation as a model family's template writes it."""

    text: str
    loss: Spans
    """Where loss is taken: the answers and the marks that end them."""
    images: Spans = ()
    """Where the images' tokens stand: one span an image, the marks around it left out."""

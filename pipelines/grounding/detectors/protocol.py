"""What a detector is: images and the phrases of each in, boxes with scores out."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from pipelines.filters.scoring import Picture
from pipelines.grounding.boxes import Candidates


class Offer(NamedTuple):
    """What a detector says of one image."""

    candidates: Candidates
    """`phrases` are places in the list of phrases that it was asked about"""
    unasked: dict[int, str]
    """phrases that could not be asked, by place, and why: a reason of `schemas.reasons.UNGROUNDED`"""


class Detector(Protocol):
    """A loaded open-vocabulary detector."""

    def detect(self, images: Sequence[Picture], phrases: Sequence[Sequence[str]]) -> list[Offer]:
        """One offer for each image, about the phrases at its place.

        Boxes that score well below the threshold are offered too: they say how sure a phrase is of its best one.
        """
        ...


@runtime_checkable
class DetectorSpec(Protocol):
    """A detector as a recipe writes it."""

    @property
    def threshold(self) -> float | None:
        """The score over which a box is taken, calibrated for this detector; the stage refuses one that has none."""
        ...

    @property
    def source(self) -> str:
        """What regions call it."""
        ...

    @property
    def lacking(self) -> str | None:
        """What to install before it can be loaded; None when all is here."""
        ...

    @property
    def window(self) -> int:
        """Images that it is handed at once, decoded."""
        ...

    @property
    def on_gpu(self) -> bool:
        """Whether it needs a GPU to itself."""
        ...

    def load(self) -> Detector:
        """Build it, weights included."""
        ...

"""Open-vocabulary detectors of the transformers library: which model, where from, and its threshold."""

from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pipelines.grounding.detectors.protocol import Detector
from pipelines.stage import SPEC, EndRunError, Operational
from pipelines.transformers_model import TransformersModel, lacking

THRESHOLDS: Final = MappingProxyType(
    {
        "IDEA-Research/grounding-dino-tiny": 0.25,
        "IDEA-Research/grounding-dino-base": 0.25,
        "google/owlv2-base-patch16": 0.1,
        "google/owlv2-base-patch16-ensemble": 0.1,
        "google/owlv2-base-patch16-finetuned": 0.1,
        "google/owlv2-large-patch14": 0.1,
        "google/owlv2-large-patch14-ensemble": 0.1,
        "google/owlv2-large-patch14-finetuned": 0.1,
    }
)
"""Scores over which boxes are taken: what transformers' own post-processing takes for these models, measured by nobody
here. GRIT's 0.65 is GLIP's."""


class MissingWeightsError(EndRunError):
    """A model's weights could be had neither from this machine nor from the Hub."""


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Pretrained(TransformersModel):
    """Grounding DINO, MM-Grounding-DINO or OWLv2 through transformers (the extra `detectors`); no weights are shipped.

    `weights` is a folder as transformers save a model, with its tokenizer and image processor; `hub` a model's name on
    the Hub (as IDEA-Research/grounding-dino-tiny), with a `revision` that pins it. The threshold is that of the model;
    where none is known it must be given.
    """

    kind: Literal["transformers"] = "transformers"
    threshold: Annotated[float | None, Field(ge=0, lt=1)] = None
    """score over which a box is taken; left out, what transformers take for a published model"""
    batch_size: Operational[Annotated[int, Field(ge=1, le=512)]] = 8
    """images that are looked at together"""

    @model_validator(mode="after")
    def _known_threshold(self) -> Self:
        if self.threshold is None and self.hub is not None:
            object.__setattr__(self, "threshold", THRESHOLDS.get(self.hub))
        return self

    @property
    def lacking(self) -> str | None:
        """What to install before it can be loaded; None when all is here. A recipe can be read without."""
        return lacking("the detector")

    @property
    def source(self) -> str:
        """What regions call it: its name on the Hub, or that of its folder."""
        return self.hub or Path(self.weights or "").name

    @property
    def window(self) -> int:
        """Images that it is handed at once: enough to find several of one size among them."""
        return 8 * self.batch_size

    def load(self) -> Detector:
        """Load the weights. Raises `MissingWeightsError` where they are not there, and ValueError for another model."""
        from pipelines.grounding.detectors.grounding_dino import GroundingDino
        from pipelines.grounding.detectors.owlv2 import Owlv2

        families: dict[str, type[GroundingDino | Owlv2]] = {
            "grounding-dino": GroundingDino,
            "mm-grounding-dino": GroundingDino,
            "owlv2": Owlv2,
        }
        transformers: Any = import_module("transformers")
        name = self.model
        try:
            config = transformers.AutoConfig.from_pretrained(name, revision=self.revision)
            family = families.get(config.model_type)
            if family is None:
                raise ValueError(f"{name} is a {config.model_type} model, and not one of {', '.join(families)}")
            model = transformers.AutoModelForZeroShotObjectDetection.from_pretrained(name, revision=self.revision)
            tokenizer = transformers.AutoTokenizer.from_pretrained(name, revision=self.revision)
            images = transformers.AutoImageProcessor.from_pretrained(name, revision=self.revision)
        except OSError as error:
            where = f"the folder {name}" if self.weights else f"{name} on the Hub"
            raise MissingWeightsError(
                f"the detector's weights cannot be read from {where}: {str(error).splitlines()[0]}\n"
                f"Where there is no network, fetch them where there is one (`hf download {self.hub or 'MODEL'} "
                "--local-dir FOLDER`), copy the folder here, and give it as `weights: FOLDER` in place of `hub`"
            ) from error
        return family(
            model, tokenizer, images, device=self.device, threshold=self.threshold or 0.0, batch_size=self.batch_size
        )

"""Models as the transformers library saves them: which one, where from, and where it computes."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic.dataclasses import dataclass

from pipelines.stage import AS_SAVED, MODEL_FILE, SPEC, Operational


@dataclass(frozen=True, kw_only=True, config=SPEC)
class TransformersModel:
    """The fields of a spec that loads a model through transformers (the extra `detectors`); no weights are shipped."""

    weights: Annotated[str | None, MODEL_FILE] = None
    """a folder as transformers save a model: config.json, weights, tokenizer and image processor"""
    hub: str | None = None
    """a model's name on the Hub, as openai/clip-vit-base-patch32; it is downloaded"""
    revision: str | None = None
    """commit or tag of `hub`"""
    device: Operational[Annotated[str, Field(pattern=r"^(cpu|cuda(:[0-9]+)?)$")]] = "cpu"

    @field_validator("weights")
    @classmethod
    def _there(cls, weights: str | None, info: ValidationInfo) -> str | None:
        if weights is None or info.context == AS_SAVED:
            return weights
        folder = Path(weights).expanduser().absolute()
        if not (folder / "config.json").is_file():
            raise ValueError(f"{folder} holds no model: there is no config.json")
        return str(folder)

    @model_validator(mode="after")
    def _one_model(self) -> Self:
        if (self.weights is None) == (self.hub is None):
            raise ValueError("which model? give either `weights`, a folder, or `hub`, a name on the Hub")
        if self.revision is not None and self.hub is None:
            raise ValueError("`revision` is of a model on the Hub: it goes with `hub`")
        return self

    @property
    def model(self) -> str:
        """What transformers are asked to load: the folder, or the name on the Hub."""
        return self.weights or self.hub or ""

    @property
    def on_gpu(self) -> bool:
        """Whether it needs a GPU to itself."""
        return self.device != "cpu"


def lacking(what: str) -> str | None:
    """What to install before `what` can load a model through transformers; None when all is here."""
    missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
    return f"{what} needs {' and '.join(missing)}: pip install 'shardmill[detectors]'" if missing else None

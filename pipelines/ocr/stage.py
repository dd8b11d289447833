"""Stage `ocr`: the text in images."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pipelines.filters.scoring import Picture, ask_rows
from pipelines.ocr.lines import Arranged, LineRules, arrange, without_text
from pipelines.ocr.protocol import OcrEngine, RawLine
from pipelines.ocr.settings import OcrSettings
from pipelines.stage import SPEC, Operational, Processed, Verdict, Verdicts, Worker
from schemas.tables import READ

_SCANT = frozenset({"no_text", "too_little_text"})
_WINDOW = 64
"""Images that are decoded at once for a GPU: enough to find several of one size among them."""


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Ocr:
    """The text in images: its lines, where they stand and in which order they are read; images without are rejected.

    Published: InternVL 1.5 (§3.3) reads Wukong's images for Chinese and LAION-COCO's for English with PaddleOCR, and
    says nothing of thresholds, order or joining: those are ours. `rapid` needs the core's packages alone; `paddle` is
    PaddleOCR itself (the extra `paddle`). Both run the same weights on ONNX Runtime unless told otherwise, and read the
    same lines.
    """

    stage: Literal["ocr"] = "ocr"
    name: str | None = None
    engine: Literal["rapid", "paddle"] = "rapid"
    settings: OcrSettings = Field(default_factory=OcrSettings)
    rules: LineRules = Field(default_factory=LineRules)
    without_text: Literal["reject", "keep"] = "reject"
    """what becomes of an image with no text, or less than `rules` ask for; of one that is kept, no line counts"""
    device: Operational[Annotated[str, Field(pattern=r"^(cpu|cuda(:[0-9]+)?)$")]] = "cpu"

    version: ClassVar[int] = 1
    worker: ClassVar[Worker] = "model"
    reads: ClassVar[tuple[str, ...]] = ("image", "width", "height")
    adds: ClassVar[pa.Schema] = READ

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.engine == "rapid" and (self.settings.det_name or self.settings.rec_name):
            raise ValueError("`det_name` and `rec_name` are models of PaddleOCR's own: take the engine paddle")
        return self

    @property
    def on_gpu(self) -> bool:
        """Whether each worker needs a GPU to itself."""
        return self.device != "cpu"

    @property
    def lacking(self) -> str | None:
        """What to install before it can be loaded; None when all is here. A recipe can be read without."""
        if self.engine == "rapid":
            return None
        from pipelines.ocr.paddle import lacking

        return lacking(self.settings)

    def load(self) -> "OcrStageEngine":
        """Load the models. Raises ImportError where a package is missing, ValueError where a file is no model."""
        return OcrStageEngine(self, self.load_engine())

    def load_engine(self) -> OcrEngine:
        """The engine alone, without the rules. Raises as `load`."""
        if self.engine == "paddle":
            from pipelines.ocr.paddle import load_paddle

            return load_paddle(self.settings, self.device)
        from pipelines.ocr.rapid import load_rapid

        return load_rapid(self.settings, self.device)


class OcrStageEngine:
    """See `Ocr`; `engine` is loaded."""

    def __init__(self, spec: Ocr, engine: OcrEngine) -> None:
        self._spec, self._engine = spec, engine

    def process(self, rows: pa.Table) -> Processed:
        widths, heights = rows["width"].to_pylist(), rows["height"].to_pylist()
        order: Sequence[int] = range(len(rows))
        if self._spec.on_gpu:  # so that several of one size are looked at together
            order = sorted(order, key=lambda at: (widths[at], heights[at]))

        def read(pictures: list[Picture], _: list[int]) -> list[list[RawLine]]:
            return self._engine.read(pictures)

        found = ask_rows(rows["image"], order, read, _WINDOW if self._spec.on_gpu else self._spec.settings.batch or 1)
        verdicts: list[Verdict | None] = []
        pages: list[Arranged | None] = []
        for at in range(len(rows)):
            answer = found[at]
            if isinstance(answer, Verdict):
                verdicts.append(answer)
                pages.append(None)
                continue
            page = arrange(answer, widths[at], heights[at], self._spec.rules)
            if page.verdict and page.verdict.reason in _SCANT and self._spec.without_text == "keep":
                page = without_text(page)
            verdicts.append(page.verdict)
            pages.append(page)
        columns = [
            pa.array([page and page.lines for page in pages], READ.field("lines").type),
            pa.array([page and page.text for page in pages], pa.string()),
        ]
        return Processed(Verdicts.of(verdicts), pa.Table.from_arrays(columns, schema=READ))

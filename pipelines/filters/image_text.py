"""Whether captions fit their images: a narrow protocol for scorers, and CLIP through transformers behind it.

Similarities that the source carries are judged by the `score` filter, which needs neither pixels nor model.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image
from pydantic import Field, ValidationInfo, model_validator
from pydantic.dataclasses import dataclass

from pipelines.filters.captions.entries import Counting, Entries
from pipelines.filters.captions.rule import CAPTIONS_COLUMN, Judgement, Values, decided
from pipelines.filters.scoring import Numbers, Picture, failures, score_rows
from pipelines.stage import AS_SAVED, SPEC, Operational, Processed, Verdict, Worker
from pipelines.transformers_model import TransformersModel, lacking
from schemas.tables import SIMILARITY

_FAMILIES = ("clip", "chinese_clip")
_LONGEST = 10_000
"""Characters of a caption that are tokenized: many times what any CLIP reads."""


class ImageTextScorer(Protocol):
    """Anything that says how well texts fit images."""

    def similarities(self, images: Sequence[Picture], texts: Sequence[Sequence[str]]) -> list[list[float]]:
        """For each image the cosine of its embedding and that of each of its texts, in −1…1.

        `texts` holds any number of texts for each image, none too.
        """
        ...


@dataclass(frozen=True, kw_only=True, config=SPEC)
class ClipSimilarity(TransformersModel):
    """Refuses captions that do not fit their image: cosine of their CLIP embeddings below `at_least`.

    Every caption that counts is judged; where all are refused the row is rejected, with the first one's similarity;
    where some are, those are marked. `clip_similarity` keeps what was measured. Published: LAION-5B asks for at_least
    0.28 of CLIP ViT-B/32 for English; Qwen-VL (step 3) drops low scores, per data set, and gives no number. A threshold
    is that of a model: another model's numbers lie elsewhere.

    Needs torch and transformers (the extra `detectors`) and a model, which is not shipped: a folder as transformers
    save one (`weights`), or a name on the Hub (`hub`, with a `revision` that pins it).
    """

    stage: Literal["clip_similarity"] = "clip_similarity"
    name: str | None = None
    at_least: Annotated[float, Field(ge=-1, le=1)] = 0.28
    batch_size: Operational[Annotated[int, Field(ge=1, le=4096)]] = 32
    """images that are scored at once"""

    version: ClassVar[int] = 1
    worker: ClassVar[Worker] = "model"
    reads: ClassVar[tuple[str, ...]] = ("image", "captions")
    adds: ClassVar[pa.Schema] = pa.schema([*CAPTIONS_COLUMN, *SIMILARITY])

    @model_validator(mode="after")
    def _installed(self, info: ValidationInfo) -> Self:
        if info.context != AS_SAVED and (missing := lacking("`clip_similarity`")):
            raise ValueError(missing)
        return self

    def load(self) -> "SimilarityEngine":
        """Load the model, and try it."""
        return SimilarityEngine(Clip(self.model, self.revision, self.device), self.at_least, self.batch_size)


class SimilarityEngine:
    """Judges captions with any `ImageTextScorer`, and refuses those below `at_least`."""

    def __init__(self, scorer: ImageTextScorer, at_least: float, batch_size: int) -> None:
        # a model that fails on any pair stops the run, and fails no row
        scorer.similarities([Image.new("RGB", (64, 64))], [["a photo"]])
        self._scorer, self._at_least, self._batch_size = scorer, at_least, batch_size

    def process(self, rows: pa.Table) -> Processed:
        entries = Entries(rows["captions"])
        counted = entries.counting()
        texts: list[list[str]] = [[] for _ in range(entries.rows)]
        for row, text in zip(counted.row.tolist(), counted.texts.to_pylist(), strict=True):
            texts[row].append(text[:_LONGEST])

        def score(images: list[Picture], places: list[int]) -> list[Numbers]:
            return self._scorer.similarities(images, [texts[at] for at in places])

        found = score_rows(rows["image"], score, self._batch_size)
        pairs = zip(texts, found, strict=True)
        measured = ([np.nan] * len(row) if isinstance(numbers, Verdict) else numbers for row, numbers in pairs)
        values = np.array([value for row in measured for value in row], np.float64)
        # of rows that failed the values are no numbers, and no number is below the bound
        judgement = Judgement(values < self._at_least, values)
        answer = decided(rows["captions"], entries, counted, judgement, "clip_similarity")
        assert answer.columns is not None
        columns = answer.columns.append_column(SIMILARITY.field(0), _of_each(rows["captions"], counted, values))
        return Processed(failures(found).or_else(answer.verdicts), columns)


def _of_each(captions: pa.ChunkedArray, counted: Counting, values: Values) -> pa.ListArray:
    """A list of a row's values, one a caption; null for captions that do not count, or have none."""
    lengths = pc.list_value_length(captions.combine_chunks()).fill_null(0).to_numpy(zero_copy_only=False)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    of_all = np.full(ends[-1], np.nan)
    of_all[counted.at] = values
    entries = pa.array(of_all, pa.float32(), mask=np.isnan(of_all))
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), entries)


class Clip:
    """A CLIP model through transformers: OpenAI's, OpenCLIP's and LAION's as converted, Chinese CLIP."""

    def __init__(self, model: str, revision: str | None, device: str) -> None:
        transformers = import_module("transformers")
        self._torch = import_module("torch")
        config = transformers.AutoConfig.from_pretrained(model, revision=revision)
        if config.model_type not in _FAMILIES:
            raise ValueError(f"{model} is a {config.model_type} model, and not one of {', '.join(_FAMILIES)}")
        self._model: Any = transformers.AutoModel.from_pretrained(model, revision=revision).float().eval().to(device)
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(model, revision=revision)
        self._processor = transformers.AutoImageProcessor.from_pretrained(model, revision=revision)
        self._most_tokens = min(self._tokenizer.model_max_length, config.text_config.max_position_embeddings)
        self._device = device

    def similarities(self, images: Sequence[Picture], texts: Sequence[Sequence[str]]) -> list[list[float]]:
        """See `ImageTextScorer`. A text of more tokens than the model reads is cut."""
        flat = [text for of_image in texts for text in of_image]
        if not flat:
            return [[] for _ in images]
        tokens = self._tokenizer(flat, padding=True, truncation=True, max_length=self._most_tokens, return_tensors="pt")
        pixels = self._processor(images=list(images), return_tensors="pt")
        with self._torch.inference_mode():
            answer = self._model(
                input_ids=tokens["input_ids"].to(self._device),
                attention_mask=tokens["attention_mask"].to(self._device),
                pixel_values=pixels["pixel_values"].to(self._device),
            )
        of_images, of_texts = (_directions(found) for found in (answer.image_embeds, answer.text_embeds))
        owner = np.repeat(np.arange(len(images)), [len(of_image) for of_image in texts])
        cosines = iter((of_images[owner] * of_texts).sum(axis=1).tolist())
        return [[next(cosines) for _ in of_image] for of_image in texts]


def _directions(embeddings: Any) -> Values:
    """Embeddings of length 1; what the model calls an embedding may have any length."""
    found: Values = np.asarray(embeddings.cpu().numpy(), np.float64)
    lengths: Values = np.linalg.norm(found, axis=1, keepdims=True)
    return found / lengths

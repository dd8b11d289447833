"""Stage `ground`: boxes for the phrases of an image's captions."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, ValidationInfo, model_validator
from pydantic.dataclasses import dataclass

from pipelines.captions import EXPRESSION, Caption, all_captions, counting
from pipelines.filters.scoring import Picture, ask_rows
from pipelines.grounding.boxes import BoxRules, Candidates, choose, unnested
from pipelines.grounding.detectors.pretrained import Pretrained
from pipelines.grounding.detectors.protocol import Detector, DetectorSpec, Offer
from pipelines.grounding.detectors.shapes import Shapes
from pipelines.grounding.phrases import Phrase, PhraseFinder, Phrases
from pipelines.grounding.reading import is_latin
from pipelines.stage import AS_SAVED, SPEC, Processed, Verdict, Verdicts, Worker
from schemas.reasons import UNGROUNDED
from schemas.tables import GROUNDED, UNASKED

Entry = dict[str, Any]
_REGIONS = GROUNDED.field("regions").type


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Ground:
    """Boxes for the noun phrases of captions, from an open-vocabulary detector; images without any are rejected.

    Published: GRIT (Kosmos-2 §2), which CogVLM-40M follows. Noun chunks of each English caption that counts are asked
    for; a box is taken whose score is over the detector's threshold and that no better one of the caption overlaps; it
    is stored with its chunk and with the referring expression that the chunk grows into. `regions` is appended to, and
    `ungrounded` says of each phrase that no box was asked for why.

    The detector `shapes` comes with the package and knows coloured shapes in drawings only. For photographs, one line:
    ``detector: {kind: transformers, hub: IDEA-Research/grounding-dino-tiny}`` (the extra `detectors`).
    """

    stage: Literal["ground"] = "ground"
    name: str | None = None
    phrases: Phrases = Field(default_factory=Phrases)
    detector: Annotated[Shapes | Pretrained, Field(discriminator="kind")] = Field(default_factory=Shapes)
    boxes: BoxRules = Field(default_factory=BoxRules)
    nested: Literal["keep", "unnest"] = "keep"
    """`unnest`: of expressions that lie inside each other keep the inner ones, as Qwen-VL cleans GRIT's labels"""
    without_boxes: Literal["reject", "keep"] = "reject"
    """what becomes of an image for which no box is found, and none came with it"""

    version: ClassVar[int] = 2
    worker: ClassVar[Worker] = "model"
    reads: ClassVar[tuple[str, ...]] = ("image", "width", "height", "captions", "regions")
    adds: ClassVar[pa.Schema] = GROUNDED

    @model_validator(mode="after")
    def _calibrated(self, info: ValidationInfo) -> Self:
        if self.detector.threshold is None and info.context != AS_SAVED:
            raise ValueError(
                f"no `threshold` is known for {self.detector.source}, and scores of one detector mean nothing in "
                "another's: calibrate one, and give it with the detector"
            )
        return self

    @property
    def on_gpu(self) -> bool:
        """Whether each worker needs a GPU to itself."""
        return self.detector.on_gpu

    def load(self) -> "GroundEngine":
        """Load the phrase model and the detector."""
        return GroundEngine(self, self.phrases.load(), self.detector, self.detector.load())


class _Asked(NamedTuple):
    """What is asked about one image."""

    phrases: list[Phrase]
    """of all its captions; `caption` is a position in the row's list"""
    texts: list[str]
    """different chunks that are asked for, in the order of the captions"""


class GroundEngine:
    """See `Ground`; `finder` and `detector` are loaded."""

    def __init__(self, spec: Ground, finder: PhraseFinder, detector_spec: DetectorSpec, detector: Detector) -> None:
        if detector_spec.threshold is None:
            raise ValueError(f"{detector_spec.source} has no threshold")
        self._spec, self._finder, self._detector = spec, finder, detector
        self._threshold, self._source = detector_spec.threshold, detector_spec.source
        self._window = detector_spec.window

    def process(self, rows: pa.Table) -> Processed:
        captions = all_captions(rows["captions"])
        unasked: list[list[Entry]] = [[] for _ in captions]
        asked = self._ask_for(captions, unasked)
        widths, heights = rows["width"].to_pylist(), rows["height"].to_pylist()
        # images of about one shape go together, so that several are of one size when resized
        order = sorted((at for at, one in enumerate(asked) if one.texts), key=lambda at: widths[at] / heights[at])

        def detect(pictures: list[Picture], places: list[int]) -> list[Offer]:
            return self._detector.detect(pictures, [asked[at].texts for at in places])

        offers = ask_rows(rows["image"], order, detect, self._window)
        regions = [list(carried or ()) for carried in rows["regions"].to_pylist()]
        verdicts: list[Verdict | None] = [None] * len(rows)
        for at, offer in offers.items():
            if isinstance(offer, Verdict):
                verdicts[at] = offer
                continue
            regions[at] += self._regions(captions[at], asked[at], offer, widths[at], heights[at])
            unasked[at] += _refused(captions[at], asked[at], offer)
        if self._spec.without_boxes == "reject":
            verdicts = [
                verdict or (None if found else Verdict("no_boxes"))
                for verdict, found in zip(verdicts, regions, strict=True)
            ]
        columns = [pa.array(regions, _REGIONS), pa.array(map(_in_order, unasked), pa.list_(UNASKED))]
        return Processed(Verdicts.of(verdicts), pa.Table.from_arrays(columns, schema=GROUNDED))

    def _ask_for(self, captions: Sequence[Sequence[Caption]], unasked: list[list[Entry]]) -> list[_Asked]:
        """What to ask about each row; into `unasked` goes what is not."""
        read: list[tuple[int, Caption]] = []
        for at, of_row in enumerate(captions):
            for caption in counting(of_row):
                if caption.role == EXPRESSION:
                    continue
                if (unread := _unread(caption)) is None:
                    read.append((at, caption))
                else:
                    unasked[at].append(_entry(caption.place, None, unread))
        asked = [_Asked([], []) for _ in captions]
        for (at, caption), phrases in zip(read, self._finder.find([one.text for _, one in read]), strict=True):
            for phrase in phrases:
                if phrase.dropped is not None:
                    unasked[at].append(_entry(caption.place, phrase.span, phrase.dropped))
                    continue
                asked[at].phrases.append(phrase._replace(caption=caption.place))
                text = caption.text[slice(*phrase.span)]
                if text not in asked[at].texts:
                    asked[at].texts.append(text)
        return asked

    def _regions(
        self, captions: Sequence[Caption], asked: _Asked, offer: Offer, width: int, height: int
    ) -> list[Entry]:
        """The regions of one image, caption by caption and phrase by phrase."""
        regions: list[Entry] = []
        for place in dict.fromkeys(phrase.caption for phrase in asked.phrases):
            phrases = [phrase for phrase in asked.phrases if phrase.caption == place]
            texts = [asked.texts.index(captions[place].text[slice(*phrase.span)]) for phrase in phrases]
            chosen = choose(_of_phrases(offer.candidates, texts), self._threshold, self._spec.boxes, width, height)
            expressions = [phrases[number].expression for number in chosen.phrases]
            allowed = unnested(expressions) if self._spec.nested == "unnest" else set(expressions)
            regions += [
                {
                    "caption_index": place,
                    "phrase": phrases[number].span,
                    "expression": phrases[number].expression,
                    "box": box,
                    "score": score,
                    "runner_up": runner_up,
                    "source": self._source,
                }
                for box, score, number, runner_up in zip(*(part.tolist() for part in chosen), strict=True)
                if phrases[number].expression in allowed
            ]
        return regions


def _unread(caption: Caption) -> str | None:
    """Why no phrases are looked for in a caption; None where they are."""
    if caption.lang is not None and caption.lang.lower().split("-")[0] != "en":
        return "other_language"
    if is_latin(caption.text):
        return None
    return "other_language" if any(map(str.isalpha, caption.text)) else "no_letters"


def _of_phrases(candidates: Candidates, texts: Sequence[int]) -> Candidates:
    """Candidates for texts as candidates for the phrases of a caption; `texts` holds the text of each phrase."""
    parts = [candidates.take(candidates.phrases == text) for text in texts]
    if not parts:
        return Candidates.none()
    numbers = np.repeat(np.arange(len(parts), dtype=np.int64), [len(part.scores) for part in parts])
    return Candidates(
        np.concatenate([part.boxes for part in parts]), np.concatenate([part.scores for part in parts]), numbers
    )


def _refused(captions: Sequence[Caption], asked: _Asked, offer: Offer) -> list[Entry]:
    """The phrases that the detector could not be asked about."""
    reasons = {asked.texts[at]: reason for at, reason in offer.unasked.items()}
    said = [(phrase, captions[phrase.caption].text[slice(*phrase.span)]) for phrase in asked.phrases]
    return [_entry(phrase.caption, phrase.span, reasons[text]) for phrase, text in said if text in reasons]


def _entry(caption: int, span: tuple[int, int] | None, reason: str) -> Entry:
    if reason not in UNGROUNDED:
        raise ValueError(f"{reason!r} is not in the closed list of reasons why a phrase is not asked about")
    return {"caption_index": caption, "phrase": span, "reason": reason}


def _in_order(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry["caption_index"], entry["phrase"] or (0, 0)))

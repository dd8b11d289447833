"""Grounding DINO (Liu et al. 2023) and MM-Grounding-DINO (Zhao et al. 2024) through transformers.

Each box comes with a score for every token of the prompt. A phrase's score is that of its best token, by the phrase's
own tokens and not by text decoded from them (transformers' post-processing takes the best token of the whole prompt).
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from pipelines.filters.scoring import Picture
from pipelines.grounding.boxes import Bools, Candidates, Floats
from pipelines.grounding.detectors.prompts import Prompt, cleaned, positive_map, prompts
from pipelines.grounding.detectors.protocol import Offer

FLOOR = 0.5
"""Share of the threshold from which boxes are offered: those below it are taken by nobody and rival nobody."""


class _Question(NamedTuple):
    image: int
    pixels: Any
    """as the model sees them: channels × height × width"""
    prompt: Prompt


class GroundingDino:
    """A loaded model, on `device`; on a GPU it computes in bfloat16.

    A batch holds images of one size, as resized, for padding leaks into the features of what is padded: so an image is
    answered for as if it were alone. Whoever asks should hand over many, those of about one shape together.
    """

    def __init__(
        self, model: Any, tokenizer: Any, images: Any, *, device: str, threshold: float, batch_size: int
    ) -> None:
        self._torch: Any = import_module("torch")
        self._model = model.eval().to(device)
        self._tokenizer, self._images, self._device = tokenizer, images, device
        self._floor, self._batch_size = threshold * FLOOR, batch_size
        self._most_tokens = min(
            model.config.max_text_len, tokenizer.model_max_length, model.config.text_config.max_position_embeddings
        )

    def detect(self, images: Sequence[Picture], phrases: Sequence[Sequence[str]]) -> list[Offer]:
        questions: dict[tuple[int, ...], list[_Question]] = {}
        offers: list[Offer] = []
        for image, asked in zip(images, phrases, strict=True):
            made, unasked = prompts(asked, self._lengths(asked), self._most_tokens)
            if made:
                pixels = self._images(images=[image], return_tensors="pt")["pixel_values"][0]
                alike = questions.setdefault(tuple(pixels.shape), [])
                alike += [_Question(len(offers), pixels, prompt) for prompt in made]
            offers.append(Offer(Candidates.none(), unasked))
        for alike in questions.values():
            for start in range(0, len(alike), self._batch_size):
                for question, found in self._ask(alike[start : start + self._batch_size]):
                    offer = offers[question.image]
                    together = [np.concatenate(parts) for parts in zip(offer.candidates, found, strict=True)]
                    offers[question.image] = offer._replace(candidates=Candidates(*together))
        return offers

    def _lengths(self, phrases: Sequence[str]) -> list[int]:
        if not phrases:
            return []
        tokens = self._tokenizer([cleaned(phrase) for phrase in phrases], add_special_tokens=False)["input_ids"]
        return [len(ids) for ids in tokens]

    def _ask(self, questions: Sequence[_Question]) -> list[tuple[_Question, Candidates]]:
        torch = self._torch
        text = self._tokenizer(
            [question.prompt.text for question in questions],
            padding=True,
            return_tensors="pt",
            return_offsets_mapping=True,
            return_token_type_ids=True,
        )
        pixels = torch.stack([question.pixels for question in questions]).to(self._device)
        on_gpu = self._device != "cpu"
        with torch.inference_mode(), torch.autocast(self._device.split(":")[0], torch.bfloat16, enabled=on_gpu):
            answer = self._model(
                pixel_values=pixels,
                input_ids=text["input_ids"].to(self._device),
                token_type_ids=text["token_type_ids"].to(self._device),
                attention_mask=text["attention_mask"].to(self._device),
            )
        scores = answer.logits.float().sigmoid().cpu().numpy()
        boxes = answer.pred_boxes.float().cpu().numpy()
        offsets = text["offset_mapping"].tolist()
        found = []
        for at, question in enumerate(questions):
            positive = positive_map(question.prompt, offsets[at])
            found.append((question, tied(boxes[at], scores[at], question.prompt, positive, self._floor)))
        return found


def tied(centres: Floats, token_scores: Floats, prompt: Prompt, positive: Bools, floor: float) -> Candidates:
    """Pairs of a box and a phrase whose score is over `floor`.

    `centres` are boxes (n, 4) as centre and size, 0–1; `token_scores` (n, ≥ tokens) the score of each box for each
    token; `positive` (phrases, tokens) says which tokens are of which phrase.
    """
    mine = token_scores[:, None, : positive.shape[1]]
    scores = np.max(np.broadcast_to(mine, (len(mine), *positive.shape)), axis=2, where=positive[None], initial=0.0)
    box, phrase = np.nonzero(scores > floor)
    return Candidates(corners(centres)[box], scores[box, phrase].astype(np.float64), np.array(prompt.places)[phrase])


def corners(centres: Floats) -> Floats:
    """Boxes as centre x, centre y, width, height to boxes as x1 y1 x2 y2."""
    centres = np.asarray(centres, np.float64)
    return np.concatenate([centres[:, :2] - centres[:, 2:] / 2, centres[:, :2] + centres[:, 2:] / 2], axis=1)

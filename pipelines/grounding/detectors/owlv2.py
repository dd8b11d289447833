"""OWLv2 (Minderer et al. 2023) through transformers: every box is compared with every phrase by itself."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from pipelines.filters.scoring import Picture
from pipelines.grounding.boxes import Candidates
from pipelines.grounding.detectors.grounding_dino import FLOOR, corners
from pipelines.grounding.detectors.prompts import cleaned
from pipelines.grounding.detectors.protocol import Offer


class Owlv2:
    """A loaded model, on `device`; on a GPU it computes in bfloat16."""

    def __init__(
        self, model: Any, tokenizer: Any, images: Any, *, device: str, threshold: float, batch_size: int
    ) -> None:
        self._torch: Any = import_module("torch")
        self._model = model.eval().to(device)
        self._tokenizer, self._images, self._device = tokenizer, images, device
        self._floor, self._batch_size = threshold * FLOOR, batch_size
        self._most_tokens = model.config.text_config.max_position_embeddings

    def detect(self, images: Sequence[Picture], phrases: Sequence[Sequence[str]]) -> list[Offer]:
        offers = []
        for start in range(0, len(images), self._batch_size):
            batch = np.s_[start : start + self._batch_size]
            offers += self._detect(images[batch], phrases[batch])
        return offers

    def _detect(self, images: Sequence[Picture], phrases: Sequence[Sequence[str]]) -> list[Offer]:
        unasked = [self._unasked(asked) for asked in phrases]
        places = [[at for at in range(len(asked)) if at not in no] for asked, no in zip(phrases, unasked, strict=True)]
        most = max(map(len, places))
        if most == 0:
            return [Offer(Candidates.none(), no) for no in unasked]
        # the model reads as many texts for each image; those that only fill up are asked about by nobody
        texts = [
            [cleaned(asked[at]) for at in mine] + [""] * (most - len(mine))
            for asked, mine in zip(phrases, places, strict=True)
        ]
        scores, boxes = self._ask(images, [text for of_image in texts for text in of_image])
        return [self._offer(image, boxes[at], scores[at], places[at], unasked[at]) for at, image in enumerate(images)]

    def _unasked(self, phrases: Sequence[str]) -> dict[int, str]:
        if not phrases:
            return {}
        tokens = self._tokenizer([cleaned(phrase) for phrase in phrases], add_special_tokens=False)["input_ids"]
        found = {}
        for at, ids in enumerate(tokens):
            if len(ids) == 0 or len(ids) + 2 > self._most_tokens:
                found[at] = "too_long" if len(ids) else "no_token"
        return found

    def _ask(self, images: Sequence[Picture], texts: Sequence[str]) -> tuple[Any, Any]:
        torch = self._torch
        read = self._tokenizer(list(texts), padding="max_length", max_length=self._most_tokens, return_tensors="pt")
        pixels = self._images(images=list(images), return_tensors="pt")["pixel_values"]
        on_gpu = self._device != "cpu"
        with torch.inference_mode(), torch.autocast(self._device.split(":")[0], torch.bfloat16, enabled=on_gpu):
            answer = self._model(
                pixel_values=pixels.to(self._device),
                input_ids=read["input_ids"].to(self._device),
                attention_mask=read["attention_mask"].to(self._device),
            )
        return answer.logits.float().sigmoid().cpu().numpy(), answer.pred_boxes.float().cpu().numpy()

    def _offer(self, image: Picture, boxes: Any, scores: Any, places: Sequence[int], unasked: dict[int, str]) -> Offer:
        mine = scores[:, : len(places)]
        box, phrase = np.nonzero(mine > self._floor)
        longest = max(image.size)
        # the model sees the image in the corner of a square: fractions of its longer side
        boxes = corners(boxes)[box] * longest / (image.width, image.height, image.width, image.height)
        names = np.array(places, np.int64)[phrase]
        return Offer(Candidates(boxes, mine[box, phrase].astype(np.float64), names), unasked)

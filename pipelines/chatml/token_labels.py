"""Which tokens of a training text bear loss, and how many there are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding, Tokenizer

from pipelines.chatml.conversation import Spans, TrainingText

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

IGNORED = -100
"""The label of tokens without loss, as PyTorch's cross entropy has it."""


def load_tokenizer(path: Path | str) -> Tokenizer:
    """The tokenizer of a ``tokenizer.json``, without the truncation and padding that some files ask for."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def token_labels(training: TrainingText, tokenizer: Tokenizer) -> tuple[Ints, Ints]:
    """Token ids and labels of a text, both of shape (tokens,); labels are the ids, or `IGNORED` without loss.

    A token bears loss when all its characters lie in one loss span. One that straddles a border, as when the line
    feed before an answer and one that begins it melt into one token, bears none: generating the answer, a model is
    given the first character and never asked for that token. No tokens are added to the text, whose template has
    written its own; `tokenizer` neither truncates nor pads (`load_tokenizer`).
    """
    encoding = tokenizer.encode(training.text, add_special_tokens=False)
    ids = np.array(encoding.ids, np.int64)
    return ids, np.where(_inside(_offsets(encoding), training.loss), ids, IGNORED)


def count_tokens(trainings: Sequence[TrainingText], tokenizer: Tokenizer) -> tuple[Ints, Ints]:
    """Text tokens, and those of them that bear loss, of each text; both of shape (texts,).

    Text tokens are all but the images' own; the marks around an image are counted. Loss is as in `token_labels`.
    """
    encodings = tokenizer.encode_batch([training.text for training in trainings], add_special_tokens=False)
    text = np.zeros(len(trainings), np.int64)
    supervised = np.zeros(len(trainings), np.int64)
    for at, (encoding, training) in enumerate(zip(encodings, trainings, strict=True)):
        offsets = _offsets(encoding)
        text[at] = len(offsets) - np.count_nonzero(_inside(offsets, training.images))
        supervised[at] = np.count_nonzero(_inside(offsets, training.loss))
    return text, supervised


def _offsets(encoding: Encoding) -> Ints:
    return np.array(encoding.offsets, np.int64).reshape(-1, 2)


def _inside(offsets: Ints, spans: Spans) -> Bools:
    """Which tokens, given by their characters in shape (tokens, 2), lie wholly inside one of `spans`."""
    start, end = offsets[:, 0], offsets[:, 1]
    if not spans:
        return np.zeros(len(offsets), np.bool_)
    starts, ends = np.array(spans, np.int64).T
    # the last span that begins no later than the token does
    place = np.searchsorted(starts, start, side="right") - 1
    return np.asarray((place >= 0) & (end <= ends[place]))

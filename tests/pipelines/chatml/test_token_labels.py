from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from pipelines.chatml.conversation import TrainingText, Turn
from pipelines.chatml.dialects import DIALECTS
from pipelines.chatml.neutralise import neutralise
from pipelines.chatml.token_labels import IGNORED, count_tokens, load_tokenizer, token_labels


def make_tokenizer(merges: tuple[tuple[str, str], ...] = ()) -> Tokenizer:
    """Bytes, what `merges` makes of them, and the special tokens of all dialects."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: at for at, token in enumerate([*alphabet, *("".join(pair) for pair in merges)])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=list(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = dict.fromkeys(token for dialect in DIALECTS.values() for token in dialect.special_tokens)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    return tokenizer


BYTES = make_tokenizer()
MERGING = make_tokenizer((("Ċ", "Ċ"), ("d", "o"), ("do", "g"), ("ç", "ĭ"), ("çĭ", "Ĺ")))
"""Knows two line feeds, "dog" and 狗 as one token each."""


def decoded(ids: list[int], tokenizer: Tokenizer) -> str:
    text: str = tokenizer.decode(ids, skip_special_tokens=False)
    return text


def supervised(training: TrainingText, tokenizer: Tokenizer) -> str:
    _, labels = token_labels(training, tokenizer)
    return decoded(labels[labels != IGNORED].tolist(), tokenizer)


TALK = (
    Turn("user", (None, "What is it?")),
    Turn("assistant", ("A dog 狗.",)),
    Turn("user", ("And its colour?",)),
    Turn("assistant", ("Brown.",)),
)


@pytest.mark.parametrize("tokenizer", [BYTES, MERGING], ids=["bytes", "merging"])
@pytest.mark.parametrize("family", ["qwen2_vl", "qwen2_5_vl", "internvl"])
def test_the_answers_and_their_ends_are_learnt(family: str, tokenizer: Tokenizer) -> None:
    training = DIALECTS[family].training_text(TALK, [4])
    ids, labels = token_labels(training, tokenizer)
    assert decoded(ids.tolist(), tokenizer) == training.text
    assert ids.shape == labels.shape
    assert (labels[labels != IGNORED] == ids[labels != IGNORED]).all()
    assert supervised(training, tokenizer) == "A dog 狗.<|im_end|>Brown.<|im_end|>"


def test_a_character_of_several_tokens_is_learnt_whole() -> None:
    _, labels = token_labels(TrainingText("狗a狗", ((1, 3),)), BYTES)
    assert (labels != IGNORED).tolist() == [False] * 3 + [True] * 4


def test_a_token_across_the_border_is_not_learnt() -> None:
    training = TrainingText("assistant\n\ndog", ((10, 14),))
    assert supervised(training, BYTES) == "\ndog"
    assert supervised(training, MERGING) == "dog"  # both line feeds are one token, half of it the template's


def test_spans_that_touch_are_two() -> None:
    training = TrainingText("xdogx", ((1, 2), (2, 4)))
    assert supervised(training, BYTES) == "dog"
    assert supervised(training, MERGING) == ""  # "dog" straddles both


def test_without_a_span_nothing_is_learnt() -> None:
    _, labels = token_labels(TrainingText("dog", ()), BYTES)
    assert labels.tolist() == [IGNORED] * 3


def test_an_empty_text_has_no_tokens() -> None:
    ids, labels = token_labels(TrainingText("", ()), BYTES)
    assert (ids.tolist(), labels.tolist()) == ([], [])
    assert [counts.tolist() for counts in count_tokens([TrainingText("", ())], BYTES)] == [[0], [0]]


def test_spans_are_those_of_the_text_as_it_stands_though_it_is_normalised() -> None:
    composing = make_tokenizer()
    composing.normalizer = normalizers.NFC()
    training = TrainingText("e\u0301 dog e\u0301", ((3, 6),))
    assert supervised(training, composing) == "dog"


def test_nothing_is_added_to_the_text() -> None:
    adding = make_tokenizer()
    adding.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    ids, _ = token_labels(TrainingText("dog", ()), adding)
    assert decoded(ids.tolist(), adding) == "dog"


def test_text_tokens_are_all_but_the_images() -> None:
    few, many = (DIALECTS["qwen2_vl"].training_text(TALK, [n]) for n in (0, 300))
    text, learnt = count_tokens([few, many], BYTES)
    assert text[0] == text[1] == len(token_labels(few, BYTES)[0])
    assert learnt[0] == learnt[1]
    assert len(token_labels(many, BYTES)[0]) == text[1] + 300


ANSWER = st.text(max_size=20).map(neutralise)


@given(answers=st.lists(ANSWER, min_size=1, max_size=5), family=st.sampled_from(["qwen2_vl", "internvl"]))
def test_many_texts_are_counted_as_one_by_one(answers: list[str], family: str) -> None:
    trainings = [
        DIALECTS[family].training_text((Turn("user", (None, "Why?")), Turn("assistant", (answer,))), [7])
        for answer in answers
    ]
    text, learnt = count_tokens(trainings, MERGING)
    singly = [token_labels(training, MERGING) for training in trainings]
    assert text.tolist() == [len(ids) - 7 for ids, _ in singly]
    assert learnt.tolist() == [int(np.count_nonzero(labels != IGNORED)) for _, labels in singly]


@given(answer=ANSWER)
def test_bytes_of_the_answer_and_its_end_are_all_learnt(answer: str) -> None:
    training = DIALECTS["qwen2_vl"].training_text((Turn("user", ("Why?",)), Turn("assistant", (answer,))), [])
    _, (learnt,) = count_tokens([training], BYTES)
    assert learnt == len(answer.encode()) + 1


def test_no_text_is_no_count() -> None:
    assert [counts.tolist() for counts in count_tokens([], BYTES)] == [[], []]


@pytest.mark.parametrize(
    "limit", [lambda one: one.enable_truncation(3), lambda one: one.enable_padding(length=99)], ids=["cuts", "pads"]
)
def test_a_tokenizer_file_that_cuts_or_pads_is_loaded_without(
    limit: Callable[[Tokenizer], None], tmp_path: Path
) -> None:
    limiting = make_tokenizer()
    limit(limiting)
    limiting.save(str(tmp_path / "tokenizer.json"))
    loaded = load_tokenizer(tmp_path / "tokenizer.json")
    assert len(token_labels(TrainingText("a brown dog", ()), loaded)[0]) == 11

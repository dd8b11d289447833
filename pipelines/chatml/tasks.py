"""Tasks: what a row is turned into. A conversation is plain data; pack.py writes it in the shard's two forms."""

from typing import Literal, NamedTuple

import xxhash

from pipelines.chatml.dialects.protocol import Dialect

TaskName = Literal["caption"]


class Turn(NamedTuple):
    """What one side says: texts and images in reading order, None standing for the sample's next image."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[str | None, ...]


Conversation = tuple[Turn, ...]

PHRASINGS_EN = (
    "Describe this image.",
    "Write a caption for this picture.",
    "What does this image show?",
    "Give a short description of the picture.",
    "What can be seen here?",
    "Caption this photo.",
    "Tell me what is in this image.",
    "How would you describe this picture to someone who cannot see it?",
)
PHRASINGS_ZH = (
    "描述一下这张图片。",
    "请为这张图片写一句说明。",
    "这张图片里有什么？",
    "请简要说明图中的内容。",
    "从图中可以看到什么？",
    "给这张照片配一句文字说明。",
    "请告诉我这张图展示了什么。",
    "如果对方看不到这张图，你会怎样描述它？",
)


def caption_conversation(text: str, lang: str | None, row: int, dialect: Dialect) -> Conversation:
    """The caption task: an image and a request to describe it, answered by `text` (neutralised, not blank).

    The request is in Chinese for Chinese captions (`lang` zh, zh-Hans, …, or mostly Han characters where `lang` is
    null) and in English for all others. It is chosen by the row's id alone, so that packing again gives it again.
    """
    phrasings = PHRASINGS_ZH if _is_chinese(text, lang) else PHRASINGS_EN
    request = phrasings[_stable_choice(row, "caption", len(phrasings))]
    return (Turn("user", (None, dialect.after_image + request)), Turn("assistant", (text,)))


def _stable_choice(row: int, task: TaskName, n: int) -> int:
    """In 0 … n - 1, the same on every machine and in every version of Python."""
    return xxhash.xxh64_intdigest(f"{task}:{row}".encode()) % n


def _is_chinese(text: str, lang: str | None) -> bool:
    if lang is not None:
        return lang.lower().replace("_", "-").split("-")[0] == "zh"
    if text.isascii():
        return False
    han = sum("\u4e00" <= character <= "\u9fff" for character in text)
    return 2 * han > sum(map(str.isalpha, text))

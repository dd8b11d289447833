"""Texts as benchmarks are compared with: words without case, punctuation or layout, and runs of n of them."""

import re
import unicodedata

import xxhash

_HAN_OR_KANA = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(f"[{_HAN_OR_KANA}]|[^\\W_{_HAN_OR_KANA}]+")


def words(text: str) -> list[str]:
    """The words of a text after NFKC and case folding; each Chinese or Japanese character is one."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def ngrams(said: list[str], n: int) -> list[int]:
    """A 64-bit hash of every run of `n` words, in order; none of a shorter text."""
    return [hash_of(said[at : at + n]) for at in range(len(said) - n + 1)]


def hash_of(said: list[str]) -> int:
    """64 bits of some words in their order."""
    return xxhash.xxh3_64_intdigest(" ".join(said).encode())

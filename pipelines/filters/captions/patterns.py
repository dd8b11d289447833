"""What has no place in a caption: URLs, mail addresses, file names, emoji, other scripts, placeholders of data sets."""

from typing import Annotated, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from pipelines.filters.captions.rule import CaptionRule, Judgement
from pipelines.stage import SPEC

# the syntax of these is RE2's: Arrow looks for them in a whole column at once

URL = (
    r"(?i)\b(?:https?|ftp)://[!-~]+"
    r"|\bwww\d?\.[a-z0-9-]+\.[a-z][!-~]*"
    r"|(?:^|[^a-z0-9@._-])[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.(?:com|net|org|info|biz|shop|co\.uk|com\.cn|cn|de|fr|ru|jp)\b[!-~]*"
)
"""With a scheme, with www., or a bare domain of a common ending."""

EMAIL = r"(?i)\b[a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b"

_EXTENSION = r"(?:jpe?g|jfif|png|gif|webp|avif|bmp|tiff?|svg|heic|raw|cr2|nef|psd|pdf|mp4|mov|avi)"
FILE_NAME = (
    r"(?i)^\s*(?:"
    rf"[^\n]*[^\s.]\.{_EXTENSION}"
    r"|(?:img|image|dsc[nf]?|dscf|pict?|pxl|mvimg|vid|photo|foto|screen ?shot|scan|untitled|unnamed|wp|fb_img|mmexport)"
    r"[-_ ]?\(?\d[-_\d ()]*(?:[-_]?[a-z0-9]{1,4})?"
    r"|[0-9a-f]{16,}"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|[0-9]+(?:[-_x.][0-9]+)*"
    r"|[^\s_]+(?:_[^\s_]*)+"
    r"|[a-z0-9]+(?:-[a-z0-9]+)*-[0-9]{3,}(?:-[a-z0-9]+)*"
    r")\s*$"
)
"""All of a caption is one: ends in a medium's extension; a camera's or program's name with a number; a hash; numbers
alone; one token with underscores; hyphenated tokens with a number of three digits among them."""

EMOJI = (
    r"[\x{1F300}-\x{1F64F}\x{1F680}-\x{1F6FF}\x{1F7E0}-\x{1F7F0}\x{1F900}-\x{1F9FF}\x{1FA70}-\x{1FAFF}"
    r"\x{1F1E6}-\x{1F1FF}\x{1F191}-\x{1F19A}\x{1F201}\x{1F21A}\x{1F22F}\x{1F232}-\x{1F23A}\x{1F250}\x{1F251}"
    r"\x{1F004}\x{1F0CF}\x{1F18E}\x{231A}\x{231B}\x{23E9}-\x{23EC}\x{23F0}\x{23F3}\x{25FD}\x{25FE}\x{2614}\x{2615}"
    r"\x{2648}-\x{2653}\x{267F}\x{2693}\x{26A1}\x{26AA}\x{26AB}\x{26BD}\x{26BE}\x{26C4}\x{26C5}\x{26CE}\x{26D4}"
    r"\x{26EA}\x{26F2}\x{26F3}\x{26F5}\x{26FA}\x{26FD}\x{2705}\x{270A}\x{270B}\x{2728}\x{274C}\x{274E}"
    r"\x{2753}-\x{2755}\x{2757}\x{2764}\x{2795}-\x{2797}\x{27B0}\x{27BF}\x{2B1B}\x{2B1C}\x{2B50}\x{2B55}]"
    r"|[^\x{FE0F}]\x{FE0F}"
)
"""Shown as a picture by default (Unicode's Emoji_Presentation and the heart ❤), or made one by U+FE0F."""


@dataclass(frozen=True, kw_only=True, config=SPEC)
class _Pattern(CaptionRule):
    at_most: Annotated[int, Field(ge=0)] = 0

    def pattern(self) -> str:
        """What is looked for, in RE2's syntax."""
        raise NotImplementedError

    def judge(self, texts: pa.StringArray) -> Judgement:
        return _more_than(self.at_most, texts, self.pattern())


@dataclass(frozen=True, kw_only=True, config=SPEC)
class UrlInCaption(_Pattern):
    """Refuses captions with more than `at_most` URLs or bare domains. Ours."""

    stage: Literal["url_in_caption"] = "url_in_caption"
    name: str | None = None

    reason: ClassVar[str] = "url_in_caption"

    def pattern(self) -> str:
        return URL


@dataclass(frozen=True, kw_only=True, config=SPEC)
class EmailInCaption(_Pattern):
    """Refuses captions with more than `at_most` e-mail addresses. Ours."""

    stage: Literal["email_in_caption"] = "email_in_caption"
    name: str | None = None

    reason: ClassVar[str] = "email_in_caption"

    def pattern(self) -> str:
        return EMAIL


@dataclass(frozen=True, kw_only=True, config=SPEC)
class EmojiInCaption(_Pattern):
    """Refuses captions with more than `at_most` emoji, in Qwen-VL's cleaning the fifth step (secondary sources).

    Which characters are emoji is Unicode's matter; text symbols (★ ✓ ♪ ©) are none.
    """

    stage: Literal["emoji_in_caption"] = "emoji_in_caption"
    name: str | None = None

    reason: ClassVar[str] = "emoji_in_caption"

    def pattern(self) -> str:
        return EMOJI


@dataclass(frozen=True, kw_only=True, config=SPEC)
class OtherScript(_Pattern):
    """Refuses captions with more than `at_most` characters that belong to none of `scripts`.

    Qwen-VL's fourth step drops "text with characters that are neither English nor Chinese" (secondary sources). Ours:
    what that means. A script is Unicode's, so Latin has the letters of French too; digits, punctuation, symbols,
    emoji and combining marks belong to all. Private use and unassigned characters belong to none.
    """

    stage: Literal["other_script"] = "other_script"
    name: str | None = None
    scripts: Annotated[tuple[str, ...], Field(min_length=1)] = ("Latin", "Han")

    reason: ClassVar[str] = "other_script"

    @field_validator("scripts")
    @classmethod
    def _known(cls, scripts: tuple[str, ...]) -> tuple[str, ...]:
        for script in scripts:
            try:
                pc.match_substring_regex(pa.array([""]), rf"\p{{{script}}}")
            except pa.ArrowInvalid:
                raise ValueError(f"{script!r} is no script of Unicode; such are Latin, Han, Cyrillic, Arabic") from None
        return scripts

    def pattern(self) -> str:
        scripts = "".join(f"\\p{{{script}}}" for script in (*self.scripts, "Common", "Inherited"))
        return f"[^{scripts}]"


@dataclass(frozen=True, kw_only=True, config=SPEC)
class FileName(CaptionRule):
    """Refuses captions that are nothing but a file's name: Wukong's rule (secondary sources); what is one is ours."""

    stage: Literal["file_name"] = "file_name"
    name: str | None = None

    reason: ClassVar[str] = "file_name"

    def judge(self, texts: pa.StringArray) -> Judgement:
        return Judgement(_matches(texts, FILE_NAME))


def _matches(texts: pa.StringArray, pattern: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = pc.match_substring_regex(texts, pattern).to_numpy(
        zero_copy_only=False
    )
    return found


def _more_than(at_most: int, texts: pa.StringArray, pattern: str) -> Judgement:
    """Counts only where there is something to count: most captions have nothing, which is much cheaper to find."""
    found = _matches(texts, pattern)
    counts = np.zeros(len(texts))
    if found.any():
        counts[found] = pc.count_substring_regex(texts.filter(pa.array(found)), pattern).to_numpy()
    return Judgement(counts > at_most, counts)

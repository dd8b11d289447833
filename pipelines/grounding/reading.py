"""A caption as a parser reads it best, and the way back to the characters of the caption as stored."""

import re

_MARKS = str.maketrans("’‘“”´`–—", "''\"\"''--")
"""Punctuation that parsers have seen little of, character for character."""
_PICTURES = re.compile("[\u2190-\u2bff\U0001f000-\U0001faff]")
"""Emoji, arrows and the like, which part phrases as a comma does."""
_ODD_SPACE = re.compile(r"\s{2,}|[^\S ]|^\s")
_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]")


class Reading:
    """`text` is the caption with plain quotes and dashes, without emoji and with single spaces."""

    def __init__(self, caption: str) -> None:
        self.text = caption.translate(_MARKS)
        if not self.text.isascii():
            self.text = _PICTURES.sub(",", self.text)
        self._places: list[int] | None = None
        if _ODD_SPACE.search(self.text):
            places: list[int] = []
            characters: list[str] = []
            for place, character in enumerate(self.text):
                if not character.isspace():
                    characters.append(character)
                    places.append(place)
                elif characters and characters[-1] != " ":
                    characters.append(" ")
                    places.append(place)
            self.text = "".join(characters)
            self._places = places

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the caption that a span of `text`, which must not be empty, stands for."""
        if self._places is None:
            return start, end
        return self._places[start], self._places[end - 1] + 1


def is_latin(caption: str) -> bool:
    """Whether at least half of a caption's letters are Latin, and there are any."""
    if caption.isascii():
        return any(map(str.isalpha, caption))
    letters = len(_LETTER.findall(caption))
    return letters > 0 and 2 * len(_LATIN.findall(caption)) >= letters

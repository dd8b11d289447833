"""JSON files: an array streamed element by element, or a whole object."""

import json
from collections.abc import Iterator
from typing import Any, TextIO

from pipelines.sources.files import InputError, InputFile, open_bytes, open_text

_CHARACTERS = 1 << 20
_ELEMENT_CHARACTERS = 1 << 26
"""The longest element: what does not end by then is broken."""
_WHITE = " \t\n\r"


def elements(text: TextIO) -> Iterator[Any]:
    """The elements of the array that `text` holds, one in memory at a time.

    Raises an InputError where it is no array, or breaks off: behind a fault nothing can be told apart.
    """
    decoder = json.JSONDecoder()
    window = _Window(text)
    if window.next_character() != "[":
        raise InputError("is not a JSON array")
    window.at += 1
    number = 0
    while (character := window.next_character()) != "]":
        if number:
            if character != ",":
                raise InputError(f"the JSON array is broken behind element {number - 1}")
            window.at += 1
            window.next_character()
        while True:
            try:
                value, end = decoder.raw_decode(window.held, window.at)
            except (ValueError, RecursionError) as error:
                if isinstance(error, ValueError) and window.grow():
                    continue
                raise InputError(f"element {number} of the JSON array is broken: {error}") from error
            if end < len(window.held) or not window.grow():  # else a number may go on
                break
        window.at = end
        yield value
        number += 1


class _Window:
    """What of a text is held: from `at` on it has not been read."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.held = ""
        self.at = 0

    def next_character(self) -> str:
        """The next one that is not white, which `at` then points to. Raises an InputError at the end."""
        while True:
            while self.at < len(self.held) and self.held[self.at] in _WHITE:
                self.at += 1
            if self.at < len(self.held):
                return self.held[self.at]
            if not self.grow():
                raise InputError("the JSON array breaks off")

    def grow(self) -> bool:
        """Read at least as much again as is held; False where nothing is left, or too much is held."""
        self.held = self.held[self.at :]
        self.at = 0
        if len(self.held) > _ELEMENT_CHARACTERS:
            return False
        more = self._text.read(max(_CHARACTERS, len(self.held)))
        self.held += more
        return bool(more)


def array_in(file: InputFile) -> Iterator[Any]:
    """The elements of the array that a file holds."""
    with open_text(file, newline="") as text:
        yield from elements(text)


def object_in(path: str) -> dict[str, Any]:
    """The object that a file holds, whole in memory: about five times the file.

    Raises an InputError where it holds none.
    """
    with open_bytes(path) as stored:
        try:
            value = json.loads(stored.read())
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is not JSON: {error}") from error
    if type(value) is not dict:
        raise InputError(f"{path} is not a JSON object")
    return value


def size_of(path: str) -> int:
    """The size of a stored file, in bytes."""
    with open_bytes(path) as stored:
        return stored.seek(0, 2)

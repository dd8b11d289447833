"""What a model is asked: prompts in our own words after InternVL 1.5's five rules for translators.

The wordings lie in ``prompts/``. A text that is to be translated is delimited by marks which nothing in it can forge,
for `protect` takes their brackets out of it. A prompt whose wording changes gets another version, for answers are kept
by it.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from pipelines.translation.languages import name_of

PromptName = Literal["translate", "turn", "correct"]

_VERSIONS: dict[PromptName, int] = {"translate": 1, "turn": 1, "correct": 1}
_PARTS: dict[PromptName, tuple[str, ...]] = {
    "translate": ("translate", "data"),
    "turn": ("translate", "turn", "data"),
    "correct": ("correct", "data"),
}
_FOLDER = Path(__file__).parent / "prompts"

Messages = tuple[tuple[str, str], ...]


def prompt_id(name: PromptName) -> str:
    """Name and version: ``translate@1``."""
    return f"{name}@{_VERSIONS[name]}"


def messages(
    name: PromptName,
    text: str,
    source: str | None,
    target: str,
    *,
    original: str | None = None,
    context: Sequence[tuple[str, str]] = (),
    refused: Sequence[str] = (),
) -> Messages:
    """The system and the user turn about a protected `text`.

    `original`: what a translation that is to be corrected was made of, protected. `context`: earlier messages and
    their translations, protected. `refused`: checks that an earlier answer failed; they change the prompt.
    """
    names = {"source": name_of(source), "target": name_of(target)}
    system = "\n".join(_wording(part) for part in _PARTS[name]).format(**names)
    if refused:
        hints = _hints()
        told = " ".join(hints[check] for check in refused if check in hints).format(**names)
        system += f"\nAn earlier answer was refused. {told}\n"
    user = f"⟦text⟧\n{text}\n⟦/text⟧"
    if original is not None:
        user = f"⟦source⟧\n{original}\n⟦/source⟧\n{user}"
    if context:
        told = "\n".join(f"{before}\n→ {after}" for before, after in context)
        user = f"⟦context⟧\n{told}\n⟦/context⟧\n{user}"
    return (("system", system), ("user", user))


@cache
def _wording(part: str) -> str:
    return (_FOLDER / f"{part}.txt").read_text("utf-8")


@cache
def _hints() -> dict[str, str]:
    """For each check, what a model is told whose answer failed it."""
    lines = _wording("refused").splitlines()
    return {check: hint for check, _, hint in (line.partition(": ") for line in lines)}

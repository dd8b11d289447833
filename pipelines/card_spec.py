"""The `card` section of a recipe: what people say of the set. It changes nothing in what is done."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schemas.statements import STATEMENTS

_Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _said(key: str) -> str | None:
    found: str | None = Field(None, description=STATEMENTS[key])
    return found


class CardSpec(BaseModel):
    """What the data card says that no program can measure. What is left out, the card lists as missing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    motivation: _Words | None = _said("motivation")
    composition: _Words | None = _said("composition")
    collection: _Words | None = _said("collection")
    known_limits: _Words | None = _said("known_limits")
    personal_data: _Words | None = _said("personal_data")
    intended_uses: _Words | None = _said("intended_uses")
    out_of_scope_uses: _Words | None = _said("out_of_scope_uses")
    licensing: _Words | None = _said("licensing")
    maintenance: _Words | None = _said("maintenance")
    creators: tuple[_Words, ...] = Field((), description=STATEMENTS["creators"])
    homepage: Annotated[str, Field(pattern=r"^https?://[^\s<>\"]+$")] | None = _said("homepage")
    citation: _Words | None = _said("citation")

    @property
    def statements(self) -> dict[str, str]:
        """What is said, by key, in the order of `schemas.statements`."""
        said = {key: getattr(self, key) for key in STATEMENTS} | {"creators": "\n".join(self.creators)}
        return {key: text for key, text in said.items() if text}

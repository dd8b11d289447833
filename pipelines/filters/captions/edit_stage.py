"""The stage that edits captions, and the rule for those who would rather drop what needs it."""

from typing import Annotated, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from pipelines.filters.captions.edits import EDITS, EditName, edited
from pipelines.filters.captions.entries import Entries
from pipelines.filters.captions.rule import CAPTIONS_COLUMN, CaptionRule, Judgement
from pipelines.filters.filter import Filter
from pipelines.placeholders import PERSON, TAG
from pipelines.stage import SPEC, Processed, Verdicts


@dataclass(frozen=True, kw_only=True, config=SPEC)
class EditCaptions(Filter):
    """Edits every caption that counts by `edits`, in their order. The web's text stays.

    Where that changes it, one caption of role ``edited`` and of the same language is appended, and counts in the
    other's place. No row is refused: what an edit leaves blank is for a rule on length. Regions that point into the
    other do not follow: edit before captions are grounded.

    Published: COYO-700M collapses white space. From secondary sources: Qwen-VL cleans HTML-tagged parts and irregular
    patterns (steps 7 and 8), and removes special tags of CC12M and SBU. What each edit does is ours.
    """

    stage: Literal["edit_captions"] = "edit_captions"
    name: str | None = None
    edits: Annotated[tuple[EditName, ...], Field(min_length=1)] = tuple(EDITS)

    reads: ClassVar[tuple[str, ...]] = ("captions",)
    adds: ClassVar[pa.Schema] = CAPTIONS_COLUMN

    @field_validator("edits")
    @classmethod
    def _once(cls, edits: tuple[EditName, ...]) -> tuple[EditName, ...]:
        if len(set(edits)) < len(edits):
            raise ValueError("an edit stands twice; all are repeated until nothing changes anyway")
        return edits

    def process(self, rows: pa.Table) -> Processed:
        captions = rows["captions"]
        entries = Entries(captions)
        counting = entries.counting()
        before = counting.texts.to_pylist()
        after = [edited(text, self.edits) for text in before]
        at = np.flatnonzero(np.fromiter(map(str.__ne__, before, after), bool, len(before)))
        if len(at):
            of = counting.at[at]
            langs = entries.fields["lang"].take(pa.array(of))
            captions = entries.with_appended(counting.row[at], of, [after[i] for i in at], langs, "edited")
        return Processed(Verdicts.kept(entries.rows), pa.table({"captions": captions}))


@dataclass(frozen=True, kw_only=True, config=SPEC)
class SpecialTag(CaptionRule):
    """Refuses captions with a data set's placeholder: ``<PERSON>``, ``‹人名›``, ``<URL>``.

    From secondary sources: Qwen-VL removes texts with the special tags of CC12M and SBU. The stage `edit_captions`
    mends them instead. Whichever a recipe has, a caption with a person's placeholder is never packed.
    """

    stage: Literal["special_tag"] = "special_tag"
    name: str | None = None

    reason: ClassVar[str] = "special_tag"

    def judge(self, texts: pa.StringArray) -> Judgement:
        found = [PERSON.search(text) or TAG.search(text) for text in texts.to_pylist()]
        return Judgement(
            np.fromiter((match is not None for match in found), bool, len(found)),
            details=[match and match[0] for match in found],
        )

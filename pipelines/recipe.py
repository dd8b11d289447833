"""The recipe: one explicit model of everything a recipe can say.

A new stage is a file in its folder, an entry in the union below, and a test; nothing else.
"""

import hashlib
import json
import re
from collections import Counter
from typing import Annotated, Any

import pyarrow as pa
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import to_jsonable_python

from pipelines.card_spec import CardSpec
from pipelines.chatml.pack import judge_reads
from pipelines.chatml.pack_spec import PackSpec
from pipelines.filters.captions.stages import CaptionStage
from pipelines.filters.carried import Label, License, Score
from pipelines.filters.contamination.decontaminate import Decontaminate
from pipelines.filters.image import (
    Area,
    AspectRatio,
    Blur,
    Format,
    MaxBytes,
    MaxSide,
    MinBytes,
    MinSide,
    NearUniform,
    Still,
)
from pipelines.filters.image_text import ClipSimilarity
from pipelines.filters.placeholders import Placeholders
from pipelines.filters.safety import NsfwImages
from pipelines.grounding.stage import Ground
from pipelines.ocr.stage import Ocr
from pipelines.pull.stage import Pull
from pipelines.sets.captions import CaptionFrequency, LongestOfImage
from pipelines.sets.exact_duplicates import ExactDuplicates, UrlDuplicates
from pipelines.sets.near_duplicates import NearDuplicates
from pipelines.sets.repeated_lines import RepeatedLines
from pipelines.sets.subset_share import SubsetShare
from pipelines.sources.carries import lacks
from pipelines.sources.spec import SourceSpec, TableName, spelled_out
from pipelines.stage import SetRule, Stage, lacks_files, semantic_fields, title
from pipelines.translation.endpoint import LlmSpec
from pipelines.translation.stage import Translate
from schemas.tables import INPUT

_STAGE_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_TAKEN_NAME = re.compile(r"input|shards|split|(filter|pack)(-\d+)?")
"""Names of layers and hops; a stage's own name becomes a hop's, a folder's and a file's."""

AnyStage = Annotated[
    Pull
    | AspectRatio
    | MinSide
    | MaxSide
    | Area
    | MinBytes
    | MaxBytes
    | Format
    | Still
    | NearUniform
    | Blur
    | Placeholders
    | Score
    | Label
    | License
    | NsfwImages
    | ClipSimilarity
    | CaptionStage
    | Decontaminate
    | Ground
    | Ocr
    | Translate
    | ExactDuplicates
    | UrlDuplicates
    | NearDuplicates
    | CaptionFrequency
    | LongestOfImage
    | SubsetShare
    | RepeatedLines,
    Field(discriminator="stage"),
]


Origin = Annotated[str, Field(pattern=r"^(published|secondary|ours)(: .+)?$")]


class RunSpec(BaseModel):
    """How a run is driven. None of it changes what comes out, save for `seed` and `part_rows`, which the plan pins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(0, description="of the permutation of the input, and so of what `--limit` samples")
    part_rows: int = Field(512, ge=1, le=100_000, description="rows a part: the unit of work, retry and commit")
    parts_in_flight: int = Field(16, ge=1, description="parts that one worker of an async hop works on at a time")
    mb_in_flight: int = Field(256, ge=1, description="MB of images it holds before it begins no more rows")
    min_free_gb: float = Field(2.0, ge=0, description="below this much free disk the run pauses")
    second_pass: bool = Field(True, description="try retriable failures once more, later in the same run")
    collapse_rows: int = Field(1024, ge=1, description="rows over which one cause is looked for")
    collapse_hosts: int = Field(20, ge=2, description="distinct hosts it must spread over")
    collapse_share: float = Field(0.95, gt=0.5, le=1, description="share of those rows it must explain")
    collapse_pause_s: float = Field(30.0, ge=0, description="pause before probing whether it is over, in seconds")
    drain_s: float = Field(30.0, ge=0, description="grace for parts in flight on SIGTERM or Ctrl-C, in seconds")


class Recipe(BaseModel):
    """A whole recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    description: str = ""
    origins: dict[str, Origin] = Field(
        default_factory=dict,
        description="where thresholds come from, by `stage.field` or `stage`: as `published: COYO-700M`, "
        "`secondary: …` or `ours: why`",
    )
    source: Annotated[SourceSpec, BeforeValidator(spelled_out, json_schema_input_type=TableName | SourceSpec)] = Field(
        default_factory=SourceSpec
    )
    llm: LlmSpec = Field(default_factory=LlmSpec, description="the endpoint that stages ask which name none themselves")
    stages: list[AnyStage] = Field(min_length=1)
    pack: PackSpec = Field(default_factory=PackSpec)
    run: RunSpec = Field(default_factory=RunSpec)
    card: CardSpec = Field(default_factory=CardSpec)


def stages_of(recipe: Recipe) -> list[Stage | SetRule]:
    """The stages as they run: those that ask a language model know which."""
    return [stage.asking(recipe.llm) if isinstance(stage, Translate) else stage for stage in recipe.stages]


def misfits(recipe: Recipe) -> list[tuple[tuple[str | int, ...], str]]:
    """What is wrong between stages that are each well formed: ``(where, what)`` pairs, empty when all is well."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    titles = Counter(title(stage) for stage in recipe.stages)
    available = set(INPUT.names) - lacks(recipe.source)
    for index, stage in enumerate(recipe.stages):
        where = ("stages", index)
        if titles[title(stage)] > 1:
            found.append((where, f"two stages are called {title(stage)!r}; give one a name of its own with `name:`"))
        if stage.name is not None and not _STAGE_NAME.fullmatch(stage.name):
            say = f"{stage.name!r} cannot name a stage: small letters, digits, _ and - are allowed, a letter first"
            found.append(((*where, "name"), say))
        elif stage.name is not None and _TAKEN_NAME.fullmatch(stage.name):
            found.append(((*where, "name"), f"{stage.name!r} cannot name a stage: a part of every run is called so"))
        # what a stage appends to may be null, and is there all the same
        there = available | ({"regions"} & set(stage.adds.names))
        absent = [column for column in stage.reads if column not in there]
        found += [(where, f"{title(stage)} reads `{column}`, which no stage before it provides") for column in absent]
        available |= set(stage.adds.names)
    found += [(("origins", key), what) for key in recipe.origins if (what := _no_setting(recipe, key))]
    for column in judge_reads(recipe.pack):
        if column not in available and column == "regions":
            tasks = ", ".join(recipe.pack.grounded)
            found.append(
                (("pack", "tasks"), f"{tasks}: made of `regions`, which neither the source has nor a stage adds")
            )
        elif column not in available and column == "lines":
            tasks = ", ".join(recipe.pack.of_lines)
            found.append((("pack", "tasks"), f"{tasks}: made of `lines`, which no stage adds; `ocr` does"))
        elif column not in available and column == "turns":
            found.append((("pack", "tasks"), "conversation: made of `turns`, which the source does not have"))
        elif column not in available and column == "translated_turns":
            say = "translated_conversation: made of `translated_turns`, which no stage adds; `translate` does"
            found.append((("pack", "tasks"), say))
        elif column not in available:
            found.append((("pack",), f"packing reads `{column}`, which no stage provides"))
    return found


def _no_setting(recipe: Recipe, key: str) -> str | None:
    """What is wrong with a key of `origins`; None when it names a stage or a setting of one."""
    name, _, setting = key.partition(".")
    stages = {title(stage): stage for stage in recipe.stages}
    if name not in stages:
        return f"no stage is called {name!r}; there are {', '.join(stages)}"
    settings = semantic_fields(stages[name])
    if setting and setting not in settings:
        return f"{name} has no setting {setting!r}; it has {', '.join(settings)}"
    return None


def names_lost_files(recipe: Recipe) -> bool:
    """Whether a local file that the recipe names is gone, as when a run was copied elsewhere."""
    return any(lacks_files(stage) for stage in [*recipe.stages, recipe.pack])


def fingerprint(*parts: Any) -> str:
    """16 hex digits over anything that JSON can hold."""
    text = json.dumps(to_jsonable_python(parts), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def stage_identity(stage: Stage | SetRule) -> dict[str, Any]:
    """What of a stage decides its verdicts: kind, version and the semantic fields that are not at their default."""
    return {"stage": stage.stage, "version": stage.version, **semantic_fields(stage, chosen=True)}


def columns_of(stages: list[Stage | SetRule]) -> pa.Schema:
    """The columns that `stages` add together; where two add the same one, it stands once."""
    fields = {field.name: field for stage in stages for field in stage.adds}
    return pa.schema(list(fields.values()))

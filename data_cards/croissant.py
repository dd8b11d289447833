"""croissant.json: the data set's description in Croissant 1.1 with the RAI vocabulary, as loaders read it.

The shards are one FileSet, a record of `default` is a training sample. What was measured stands in README.md and
card.json; here is what the vocabulary has a word for.
"""

import json
from typing import Any

from data_cards.facts import CardFacts
from data_cards.licences import hub_license

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_FILES = "shards"
_RECORDS = "default"
_SPLIT = r"(?:.*/)?([a-z]+)-[0-9]+-of-[0-9]+\.parquet"
_SPDX = "https://spdx.org/licenses/"
_RAI = {
    "rai:dataCollection": "collection",
    "rai:dataLimitations": "known_limits",
    "rai:personalSensitiveInformation": "personal_data",
    "rai:dataReleaseMaintenancePlan": "maintenance",
}
"""Property to the statement of people that it holds."""


def render(facts: CardFacts) -> str:
    """croissant.json, ending with a line feed. The same facts give the same text."""
    return json.dumps(_dataset(facts), ensure_ascii=False, indent=1) + "\n"


def _dataset(facts: CardFacts) -> dict[str, Any]:
    said = facts.statements
    data: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": facts.recipe,
        "description": facts.description.strip() or f"Training samples for vision-language models, by {facts.recipe}.",
        "license": _license(facts),
        "url": said.get("homepage"),
        "citeAs": said.get("citation"),
        "creator": [{"@type": "sc:Person", "name": name} for name in said.get("creators", "").splitlines()],
        "inLanguage": sorted(code for code in facts.languages if code is not None),
        "keywords": ["image", "vision-language", "chatml", *facts.tasks],
        **{name: said.get(key) for name, key in _RAI.items()},
        "rai:dataUseCases": _uses(facts),
        "rai:dataCollectionType": "Web scraping, secondary data analysis",
        "rai:dataPreprocessingProtocol": list(_steps(facts)),
        "rai:machineAnnotationTools": [
            " ".join(part for part in (one.name, one.version, one.weights) if part) for one in facts.engines
        ],
        "distribution": [
            {
                "@type": "cr:FileSet",
                "@id": _FILES,
                "name": _FILES,
                "description": f"{facts.shards:,} Parquet files of training samples, images within.",
                "encodingFormat": "application/x-parquet",
                "includes": "data/*.parquet",
            }
        ],
        "recordSet": [_records()],
    }
    return {key: value for key, value in data.items() if value}


def _license(facts: CardFacts) -> str:
    """A licence that every sample states by its SPDX address; else what people say, or where to look."""
    name = hub_license(facts)
    if name is not None:
        return f"{_SPDX}{_SPDX_NAMES.get(name, name.upper())}.html"
    return facts.statements.get("licensing") or "per image: see image_meta.license"


_SPDX_NAMES = {"apache-2.0": "Apache-2.0", "mit": "MIT", "pddl": "PDDL-1.0"}


def _uses(facts: CardFacts) -> str | None:
    intended, not_intended = (facts.statements.get(key) for key in ("intended_uses", "out_of_scope_uses"))
    told = [intended] if intended else []
    return " ".join([*told, *([f"Out of scope: {not_intended}"] if not_intended else [])]) or None


def _steps(facts: CardFacts) -> list[str]:
    """The funnel in words: one entry a step, with what left it and why."""
    return [
        f"{step.name}: {step.entered:,} rows entered, {step.kept:,} kept"
        + "".join(f"; {one.stage} {one.reason} {one.rows:,}" for one in step.refusals)
        for step in facts.steps
    ]


def _records() -> dict[str, Any]:
    fields = [
        _field("id", "sc:Text", "unique over all shards of all runs"),
        {
            **_named("split", "which split the sample is in"),
            "dataType": "sc:Text",
            "source": {
                "fileSet": {"@id": _FILES},
                "extract": {"fileProperty": "fullpath"},
                "transform": {"regex": _SPLIT},
            },
        },
        {
            **_named("images", "in order of appearance"),
            "dataType": "sc:ImageObject",
            "repeated": True,
            "source": _source("images", "[*].bytes"),
        },
        _structs("messages", "the conversation, <image> where an image stands", "messages_tagged", ("role", "content")),
        _structs("regions", "grounded phrases or lines of text, boxes in pixels", "regions", ("label", "source")),
        _field("task", "sc:Text", "what the sample trains"),
        _field("language", "sc:Text", "of the supervised text"),
        _field("license", "sc:Text", "as the source states it"),
        _field("source", "sc:Text", "name of the input file that the row came from"),
        _field("provenance", "sc:Text", "JSON: input row, and what was done to the image"),
        _field("n_text_tokens", "cr:Int32", "tokens of the conversation without its images"),
        _field("n_image_tokens", "cr:Int32", "image tokens"),
    ]
    regions = next(field for field in fields if field["name"] == "regions")
    regions["subField"] += [
        {
            **_named("regions/bbox", "x1 y1 x2 y2"),
            "dataType": "sc:Float",
            "repeated": True,
            "source": _source("regions", "[*].bbox"),
        },
        {**_named("regions/score", "0–1"), "dataType": "sc:Float", "source": _source("regions", "[*].score")},
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": _RECORDS,
        "name": _RECORDS,
        "description": "Training samples.",
        "key": {"@id": f"{_RECORDS}/id"},
        "field": fields,
    }


def _field(name: str, type_: str, meaning: str) -> dict[str, Any]:
    return {**_named(name, meaning), "dataType": type_, "source": _source(name)}


def _structs(name: str, meaning: str, column: str, members: tuple[str, ...]) -> dict[str, Any]:
    """A list of structs, of which Croissant has each member as a list of its own."""
    sub_fields = [
        {**_named(f"{name}/{member}", member), "dataType": "sc:Text", "source": _source(column, f"[*].{member}")}
        for member in members
    ]
    return {**_named(name, meaning), "repeated": True, "subField": sub_fields}


def _named(name: str, meaning: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{_RECORDS}/{name}",
        "name": name.rpartition("/")[2],
        "description": meaning,
    }


def _source(column: str, json_path: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"fileSet": {"@id": _FILES}, "extract": {"column": column}}
    return {**found, "transform": {"jsonPath": json_path}} if json_path else found

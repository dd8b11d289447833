"""A recipe's settings as a card tells them: those that decide, without paths, and where each is from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_type_hints

from data_cards.facts_measured import AnnotationEngine, Rule, Threshold
from jobs.reports.explain import said
from pipelines.recipe import Recipe, stages_of
from pipelines.stage import MODEL_FILE, OPERATIONAL, SetRule, Stage, default_of, semantic_fields, title

_NAMES = frozenset({"stage", "name"})
_DIGITS = 12
"""Of a file's SHA-256, enough to tell one from another."""
_HOLDS_VALUES_AGAINST: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("min_side", "pixels"): "shorter_side",
        ("max_side", "pixels"): "longer_side",
        ("aspect_ratio", "max_ratio"): "aspect_ratio",
        ("area", "min_pixels"): "area",
        ("area", "max_pixels"): "area",
        ("min_bytes", "bytes"): "file_bytes",
        ("max_bytes", "bytes"): "file_bytes",
        ("blur", "min_variance"): "sharpness",
        ("near_uniform", "min_deviation"): "uniformity",
        ("nsfw_images", "at_most"): "nsfw_score",
        ("clip_similarity", "at_least"): "clip_similarity",
        ("caption_characters", "at_least"): "input_caption_characters",
        ("caption_characters", "at_most"): "input_caption_characters",
        ("ground", "detector.threshold"): "box_score",
        ("ground", "boxes.min_area"): "box_area",
        ("ground", "boxes.max_area"): "box_area",
        ("subset_share", "boxes"): "boxes_per_image",
        ("ocr", "rules.min_score"): "line_score",
        ("ocr", "rules.min_characters"): "text_characters",
        ("ocr", "rules.max_lines"): "lines_per_image",
    }
)
"""Kind of stage and setting to the histogram that the threshold is drawn into."""
_LIBRARIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "phrases": ("spacy",),
        "transformers": ("transformers", "torch"),
        "clip_similarity": ("transformers", "torch"),
        "nudenet": ("nudenet",),
        "rapid": ("rapidocr", "onnxruntime"),
        "paddle": ("paddleocr", "onnxruntime"),
        "translate": ("openai",),
    }
)
_LIMITS: Mapping[str, str] = MappingProxyType(
    {"shapes": "none: knows coloured shapes in drawings alone, no photographs"},
)
"""Kind of an engine that has no weights, and what its answers are good for."""
_MODEL_SETTINGS = ("kind", "engine", "hub", "revision", "model")


@dataclass(frozen=True)
class _Setting:
    """One setting of a stage, of a part of it where `path` has a dot."""

    path: str
    value: Any
    is_default: bool
    digest: str | None = None


def rules(recipe: Recipe) -> tuple[Rule, ...]:
    """Every setting that decides, in the recipe's order; a stage without any has one line."""
    found = []
    for stage in stages_of(recipe):
        settings = [setting for setting in _settings(stage) if setting.path not in _NAMES]
        if not settings:
            found.append(Rule(title(stage), None, "", *_origin(recipe, stage, None)))
        found += [Rule(title(stage), one.path, _told(one), *_origin(recipe, stage, one)) for one in settings]
    return tuple(found)


def thresholds(recipe: Recipe, histogram: str) -> tuple[Threshold, ...]:
    """The settings that are held against what a histogram shows, in the recipe's order."""
    found = []
    for stage in stages_of(recipe):
        for setting in _settings(stage):
            held = _HOLDS_VALUES_AGAINST.get((stage.stage, setting.path))
            if held == histogram and setting.value:  # at 0 it refuses nothing
                origin = ": ".join(part for part in _origin(recipe, stage, setting) if part)
                found.append(Threshold(title(stage), setting.path, float(setting.value), origin))
    return tuple(found)


def engines(recipe: Recipe) -> tuple[AnnotationEngine, ...]:
    """The models whose answers are in the set: those of stages that hold models, and the translator's."""
    found: list[AnnotationEngine] = []
    for stage in stages_of(recipe):
        if getattr(stage, "worker", None) == "model" or stage.stage == "translate":
            settings = list(_settings(stage))
            for holder in dict.fromkeys(_holder(setting, settings) for setting in settings):
                own = [setting for setting in settings if _holder(setting, settings) == holder]
                found += _engine(stage, holder, own)
    return tuple(found)


def _holder(setting: _Setting, settings: list[_Setting]) -> str:
    """The part of a stage that is a model of its own and that a setting belongs to; empty for the stage itself."""
    holder = setting.path.rpartition(".")[0]
    is_one = holder in _LIBRARIES or any(other.path == f"{holder}.kind" for other in settings)
    return holder if is_one else ""


def _engine(stage: Stage | SetRule, holder: str, settings: list[_Setting]) -> Iterator[AnnotationEngine]:
    """The model that some settings name, if they do."""
    named = {setting.path.rpartition(".")[2]: setting for setting in settings if setting.value is not None}
    files = [setting for setting in named.values() if setting.digest]
    stated = [named[name] for name in _MODEL_SETTINGS if name in named and not named[name].digest]
    if not files and not stated:
        return
    kinds = [str(named[name].value) for name in ("kind", "engine") if name in named]
    libraries = next((_LIBRARIES[key] for key in (*kinds, holder, stage.stage) if key in _LIBRARIES), ())
    told = [_told(setting) for setting in files]
    told += [f"{setting.path.rpartition('.')[2]} {setting.value}" for setting in stated if setting.value not in kinds]
    told += [_LIMITS[kind] for kind in kinds if kind in _LIMITS]
    name = " ".join(dict.fromkeys([holder or stage.stage, *kinds]))
    yield AnnotationEngine(title(stage), name, ", ".join(_installed(libraries)), ", ".join(told))


def _installed(libraries: tuple[str, ...]) -> Iterator[str]:
    for library in libraries:
        try:
            yield f"{library} {version(library)}"
        except PackageNotFoundError:
            continue


def _settings(spec: Any, prefix: str = "", digests: Mapping[str, Any] | None = None) -> Iterator[_Setting]:
    """The settings that decide, those of parts under ``part.setting``."""
    hints = get_type_hints(type(spec), include_extras=True)
    digests = semantic_fields(spec) if digests is None else digests
    for field in fields(spec):
        marks = getattr(hints[field.name], "__metadata__", ())
        value, path = getattr(spec, field.name), f"{prefix}{field.name}"
        is_default = value == default_of(spec, field.name)
        if OPERATIONAL in marks:
            continue
        if is_dataclass(value):
            yield from _settings(value, f"{path}.", digests[field.name])
        elif isinstance(value, tuple) and any(map(is_dataclass, value)):
            for at, (member, held) in enumerate(zip(value, digests[field.name], strict=True), start=1):
                yield from _settings(member, f"{path}.{at}.", held)
        elif MODEL_FILE in marks and value:
            yield _file(path, value, is_default, digests[field.name])
        else:
            yield _Setting(path, value, is_default)


def _file(path: str, value: Any, is_default: bool, digest: Any) -> _Setting:
    """A file by its name and what it holds; several by theirs."""
    names, held = (value, digest) if isinstance(value, tuple) else ((value,), (digest,))
    shown, digits = tuple(Path(name).name for name in names), " ".join(one[:_DIGITS] for one in held)
    return _Setting(path, shown, is_default, digits)


def _told(setting: _Setting) -> str:
    if setting.digest is None:
        return said(setting.value)
    return ", ".join(
        f"{name} (SHA-256 {digest}…)" for name, digest in zip(setting.value, setting.digest.split(), strict=True)
    )


def _origin(recipe: Recipe, stage: Stage | SetRule, setting: _Setting | None) -> tuple[str, str | None]:
    """Origin and source of a setting, or of a stage that has none."""
    top = setting.path.partition(".")[0] if setting else None
    stated = recipe.origins.get(f"{title(stage)}.{top}") or recipe.origins.get(title(stage))
    if stated is None:
        return ("default" if setting is None or setting.is_default else "recipe"), None
    origin, _, source = stated.partition(": ")
    return origin, source or None

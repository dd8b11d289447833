"""`export --format cogvlm-sft`: a run as CogVLM-SFT-311K's three folders of images and labels.

Of each image a file ``images/00000001.jpg``, and labels ``labels/00000001.json`` in Chinese and
``labels_en/00000001.json`` in English: ``{"captions": [{"role": "caption", "content"}]}`` or ``{"conversations":
[{"role": "user", "content"}, …]}``, strict JSON.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import compute as pc

from jobs.running.hops import shard_reader
from jobs.running.part import live_rows
from jobs.running.state import RunState
from jobs.store.files import temporary_of
from pipelines.chatml.captions import chosen_captions
from pipelines.chatml.turns import Spoken, chosen_turns, flaw, spoken_texts
from pipelines.recipe_text import RecipeError
from pipelines.translation.languages import primary

DESCRIPTIONS = "llava_details-minigpt4_3500_formate"
SEVERAL = "llava_instruction_multi_conversations_formate"
SINGLE = "llava_instruction_single_conversation_formate"
FOLDERS = (DESCRIPTIONS, SEVERAL, SINGLE)
_LABELS = {"zh": "labels", "en": "labels_en"}
_SUFFIX = {"jpeg": "jpg", "png": "png", "webp": "webp"}
_ONE_QUESTION = 2
"""Turns of a conversation that asks once."""
_READS = ("captions", "turns", "translated_turns", "image", "format")

Label = dict[str, Any]


class _Entry(NamedTuple):
    """One image and what is said of it."""

    folder: str
    image: bytes
    format: str
    labels: dict[str, Label]
    """by language"""


def write_sft(state: RunState, target: Path) -> dict[str, int]:
    """Write the folders into `target`, which is not there yet; the number of images of each.

    Rows that say nothing in Chinese or English are left out. Raises RecipeError.
    """
    if target.exists():
        raise RecipeError("--output", [f"{target} is there already: name a new folder"])
    temporary = temporary_of(target, "export")
    shutil.rmtree(temporary, ignore_errors=True)
    counts: Counter[str] = Counter(dict.fromkeys(FOLDERS, 0))
    for folder in FOLDERS:
        for name in ("images", *_LABELS.values()):
            (temporary / folder / name).mkdir(parents=True)
    for entry in _entries(state):
        counts[entry.folder] += 1
        stem = f"{counts[entry.folder]:08d}"
        part = temporary / entry.folder
        (part / "images" / f"{stem}.{_SUFFIX[entry.format]}").write_bytes(entry.image)
        for lang, label in entry.labels.items():
            text = json.dumps(label, ensure_ascii=False, allow_nan=False, indent=1)
            (part / _LABELS[lang] / f"{stem}.json").write_text(text + "\n", "utf-8")
    temporary.replace(target)
    return dict(counts)


def _entries(state: RunState) -> Iterator[_Entry]:
    """The rows that reach packing, in the order of the plan."""
    added = {name for hop in state.hops[:-1] for stage in hop.stages for name in stage.adds.names}
    reads = tuple(name for name in _READS if name != "translated_turns" or name in added)
    reader = shard_reader(state.hops[:-1], state.recipe.pack, reads)
    for part in state.plan.parts:
        rows = live_rows(state.layout, reader, part)
        rows = rows.filter(pc.invert(pc.is_in(rows["id"], pa.array(state.superseded(part), pa.int64()))))
        told = [chosen_turns(rows[name]) for name in ("turns", "translated_turns") if name in reads]
        captions = chosen_captions(rows["captions"])
        images, formats = rows["image"], rows["format"].to_pylist()
        for row, said in enumerate(captions):
            conversations = [turns[row] for turns in told if not flaw(turns[row])]
            described = {primary(one.lang): _caption(one.text) for one in said if one.lang}
            spoken = {primary(turns[0].lang): _conversation(turns) for turns in conversations if turns[0].lang}
            labels = {lang: label for lang, label in (described or spoken).items() if lang in _LABELS}
            if labels:
                longest = max(map(len, conversations), default=0)
                folder = DESCRIPTIONS if described else SEVERAL if longest > _ONE_QUESTION else SINGLE
                yield _Entry(folder, images[row].as_py(), formats[row], labels)


def _caption(text: str) -> Label:
    return {"captions": [{"role": "caption", "content": text.strip()}]}


def _conversation(turns: Sequence[Spoken]) -> Label:
    texts = spoken_texts(turns)
    return {"conversations": [{"role": turn.role, "content": text} for turn, text in zip(turns, texts, strict=True)]}

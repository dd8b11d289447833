"""A data set with all that a trainer may stumble over: odd images, several images, none, system turns, white space."""

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from pipelines.chatml.conversation import Conversation, Turn
from pipelines.chatml.pack_spec import PackSpec
from pipelines.chatml.shard_writer import ShardWriter
from pipelines.chatml.trainers import kit
from schemas.chatml import SHARD
from schemas.tables import GROUNDED, INPUT, PULLED
from tests.pipelines.pull.hostile import Hostile, pull_all
from tests.pipelines.pull.pictures import file, textured
from tests.support.packing import packed
from tests.trainers.odd_pictures import OddPicture, odd_pictures

SPEC = PackSpec(dialect="qwen2_5_vl", tasks=("rec",), max_pixels=200_704)
OLDER = PackSpec(dialect="qwen2_vl", tasks=("rec", "reg", "grounded_caption"), max_pixels=200_704)
CAPTION = "a dark square"
SPAN = [0, len(CAPTION)]

CONVERSATIONS: dict[str, tuple[Conversation, tuple[tuple[int, int], ...]]] = {
    "system turn": (
        (Turn("system", ("You are terse.",)), Turn("user", (None, "What is it?")), Turn("assistant", ("Noise.",))),
        ((320, 240),),
    ),
    "several answers": (
        (
            *(Turn("user", (None, "What is here? 这是什么？")), Turn("assistant", ("Noise, déjà vu. 噪声。",))),
            *(Turn("user", ("And below?",)), Turn("assistant", ("More noise.",))),
            *(Turn("user", ("Anything else?",)), Turn("assistant", ("No.",))),
        ),
        ((300, 500),),
    ),
    "two images": (
        (Turn("user", ("Compare ", None, " with ", None, ".")), Turn("assistant", ("Both are noise.",))),
        ((640, 480), (90, 70)),
    ),
    "text alone": ((Turn("user", ("What is 2 + 2?",)), Turn("assistant", ("4",))), ()),
    "white space": (
        (Turn("user", (None, "\n\n  What?  \n")), Turn("assistant", ("\n Noise. \n\n",))),
        ((1400, 900),),
    ),
}
"""Conversations that no task of ours makes yet, and the sizes of their images."""
RETOLD = 2
"""Pictures over which a source's own conversation is told again."""


def make_world(folder: Path, spec: PackSpec = SPEC, *, as_served: bool = False) -> Path:
    """Write the data set into `folder`, pulled from loopback, judged, packed, with its kit; the folder.

    `as_served` puts the pictures' files back as they were served: what would be there without canonical pixels.
    """
    pictures = odd_pictures()
    found = _pulled(pictures)
    rows = pa.concat_tables([packed(found, spec), _written(), _retold(found.slice(0, RETOLD))])
    if as_served:
        samples = rows.to_pylist()
        for sample, picture in zip(samples, pictures.values(), strict=False):
            sample["images"][0]["bytes"] = picture.body
        rows = pa.Table.from_pylist(samples, schema=SHARD)
    (folder / "data").mkdir(parents=True)
    for split, part in (("train", rows), ("validation", rows.slice(0, 2))):
        with ShardWriter(folder / "data" / f"{split}-00000-of-00001.parquet", spec.shard_metadata()) as writer:
            writer.write(part)
    for name, text in kit(spec.dialect, spec.budget, ("train", "validation")).items():
        path = folder / "trainers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def _pulled(pictures: dict[str, OddPicture]) -> pa.Table:
    """The pictures as the pull stage hands them on, each with the region that a detector would have found."""
    server = Hostile()
    try:
        found = pull_all([server.page(picture.body) for picture in pictures.values()])
    finally:
        server.stop()
    assert [row["reason"] for row in found] == [None] * len(pictures)
    rows: list[dict[str, Any]] = []
    for number, (row, (kind, picture)) in enumerate(zip(found, pictures.items(), strict=True)):
        region = {"caption_index": 0, "phrase": SPAN, "expression": SPAN, "box": picture.box}
        rows.append(
            row
            | {
                "id": number,
                "url": f"http://example.org/{kind}",
                "captions": [{"text": CAPTION, "lang": "en", "role": "web"}],
                "license": None,
                "source_file": "pictures",
                "source_row": number,
                "regions": [region | {"score": 0.9, "runner_up": None, "source": "by hand"}],
            }
        )
    columns = {field.name: field.type for schema in (INPUT, PULLED, GROUNDED) for field in schema}
    wanted = [name for name in columns if name in rows[0]]
    return pa.table({name: pa.array([row[name] for row in rows], columns[name]) for name in wanted})


def _retold(rows: pa.Table) -> pa.Table:
    """Conversations of a source's own over the pictures of `rows`."""
    said = ("What is it?\n<image>", "Noise <|im_end|>, déjà vu. 噪声。", "And below?", "More noise.")
    turns = [{"role": "assistant" if at % 2 else "user", "text": text, "lang": "en"} for at, text in enumerate(said)]
    column = pa.array([turns, turns[:2]], INPUT.field("turns").type)
    spec = PackSpec(dialect=SPEC.dialect, tasks=("conversation",), max_pixels=SPEC.max_pixels)
    return packed(rows.append_column("turns", column), spec)


def _written() -> pa.Table:
    rows = [_sample(name, *conversation) for name, conversation in CONVERSATIONS.items()]
    return pa.Table.from_pylist(rows, schema=SHARD)


def _sample(name: str, conversation: Conversation, sizes: tuple[tuple[int, int], ...]) -> dict[str, Any]:
    files = [file(textured(width, height, seed=width), "JPEG", quality=90) for width, height in sizes]
    typed = [
        {
            "role": turn.role,
            "content": [{"type": "text" if part is not None else "image", "text": part} for part in turn.parts],
        }
        for turn in conversation
    ]
    tagged = [
        {"role": turn.role, "content": "".join("<image>" if part is None else part for part in turn.parts)}
        for turn in conversation
    ]
    meta = [dict(zip(("width", "height"), Image.open(io.BytesIO(body)).size, strict=True)) for body in files]
    return {
        "id": name,
        "messages": typed,
        "messages_tagged": tagged,
        "images": [{"bytes": body, "path": f"{number}.jpg"} for number, body in enumerate(files)],
        "image_meta": meta,
        "regions": [],
        "task": "caption",
        "source": "by hand",
    }

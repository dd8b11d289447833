"""Rows of Arrow tables, whatever file they come from: columns by their roles, images where they lie."""

from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.sources.collections.images import image_features, in_cells, in_files
from pipelines.sources.files import InputError
from pipelines.sources.rows import Cells, captions_of, carried, sound
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.arrow_text import as_text, holds_bytes, is_bytes, plain
from pipelines.sources.tables.columns import mapped
from pipelines.sources.tables.named import OF_LISTS
from pipelines.sources.tables.roles import by_role

Held = Literal["all", "some", "none"]
"""How many of the cells of an image column hold bytes; the others may name a file."""


def check_types(schema: pa.Schema, spec: SourceSpec) -> None:
    """Raise an `InputError` where a mapped column is of a type that its role cannot be."""
    at = mapped(schema.names, spec)
    for role, name in at.items():
        type_ = _type(schema, name)
        if role == "image":
            is_fit = _is_text(type_) or is_bytes(type_) or _is_image_struct(type_)
        else:
            is_fit = not pa.types.is_nested(type_) or role in OF_LISTS or (role == "caption" and _is_texts(type_))
        if not is_fit:
            said = "neither images nor names of files" if role == "image" else "not text"
            raise InputError(
                f"column `{name}` is {type_}, {said}: map another with `--set source.columns.{role}=COLUMN`"
            )
    if "url" not in at and "image" not in at and (images := image_features(schema)):
        raise InputError(f"column `{images[0]}` holds images: read them with `--set source.columns.image={images[0]}`")


def image_cells(schema: pa.Schema, spec: SourceSpec) -> str | None:
    """The mapped column that holds images; None where there is none, or it names files."""
    name = mapped(schema.names, spec).get("image")
    return name if name is not None and holds_bytes(_type(schema, name)) else None


def columns_read(schema: pa.Schema, spec: SourceSpec, held: Held) -> list[str]:
    """The columns to be read: none with raw bytes but what is mapped, and of images only what tells where they lie."""
    image = image_cells(schema, spec)
    needed = set(mapped(schema.names, spec).values()) - {image}
    names = [column.name for column in schema if column.name in needed or not holds_bytes(column.type)]
    if image is None or held == "all":
        return names
    return [*names, f"{image}.path" if held == "none" and pa.types.is_struct(_type(schema, image)) else image]


def cells_of(
    rows: pa.RecordBatch, spec: SourceSpec, root: str, *, path: str, image: str | None, held: Held, first_row: int
) -> Cells:
    """The cells of `rows`, which lie in the table at `path` from `first_row` on; `image` as `image_cells` has it."""
    errors: dict[int, str] = {}
    images = None
    if image is not None and image in rows.schema.names:
        images = rows.column(image)
        rows = rows.drop_columns([image])
    names = rows.schema.names
    texts = [sound(as_text(column), name, errors) for name, column in zip(names, rows.columns, strict=True)]
    at = {role: names.index(name) for role, name in mapped(names, spec).items()}
    others = [i for i in range(len(texts)) if i not in at.values()]
    source = carried([names[i] for i in others], [texts[i] for i in others], rows.num_rows)
    cells = by_role({role: texts[i] for role, i in at.items()}, source, spec, errors)
    caption = rows.column(at["caption"])
    if _is_texts(plain(caption.type)):
        lists = [texts or [] for texts in caption.to_pylist()]
        cells.captions = captions_of(lists, names[at["caption"]], spec.caption_lang, errors)
    if image is not None:
        mask, files = _held(images, rows.num_rows, held)
        in_cells(cells, mask, files, root, path=path, column=image, first_row=first_row)
    elif "image" in at:
        in_files(cells, texts[at["image"]], root)
    return cells


def _held(
    images: pa.Array | None, n: int, held: Held
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.bool_]], list[str | None]]:
    """Which cells hold an image, and the files that others name; a null cell of plain bytes is for pull to judge."""
    images = images.storage if isinstance(images, pa.ExtensionArray) else images
    if images is None or not pa.types.is_struct(images.type):
        return np.ones(n, np.bool_), [None] * n
    fields = {field.name for field in images.type}
    files = pc.struct_field(images, "path").to_pylist() if "path" in fields else [None] * n
    if held == "none":
        return np.zeros(n, np.bool_), files
    return pc.is_valid(pc.struct_field(images, "bytes")).to_numpy(zero_copy_only=False), files


def _type(schema: pa.Schema, name: str) -> pa.DataType:
    return plain(schema.field(schema.names.index(name)).type)


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


def _is_texts(type_: pa.DataType) -> bool:
    is_list = pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)
    return is_list and _is_text(plain(type_.value_type))


def _is_image_struct(type_: pa.DataType) -> bool:
    return pa.types.is_struct(type_) and any(field.name == "bytes" and is_bytes(plain(field.type)) for field in type_)

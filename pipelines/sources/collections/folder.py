"""Folders of images: with sidecars beside them, or with a table that names them, as Hugging Face's imagefolder has it.

Every folder that holds images is read as one file: a row for each image in it, described by the sidecars that share its
name (``a.txt``, ``a.json`` or ``a.jpg.json`` for ``a.jpg``), and a row with an error for sidecars without an image.
Where ``metadata.csv``, ``.jsonl`` or ``.parquet`` lies, its rows are the rows, and images it does not name are none.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from types import ModuleType

import pyarrow as pa
import xxhash

from pipelines.sources.collections.folder_tree import below, content, files_in
from pipelines.sources.collections.sidecars import IMAGE_EXTENSIONS, TEXT_EXTENSIONS, Described, batches
from pipelines.sources.expand import format_of
from pipelines.sources.files import InputError, InputFile, Unit, open_bytes
from pipelines.sources.spec import Format, SourceSpec
from pipelines.sources.tables import delimited, jsonl, parquet
from pipelines.sources.tables.columns import Contents, check_columns

TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_TABLE_FORMATS: dict[Format, ModuleType] = {"csv": delimited, "jsonl": jsonl, "parquet": parquet}
_NAMED = 5
_WANTED = IMAGE_EXTENSIONS | TEXT_EXTENSIONS


def folders(text: str) -> list[str]:
    """The folders that hold images, and the tables that name some, at and below what the user names."""
    found = []
    for folder, names in below(text, leaves=TABLES):
        tables = [name for name in TABLES if name in names]
        if len(tables) > 1:
            raise InputError(f"{folder}: {' and '.join(tables)} both name its images: leave one")
        if tables:
            found.append(posixpath.join(folder, tables[0]))
        elif any(_extension(name) in IMAGE_EXTENSIONS for name in names):
            found.append(folder)
    if not found:
        raise InputError(f"no folder of images: neither an image ({' '.join(sorted(IMAGE_EXTENSIONS))}) nor a table")
    return sorted(found)


def inspect(file: InputFile, spec: SourceSpec) -> Contents:
    """The images of a folder by name and size, or a look into the table."""
    if _is_table(file):
        return _inspected_table(*_table(file, spec))
    files = [(name, size) for name, size in files_in(file.path, sizes=True) if _extension(name) in _WANTED]
    listing = xxhash.xxh3_128()
    for name, size in sorted(files):
        listing.update(f"{name}\0{size}\n".encode("utf-8", "surrogateescape"))
    return Contents(
        None,
        (Unit(0),) if files else (),
        bytes=sum(size for _, size in files),
        digest=listing.hexdigest(),
    )


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """A row for every image, in the order of their names, or for every record of the table."""
    if _is_table(file):
        reader, table, mapping = _table(file, spec)
        yield from reader.read(table, mapping, unit)
    else:
        yield from batches(_described(file.path), spec, file.name, unit.first_row)


def _is_table(file: InputFile) -> bool:
    return posixpath.basename(file.path) in TABLES


def _table(file: InputFile, spec: SourceSpec) -> tuple[ModuleType, InputFile, SourceSpec]:
    """The reader of the table's format, and the table and mapping as that reader takes them."""
    format_ = format_of(file.path)
    assert format_ is not None
    reader, table = _TABLE_FORMATS[format_], replace(file, format=format_)
    if spec.columns.image is not None:
        return reader, table, spec
    columns = reader.inspect(table, spec).columns or ()
    naming = [name for name in columns if name == "file_name"]
    naming = naming or [name for name in columns if name.endswith("_file_name")]
    if len(naming) != 1:
        said = (
            f"{', '.join(naming)} all name files" if naming else f"no column `file_name`; it has {', '.join(columns)}"
        )
        raise InputError(f"{said}: say which names the images with `--set source.columns.image=COLUMN`")
    return reader, table, replace(spec, columns=replace(spec.columns, image=naming[0]))


def _inspected_table(reader: ModuleType, table: InputFile, spec: SourceSpec) -> Contents:
    contents: Contents = reader.inspect(table, spec)
    check_columns(contents.columns or (), spec)
    with open_bytes(table.path) as stored:
        return replace(contents, columns=None, bytes=stored.seek(0, 2))


def _described(folder: str) -> Iterator[Described]:
    names = [name for name, _ in files_in(folder) if _extension(name) in _WANTED]
    names.sort(key=lambda name: (_stem(name), name))
    for _, group in groupby(names, _stem):
        members = list(group)
        images = [name for name in members if _extension(name) in IMAGE_EXTENSIONS]
        texts = [name for name in members if _extension(name) in TEXT_EXTENSIONS]
        for image in images:
            row = Described({"file_name": image})
            if _is_text(image):
                row.image_at = {"path": posixpath.join(folder, image)}
            else:
                row.errors.append(f"{image} has a name that is not UTF-8")
            yield _with(row, folder, [name for name in texts if _without_extension(name) in (image, _stem(image))])
        known = {*images, *(_stem(image) for image in images)}
        if alone := [name for name in texts if _without_extension(name) not in known]:
            row = Described({"file_name": alone[0]}, errors=[f"no image beside {', '.join(alone[:_NAMED])}"])
            yield _with(row, folder, alone)


def _with(row: Described, folder: str, sidecars: list[str]) -> Described:
    for name in sidecars:
        try:
            text = content(posixpath.join(folder, name), row.room)
        except OSError as error:
            row.errors.append(f"{name} cannot be read: {error}")
        else:
            if isinstance(text, int):
                row.refuse_length(name, text)
            else:
                row.take(name, _extension(name), text)
    return row


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _extension(name: str) -> str:
    stem, _, extension = name.rpartition(".")
    return extension.lower() if stem else ""


def _without_extension(name: str) -> str:
    return name.rpartition(".")[0]


def _stem(name: str) -> str:
    """What an image and its sidecars share: the name without its extension, or without both of ``a.jpg.json``."""
    stem = _without_extension(name)
    return (
        _without_extension(stem)
        if _extension(name) in TEXT_EXTENSIONS and _extension(stem) in IMAGE_EXTENSIONS
        else stem
    )

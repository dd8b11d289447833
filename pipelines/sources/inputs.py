"""The input as a whole: what the user names becomes a list of readable files, and each file a stream of rows.

Everything that is wrong with the input is found by `find`, before any work, and told in one message.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pyarrow as pa

from pipelines.sources.annotations import (
    coco,
    cogvlm_sft,
    cogvlm_sft_sources,
    flickr30k,
    internvl,
    llava,
    minigpt4,
    refcoco,
)
from pipelines.sources.annotations.record import annotation_files
from pipelines.sources.collections import datasets_folder, folder, img2dataset, webdataset
from pipelines.sources.expand import expand, format_of, is_gzip_name
from pipelines.sources.files import InputError, InputFile, Unit, local_path, open_bytes, short_names
from pipelines.sources.recognise import format_of_folder
from pipelines.sources.rows import printable
from pipelines.sources.spec import Format, SourceSpec
from pipelines.sources.tables import delimited, jsonl, parquet, url_list
from pipelines.sources.tables.columns import Contents, check_columns

__all__ = ["InputError", "InputFile", "Unit", "find", "read"]

_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_PROBLEMS = 20  # that one message tells
_NAMED = 3  # files that share a problem


@dataclass(frozen=True, slots=True)
class _Reader:
    inspect: Callable[[InputFile, SourceSpec], Contents]
    read: Callable[[InputFile, SourceSpec, Unit], Iterator[pa.RecordBatch]]
    expand: Callable[[str], list[str]] | None = None
    """Of formats that are folders: the folders that what the user names stands for."""


_READERS: dict[Format, _Reader] = {
    "parquet": _Reader(parquet.inspect, parquet.read),
    "csv": _Reader(delimited.inspect, delimited.read),
    "tsv": _Reader(delimited.inspect, delimited.read),
    "jsonl": _Reader(jsonl.inspect, jsonl.read),
    "urls": _Reader(url_list.inspect, url_list.read),
    "webdataset": _Reader(webdataset.inspect, webdataset.read),
    "folder": _Reader(folder.inspect, folder.read, folder.folders),
    "datasets": _Reader(datasets_folder.inspect, datasets_folder.read, datasets_folder.tables),
    "llava": _Reader(llava.inspect, llava.read, annotation_files),
    "minigpt4": _Reader(minigpt4.inspect, minigpt4.read, annotation_files),
    "cogvlm_sft": _Reader(cogvlm_sft.inspect, cogvlm_sft.read, cogvlm_sft.expand),
    "cogvlm_sft_sources": _Reader(cogvlm_sft_sources.inspect, cogvlm_sft_sources.read, annotation_files),
    "internvl": _Reader(internvl.inspect, internvl.read, internvl.expand),
    "coco_captions": _Reader(coco.inspect, coco.read, annotation_files),
    "refcoco": _Reader(refcoco.inspect, refcoco.read, refcoco.expand),
    "flickr30k_entities": _Reader(flickr30k.inspect, flickr30k.read, flickr30k.expand),
    "img2dataset": _Reader(img2dataset.inspect, img2dataset.read, img2dataset.lists),
}


def find(inputs: list[str], spec: SourceSpec) -> list[InputFile]:
    """The files that `inputs` (files, folders, globs; local or fsspec URLs) stand for, in the order of their names.

    Raises an `InputError` with every problem there is: what is missing, unreadable, lacks a mapped column, or has no
    row at all. Reads footers and first lines only.
    """
    if not inputs:
        raise InputError("no input: name a file, a folder or a glob")
    problems: dict[str, list[str]] = {}
    paths: dict[str, Format | None] = {}
    for text in inputs:
        try:
            paths.update(_expanded(text, spec))
        except InputError as error:
            problems.setdefault(str(error), []).append(text)
        except Exception as error:
            if not _is_of_file(error, text):
                raise
            problems.setdefault(f"cannot be read: {error}", []).append(text)
    names = short_names(list(paths))
    files = []
    for path in sorted(paths, key=names.__getitem__):
        try:
            files.append(_inspected(path, names[path], paths[path], spec))
        except InputError as error:
            problems.setdefault(str(error), []).append(path)
    if problems:
        raise InputError(_told(problems))
    if not any(file.units for file in files):
        raise InputError(f"empty input: there is no row in {_several([file.path for file in files])}")
    return files


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """The rows of one unit of `file` as batches of `pipelines.sources.rows.ROWS`, in file order.

    Memory does not grow with the file. Raises an `InputError` where the file itself breaks off, as a truncated gzip
    file does; a broken record is a row with `input_error` set.
    """
    rows = unit.first_row
    try:
        for batch in _READERS[file.format].read(file, spec, unit):
            yield batch
            rows += batch.num_rows
    except Exception as error:
        if not isinstance(error, InputError) and not _is_of_file(error, file.path):
            raise
        raise InputError(f"{file.path}: breaks off near row {rows}: {error}") from error


def _expanded(text: str, spec: SourceSpec) -> dict[str, Format | None]:
    """The files that `text` stands for, and the format of each; None where nothing tells it."""
    format_ = format_of_folder(text, spec) if spec.format == "auto" else spec.format
    if format_ is None:
        if url_list.is_named(text):
            return dict.fromkeys(expand(text, "urls"), "urls")
        found = img2dataset.as_shards(text, expand(text, "auto"))
        return {path: "img2dataset" if img2dataset.recognises(path) else format_of(path) for path in found}
    own = _READERS[format_].expand
    return dict.fromkeys(own(text) if own else expand(text, format_), format_)


def _inspected(path: str, name: str, format_: Format | None, spec: SourceSpec) -> InputFile:
    if format_ is None:
        raise InputError("its name does not tell the format: say it with `--set source.format=csv` (parquet, csv, …)")
    if printable(path) != path:
        raise InputError("its path is not UTF-8: rename it")
    reader = _READERS[format_]
    try:
        file = InputFile(name, path, format_, False, 0) if reader.expand else _looked_into(path, name, format_)
        if not file.bytes and format_ != "parquet" and not reader.expand:
            return file
        contents = reader.inspect(file, spec)
    except InputError:
        raise
    except Exception as error:
        if not _is_of_file(error, path):
            raise
        raise InputError(f"cannot be read: {error}") from error
    if contents.columns is not None and (contents.columns or contents.units):
        check_columns(contents.columns, spec)
    return replace(file, units=contents.units, bytes=contents.bytes or file.bytes, digest=contents.digest)


def _is_of_file(error: Exception, path: str) -> bool:
    """Whether an error says that a file cannot be read. Clients of other file systems raise whatever they like."""
    return isinstance(error, OSError | EOFError | zlib.error) or local_path(path) is None


def _looked_into(path: str, name: str, format_: Format) -> InputFile:
    with open_bytes(path) as stored:
        head = stored.read(8)
        size = stored.seek(0, 2)
    file = InputFile(name, path, format_, is_gzip_name(path), size)
    if size or format_ == "parquet":
        _check_head(file, head)
    return file


def _check_head(file: InputFile, head: bytes) -> None:
    if file.gzipped != head.startswith(_GZIP):
        raise InputError("is called .gz but is not gzip data" if file.gzipped else "is gzip data: give its name a .gz")
    if file.format != "parquet" and head.startswith(_UTF16):
        raise InputError("is UTF-16 text: convert it with `iconv -f UTF-16 -t UTF-8`")


def _told(problems: dict[str, list[str]]) -> str:
    told = [f"{printable(_several(where))}: {what}".replace("\n", "\n    ") for what, where in problems.items()]
    more = [f"… and {len(told) - _PROBLEMS} more problems"] if len(told) > _PROBLEMS else []
    return "\n".join(told[:_PROBLEMS] + more)


def _several(paths: list[str]) -> str:
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(paths[:_NAMED]) + more

"""What a folder that the user names holds, where the recipe does not say it."""

import posixpath

from pipelines.sources.collections import datasets_folder, folder, img2dataset
from pipelines.sources.collections.folder_tree import below
from pipelines.sources.collections.sidecars import IMAGE_EXTENSIONS
from pipelines.sources.expand import format_of
from pipelines.sources.files import InputError, filesystem_of
from pipelines.sources.spec import Format, SourceSpec


def format_of_folder(text: str, spec: SourceSpec) -> Format | None:
    """``datasets`` or ``folder``; None where the suffixes of its files tell, or it is no folder.

    Raises an `InputError` that names the choices where a folder could be read in several ways.
    """
    filesystem, path = filesystem_of(text)
    if not filesystem.isdir(path):
        return None
    if datasets_folder.is_saved(filesystem, path):
        return "datasets"
    found = _examples(text)
    if "image" not in found and not {"table", "tar"} <= found.keys():
        return None
    if found.keys() <= {"image", "metadata"}:
        return "folder"
    if "table" in found and (spec.columns.image is not None or img2dataset.recognises(found["table"])):
        return None
    raise InputError(_choices(found))


def _examples(text: str) -> dict[str, str]:
    """A file of each kind that is there."""
    found: dict[str, str] = {}
    for where, names in below(text):
        for name in sorted(names):
            kind = _kind(name)
            if kind is not None:
                found.setdefault(kind, posixpath.join(where, name))
    if "image" not in found and "metadata" in found:
        found.setdefault("table", found.pop("metadata"))
    return found


def _kind(name: str) -> str | None:
    if name.rpartition(".")[2].lower() in IMAGE_EXTENSIONS:
        return "image"
    if name in folder.TABLES:
        return "metadata"
    format_ = None if name.startswith("_") else format_of(name)
    return None if format_ is None else "tar" if format_ == "webdataset" else "table"


def _choices(found: dict[str, str]) -> str:
    names = {kind: posixpath.basename(path) for kind, path in found.items()}
    suffix = posixpath.splitext(names.get("table", ""))[1]
    ways = {
        "tar": "for the tars alone, `--set source.format=webdataset`",
        "table": f"for the tables alone, name them: `--input 'FOLDER/*{suffix}'`",
        "image": "for the images and what lies beside them, `--set source.format=folder`",
    }
    several = " and ".join(f"{kind}s ({names[kind]})" for kind in ways if kind in found)
    told = [way for kind, way in ways.items() if kind in found]
    if "table" in found and "image" in found:
        told.append("where a column of the tables names the images, `--set source.columns.image=COLUMN`")
    return "\n".join([f"holds {several}: say what is meant", *told])

"""Where the images of a table lie: in files that it names, or in its own cells."""

import json
import posixpath
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.sources.collections.inside import leads_out
from pipelines.sources.rows import Cells, tell
from pipelines.sources.spec import SourceSpec
from schemas.tables import IMAGE_AT

Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def root_of(path: str, spec: SourceSpec) -> str:
    """The folder that names of images in the file at `path` start from: the recipe's `root`, else the file's own."""
    return spec.root or posixpath.dirname(path)


def in_files(cells: Cells, names: pa.StringArray, root: str) -> None:
    """Say in `cells` that images lie in files below `root`; an error where a name leads out of it."""
    cells.image_at = pa.array([_file(cells, row, name, root) for row, name in enumerate(names.to_pylist())], IMAGE_AT)


def in_cells(
    cells: Cells, held: Mask, names: Sequence[str | None], root: str, *, path: str, column: str, first_row: int
) -> None:
    """Say in `cells` that images lie in `column` of the table at `path` where they are `held`, else in files."""
    cells.image_at = pa.array(
        [
            {"path": path, "column": column, "start": first_row + row} if is_held else _file(cells, row, name, root)
            for row, (is_held, name) in enumerate(zip(held.tolist(), names, strict=True))
        ],
        IMAGE_AT,
    )


def image_features(schema: pa.Schema) -> list[str]:
    """The columns that `datasets` says to hold images, from the metadata it writes into tables."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return [name for name in schema.names if features[name].get("_type") == "Image"]
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return []


def _file(cells: Cells, row: int, name: str | None, root: str) -> dict[str, Any] | None:
    if not name:
        if row not in cells.errors and not cells.url[row].is_valid:
            cells.errors[row] = "no image is named"
        return None
    below = name.removeprefix(f"{root.rstrip('/')}/")
    fault = "is a URL: map its column with `source.columns.url`" if "://" in name[:10] else leads_out(below, root)
    if fault is None:
        return {"path": posixpath.join(root, below)}
    tell(cells.errors, row, f"{name} {fault}")
    return None

"""From the columns of a layer to counts: one function for each group of columns, all over whole Arrow tables.

`stayed` says of each row whether it came through to the end.
"""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.cards.catalogue import GRID
from jobs.cards.measured import Bools, Ints, Measured
from pipelines.captions import BACK, REPLACING


def images(measured: Measured, rows: pa.Table, stayed: Bools) -> None:
    """Shape, size, format and signals of the images that were pulled."""
    pulled = rows["width"].is_valid().to_numpy()
    rows, stayed = rows.filter(pa.array(pulled)), stayed[pulled]
    width, height = (rows[name].to_numpy().astype(np.int64) for name in ("width", "height"))
    shorter, longer = np.minimum(width, height), np.maximum(width, height)
    measured.add_values("shorter_side", shorter, stayed)
    measured.add_values("longer_side", longer, stayed)
    measured.add_values("aspect_ratio", longer / shorter, stayed)
    measured.add_values("area", width * height, stayed)
    _numbers(measured, "file_bytes", rows["n_bytes"], stayed)
    _numbers(measured, "sharpness", rows["sharpness"], stayed)
    _numbers(measured, "uniformity", rows["uniformity"], stayed)
    measured.add_keys("served_format", rows["served_format"])
    measured.add_keys("canonical", rows["canonical"])


def nsfw_scores(measured: Measured, rows: pa.Table, stayed: Bools) -> None:
    """What an image scorer found."""
    _numbers(measured, "nsfw_score", rows["nsfw_score"], stayed)


def similarities(measured: Measured, rows: pa.Table, stayed: Bools) -> None:
    """How well captions fit their images."""
    column = rows["clip_similarity"].combine_chunks()
    _numbers(measured, "clip_similarity", column.flatten(), stayed[_parents(column)])


def input_captions(measured: Measured, rows: pa.Table, stayed: Bools) -> None:
    """Captions as the sources give them."""
    column = rows["captions"].combine_chunks()
    lengths = pc.utf8_length(column.flatten().field("text"))
    _numbers(measured, "input_caption_characters", lengths, stayed[_parents(column)])


def captions(measured: Measured, rows: pa.Table) -> None:
    """Captions that count, of rows that came through."""
    column = rows["captions"].combine_chunks()
    entries = column.flatten()
    counting = pa.array(counting_entries(column))
    fields = {field.name: array for field, array in zip(entries.type, entries.flatten(), strict=True)}
    measured.add_values("caption_characters", pc.utf8_length(fields["text"]).filter(counting).drop_null().to_numpy())
    measured.add_keys("caption_language", fields["lang"].filter(counting))
    measured.add_keys("caption_role", fields["role"].filter(counting))


def counting_entries(captions: pa.ListArray) -> Bools:
    """Of all captions of all rows, those that count (`pipelines.captions`)."""
    entries = captions.flatten()
    fields = {field.name: array for field, array in zip(entries.type, entries.flatten(), strict=True)}
    row = _parents(captions)
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(captions.value_lengths().fill_null(0).to_numpy())])
    replacing = pc.is_in(fields["role"], pa.array(sorted(REPLACING))).to_numpy(zero_copy_only=False)
    replacing &= fields["of"].is_valid().to_numpy(zero_copy_only=False)
    counting: Bools = fields["refused"].is_null().to_numpy(zero_copy_only=False).copy()
    counting &= ~pc.equal(fields["role"], BACK).fill_null(False).to_numpy(zero_copy_only=False)
    counting[(first[row] + fields["of"].fill_null(0).to_numpy())[replacing]] = False
    return counting


def regions(measured: Measured, rows: pa.Table) -> None:
    """Boxes of rows that came through; equal ones of an image count once."""
    column = rows["regions"].combine_chunks()
    entries = column.flatten()
    fields = {field.name: array for field, array in zip(entries.type, entries.flatten(), strict=True)}
    scores = fields["score"].drop_null()
    measured.add_values("box_score", scores.to_numpy())
    measured.add_keys("region_source", fields["source"])
    known = fields["box"].is_valid().to_numpy(zero_copy_only=False)
    corners = fields["box"].drop_null().flatten().to_numpy().reshape(-1, 4).astype(np.float64)
    different = np.unique(np.column_stack([_parents(column)[known], corners]), axis=0)
    of_row = np.bincount(different[:, 0].astype(np.int64), minlength=len(rows))
    measured.add_values("boxes_per_image", of_row)
    measured.boxes = measured.boxes + np.array([(of_row >= 1).sum(), (of_row >= 2).sum(), of_row.sum()], np.int64)
    x1, y1, x2, y2 = different[:, 1:].T
    measured.add_values("box_area", (x2 - x1) * (y2 - y1))
    across, down = (
        np.clip(np.floor((low + high) / 2 * GRID), 0, GRID - 1).astype(np.int64) for low, high in ((x1, x2), (y1, y2))
    )
    measured.grid = measured.grid + np.bincount(down * GRID + across, minlength=GRID * GRID)


def ungrounded(measured: Measured, rows: pa.Table, stayed: Bools) -> None:
    """Phrases that no box was asked for, of rows that came through."""
    measured.add_keys(
        "ungrounded", rows["ungrounded"].filter(pa.array(stayed)).combine_chunks().flatten().field("reason")
    )


def lines(measured: Measured, rows: pa.Table, stayed: Bools) -> None:
    """Text read in images."""
    column = rows["lines"].combine_chunks()
    entries = column.flatten()
    fields = {field.name: array for field, array in zip(entries.type, entries.flatten(), strict=True)}
    counts = fields["dropped"].is_null().to_numpy(zero_copy_only=False)
    of_row = _parents(column)
    _numbers(measured, "line_score", fields["score"], stayed[of_row] & counts)
    measured.add_keys("line_script", fields["script"].filter(pa.array(counts)))
    measured.add_keys("line_dropped", fields["dropped"].filter(pa.array(~counts)))
    read = column.is_valid().to_numpy(zero_copy_only=False)
    per_image = np.bincount(of_row[counts], minlength=len(rows))
    measured.add_values("lines_per_image", per_image[read], stayed[read])
    _numbers(measured, "text_characters", pc.utf8_length(rows["text"]), stayed)


def translations(measured: Measured, rows: pa.Table, stayed: Bools) -> None:  # noqa: ARG001 — all that was asked counts
    """What was asked of a translating model, and what became of it."""
    entries = rows["translations"].combine_chunks().flatten()
    fields = {field.name: array for field, array in zip(entries.type, entries.flatten(), strict=True)}
    said = pc.binary_join_element_wise(fields["pass"], fields["to"], " to ", null_handling="skip")
    measured.add_keys(
        "translation_outcome", pc.binary_join_element_wise(said, fields["outcome"], ": ", null_handling="skip")
    )
    measured.add_keys("translation_checks", fields["checks"].flatten())
    measured.add_values("chrf", fields["chrf"].drop_null().to_numpy())
    asked = pa.table({"said": said, "requests": fields["requests"]}).group_by("said").aggregate([("requests", "sum")])
    measured.add_counts(
        "translation_requests", Counter({one["said"]: one["requests_sum"] or 0 for one in asked.to_pylist()})
    )
    names = ("tokens_in", "tokens_out")
    measured.add_counts("translation_tokens", Counter({name: pc.sum(fields[name]).as_py() or 0 for name in names}))


def samples(measured: Measured, rows: pa.Table) -> None:
    """Tokens of training samples: columns task, n_text_tokens and n_image_tokens of a shard."""
    for name, column, by_task in (
        ("text_tokens", "n_text_tokens", measured.text_tokens),
        ("image_tokens", "n_image_tokens", measured.image_tokens),
    ):
        counted = rows.filter(rows[column].is_valid())
        if len(counted):
            measured.add_values(name, counted[column].to_numpy())
            for group in counted.group_by(["task"]).aggregate([(column, "sum")]).to_pylist():
                by_task[group["task"]] += group[f"{column}_sum"]
    for group in rows.group_by(["task"]).aggregate([([], "count_all")]).to_pylist():
        measured.samples[group["task"]] += group["count_all"]


Measuring = Callable[[Measured, pa.Table, Bools], None]

OF_LAYERS: dict[str, tuple[tuple[str, ...], Measuring]] = {
    "width": (("width", "height", "n_bytes", "sharpness", "uniformity", "served_format", "canonical"), images),
    "nsfw_score": (("nsfw_score",), nsfw_scores),
    "clip_similarity": (("clip_similarity",), similarities),
    "ungrounded": (("ungrounded",), ungrounded),
    "lines": (("lines", "text"), lines),
    "translations": (("translations",), translations),
}
"""By a column that a hop's layer may have: what else is read of it, and what counts it."""


def _numbers(measured: Measured, name: str, column: pa.Array | pa.ChunkedArray, stayed: Bools) -> None:
    """Count numbers, nulls left out."""
    valid = column.is_valid().to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else _valid(column)
    measured.add_values(name, column.drop_null().to_numpy(), stayed[valid])


def _valid(column: pa.ChunkedArray) -> Bools:
    found: Bools = column.is_valid().to_numpy()
    return found


def _parents(lists: pa.ListArray) -> Ints:
    """The row of each entry of a list column."""
    found: Ints = np.asarray(pc.list_parent_indices(lists), np.int64)
    return found

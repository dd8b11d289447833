"""Tars of samples as WebDataset has them: files of one key beside one another, told apart by their extensions.

An image is read where it lies, by its range of bytes; nothing is unpacked. Every sample is a row: one without an image,
with more than one, with a file twice, with a pickle, or with anything that is no plain file inside the tar, is a row
with an error.
"""

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from pipelines.sources.collections.sidecars import IMAGE_EXTENSIONS, TEXT_EXTENSIONS, Described, batches
from pipelines.sources.collections.tar_index import Member, Sample, is_tar, members, samples
from pipelines.sources.files import InputError, InputFile, Unit, open_bytes
from pipelines.sources.spec import SourceSpec
from pipelines.sources.tables.columns import Contents

_PICKLES = frozenset({"pkl", "pickle", "pyd", "pth", "pt"})
"""Unpickling runs whatever code the file holds."""


def inspect(file: InputFile, spec: SourceSpec) -> Contents:  # noqa: ARG001 – as every format's
    """Whether it is a tar, and whether a sample is in it."""
    if file.gzipped:
        raise InputError("is a gzipped tar, of which no image can be read apart: unpack it once with `gunzip`")
    with open_bytes(file.path) as stored:
        if not is_tar(stored):
            raise InputError("is not a tar")
        units = (Unit(0),) if next(samples(members(stored)), None) is not None else ()
    return Contents(None, units)


def read(file: InputFile, spec: SourceSpec, unit: Unit) -> Iterator[pa.RecordBatch]:
    """A row for every sample, in the tar's order."""
    with open_bytes(file.path) as stored:
        described = (_described(sample, stored, file.path, spec) for sample in samples(members(stored)))
        yield from batches(described, spec, file.name, unit.first_row)


def _described(sample: Sample, stored: BinaryIO, path: str, spec: SourceSpec) -> Described:
    row = Described({"__key__": sample.key}, errors=list(sample.faults))
    for extension, member in sample.members.items():
        kind = extension.rpartition(".")[2]
        if kind in _PICKLES:
            row.errors.append(f"{member.name} is a pickle, which could run any code")
        elif extension in TEXT_EXTENSIONS:
            if member.length > row.room:
                row.refuse_length(member.name, member.length)
            else:
                stored.seek(member.start)
                row.take(member.name, extension, stored.read(member.length))
    image = _image(sample, spec.columns.image)
    if isinstance(image, Member):
        row.image_at = {"path": path, "start": image.start, "length": image.length}
    elif not sample.faults:  # which say why there is none
        row.errors.append(image)
    return row


def _image(sample: Sample, wanted: str | None) -> Member | str:
    """The sample's image, or why there is none."""
    if wanted is not None:
        return sample.members.get(wanted.lower(), f"no .{wanted} in the sample: it has {', '.join(sample.members)}")
    found = [one for one in sample.members if one.rpartition(".")[2] in IMAGE_EXTENSIONS]
    found = [one for one in found if "." not in one] or found
    if not found:
        return f"no image in the sample: it has {', '.join(sample.members)}"
    if len(found) > 1:
        return f"{len(found)} images in one sample: choose one with `--set source.columns.image={found[0]}`"
    return sample.members[found[0]]

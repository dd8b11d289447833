"""In which proportion tasks and languages stand among the samples: pure functions over counts and ids.

Every sample has a *priority*, a hash of its row, task, language and a seed. A cell of the mixture takes the samples of
lowest priority, as many as its weight asks for; so the choice is exact, needs no neighbour, and hardly changes when
rows are added or other tasks are weighed.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.chatml.pack_spec import MixtureSpec
from pipelines.mixing import mixed

TAKE_ALL = 2**64 - 1
"""The threshold that every priority is at or below."""

Priorities = npt.NDArray[np.uint64]


class Kind(NamedTuple):
    """What a sample is to the mixture."""

    task: str
    language: str
    """An ISO 639 code, or ``und``."""


class MixtureError(ValueError):
    """The mixture asks for samples that the set does not hold."""


def priorities(rows: npt.NDArray[np.int64], kind: Kind, seed: int) -> Priorities:
    """One 64-bit hash for each sample of `kind`, by its row; shape as `rows`, all different."""
    return mixed(rows.astype(np.uint64), f"{kind.task}/{kind.language}/{seed}")


def shares(available: Mapping[Kind, int], spec: MixtureSpec) -> dict[Kind, tuple[int, int]]:
    """How many of how many samples of each kind's cell are taken; kinds that are left out altogether are missing.

    A cell is a task and a language where both have weights, all of a task or all of a language where only they have;
    inside it, samples keep their natural proportions. Of all totals whose parts the cells can fill, the largest is
    taken. Raises MixtureError when a weight stands for nothing.
    """
    cell_of = {kind: _cell(kind, spec) for kind in available}
    sizes: dict[tuple[str, str], int] = {
        (task, language): 0 for task in spec.tasks or ("",) for language in spec.languages or ("",)
    }
    for kind, cell in cell_of.items():
        if cell in sizes:
            sizes[cell] += available[kind]
    for cell, size in sizes.items():
        if size == 0 and any(cell):
            raise MixtureError(
                f"the mixture gives a weight to {_said(cell)}, but there is no such sample: leave it out"
            )
    weights = {
        (task, language): spec.tasks.get(task, 1.0) * spec.languages.get(language, 1.0)  # type: ignore[call-overload]
        for task, language in sizes
    }
    total = min(sizes[cell] / weights[cell] for cell in sizes)
    taken = {cell: min(round(total * weights[cell]), sizes[cell]) for cell in sizes}
    for cell, count in taken.items():
        if count == 0 and sizes[cell]:
            raise MixtureError(f"the mixture's weight of {_said(cell)} comes to less than one sample: raise it")
    return {kind: (taken[cell], sizes[cell]) for kind, cell in cell_of.items() if cell in sizes}


def thresholds(
    priorities_of: Mapping[Kind, Sequence[Priorities]], shares_of: Mapping[Kind, tuple[int, int]], spec: MixtureSpec
) -> dict[Kind, int]:
    """The highest priority that is taken, for each kind of a split; −1 takes none.

    `shares_of` may be those of another split: then the same share of each cell is taken, rounded.
    """
    pooled: dict[tuple[str, str], list[Priorities]] = {}
    for kind, arrays in priorities_of.items():
        pooled.setdefault(_cell(kind, spec), []).extend(arrays)
    of_cell: dict[tuple[str, str], int] = {}
    for kind, (part, whole) in shares_of.items():
        cell = _cell(kind, spec)
        if cell not in of_cell and cell in pooled:
            of_cell[cell] = _lowest(np.concatenate(pooled[cell]), part, whole)
    return {kind: of_cell.get(_cell(kind, spec), -1) for kind in priorities_of}


def _lowest(values: Priorities, part: int, whole: int) -> int:
    """The priority up to which part/whole of `values` lie."""
    count = round(len(values) * part / whole)
    if count == 0:
        return -1
    return TAKE_ALL if count == len(values) else int(np.partition(values, count - 1)[count - 1])


def _said(cell: tuple[str, str]) -> str:
    return " in ".join(word for word in cell if word)


def _cell(kind: Kind, spec: MixtureSpec) -> tuple[str, str]:
    return (kind.task if spec.tasks else "", kind.language if spec.languages else "")

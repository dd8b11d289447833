"""Holding out a share of the rows, whole groups at a time."""

import numpy as np
import numpy.typing as npt

from pipelines.mixing import mixed

_LATE_TRIES = 64


def held_out(groups: npt.NDArray[np.uint64], share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Which rows are held out, given the name of each row's group; both of shape (rows,).

    Groups are taken in the order of a hash of their name and `seed`, as long as they fit, until round(share · rows) are
    held out. A group of more than half of that stays with the others, or one crowd of alike pictures would be the whole
    split. Where no group is so small, one of at most twice the target is taken; where there is none either, nothing is
    held out. It depends on the groups alone, not on the order of rows.
    """
    names, of_row, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    target = round(share * len(groups))
    order = np.argsort(mixed(names, f"held out/{seed}"))
    order = order[sizes[order] <= max(target / 2, 1)]
    taken = order[: np.searchsorted(np.cumsum(sizes[order]), target, side="right")]
    left, rest = target - int(sizes[taken].sum()), order[len(taken) :]
    for _ in range(_LATE_TRIES):  # the one that did not fit is passed over; a few more fill up
        fitting = np.flatnonzero(sizes[rest] <= left)
        if not len(fitting):
            break
        taken = np.append(taken, rest[fitting[0]])
        left, rest = left - int(sizes[rest[fitting[0]]]), rest[fitting[0] + 1 :]
    if share and not len(taken) and len(names) > 1:
        order = np.argsort(mixed(names, f"held out/{seed}"))
        taken = order[sizes[order] <= max(2 * target, 1)][:1]
    chosen = np.zeros(len(names), np.bool_)
    chosen[taken] = True
    return np.asarray(chosen[of_row], np.bool_)

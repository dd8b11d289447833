"""Images that one host sent again and again: most stand for others that are gone. In bounded memory."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.text import Text

from jobs.reports.frequent import Frequent, hosts_in
from jobs.running.state import RunState
from jobs.store.commit import read_layer
from pipelines.filters.placeholders import Placeholders
from pipelines.recipe import columns_of
from schemas.layout import row_id
from schemas.reasons import Outcome

LEAST_ROWS = 10
"""An image that came back so often from one host is a suspect."""

_SAMPLED_PARTS = 256
_SHOWN = 10
_NEEDED = frozenset({"final_url", *Placeholders.reads})


@dataclass(frozen=True, slots=True)
class Suspect:
    """An image, the host that sent it for at least so many `rows`, and the id of one of them."""

    host: str
    rows: int
    id: str
    sha256: str

    def facts(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def suspects(state: RunState, *, everywhere: bool = False) -> list[Suspect]:
    """The images that came back most often from one host, most often first; ten at most.

    Judged by up to 256 committed parts, evenly spread, which at random permutation is a sample; or by all.
    """
    seen = Frequent(["host", "sha256"])
    known = [stage.load() for stage in state.recipe.stages if isinstance(stage, Placeholders) and stage.is_readable]
    for rows in _kept(state, everywhere):
        for placeholders in known:
            rows = rows.filter(pc.is_null(placeholders.process(rows).verdicts.reason))
        table = pa.table({"host": hosts_in(rows["final_url"]), "sha256": rows["sha256"], "id": rows["id"]})
        seen.add(table.filter(pc.is_valid(table["host"])))
    return [
        Suspect(row["host"], row["rows"], row_id(row["id"]), row["sha256"].hex())
        for row in seen.most(_SHOWN)
        if row["rows"] >= LEAST_ROWS
    ]


def show(found: list[dict[str, Any]], console: Console) -> None:
    """Print `Suspect.facts` for people; nothing where there are none."""
    if not found:
        return
    console.print()
    console.print(
        Text("images that one host sent again and again; to refuse them, list their hashes in a `placeholders` stage:")
    )
    for suspect in found:
        said = f"{suspect['host']}: {suspect['rows']:,} rows, as {suspect['id']}\n    {suspect['sha256']}"
        console.print(Text(said), soft_wrap=True)  # a hash on two lines could not be copied


def _kept(state: RunState, everywhere: bool) -> Iterator[pa.Table]:
    hop = next((hop for hop in state.hops if set(columns_of(list(hop.stages)).names) >= _NEEDED), None)
    if hop is None:
        return
    parts = [part for part in state.plan.parts if part.number in state.manifests[hop.name]]
    if not everywhere and len(parts) > _SAMPLED_PARTS:
        parts = [parts[at] for at in np.linspace(0, len(parts) - 1, _SAMPLED_PARTS).astype(int).tolist()]
    for part in parts:
        path = hop.path(state.layout, part.number)
        if path.exists():  # a driver at work may have taken it back
            rows = read_layer(path, ["id", "outcome", "final_url", *Placeholders.reads])
            current = pc.invert(pc.is_in(rows["id"], pa.array(state.superseded(part), pa.int64())))
            yield rows.filter(pc.and_(pc.equal(rows["outcome"], Outcome.KEPT.value), current))

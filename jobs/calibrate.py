"""`calibrate`: which threshold a run's detector needs, by the boxes that came with its rows."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import compute as pc

from jobs.commands import answers, require_passed, saved
from jobs.running.hops import Hop, shard_reader
from jobs.running.part import live_rows
from jobs.running.state import RunState
from pipelines.chatml.regions import Region, regions_of
from pipelines.grounding.calibration import Judged, Point, judge, lowest, sweep
from pipelines.grounding.stage import Ground
from pipelines.recipe_text import RecipeError

_LINES = 12


@answers
def calibrate(folder: Path, precision: float, *, as_json: bool = False) -> int:
    """Print the lowest threshold at which so large a share of the boxes is right; 1 where there is none."""
    state = saved(folder)
    spec, hop = _grounding(state)
    detector = spec.detector.source
    judged: list[Judged] = []
    labelled = 0
    for regions in _rows(state, hop):
        truth = [region for region in regions if region.source != detector]
        judged += judge(truth, [region for region in regions if region.source == detector])
        labelled += len(truth)
    if not labelled:
        say = "no boxes came with its rows: take a labelled set, as Flickr30K Entities or a table in GRIT's layout"
        raise RecipeError(str(folder), [say])
    points = sweep(judged, labelled)
    chosen = lowest(points, precision)
    if as_json:
        ran_at = spec.detector.threshold
        facts: dict[str, Any] = {"detector": detector, "ran_at": ran_at, "labelled": labelled, "judged": len(judged)}
        facts |= {"chosen": chosen and chosen._asdict(), "sweep": [point._asdict() for point in _spread(points)]}
        sys.stdout.write(json.dumps(facts) + "\n")
    else:
        sys.stdout.write(f"{detector}: {len(judged):,} boxes of {labelled:,} labelled ones\n")
        sys.stdout.writelines(_line(point) for point in _spread(points))
        sys.stdout.write("chosen:\n" + _line(chosen) if chosen else f"no threshold has a precision of {precision:g}\n")
    return 0 if chosen else 1


def _grounding(state: RunState) -> tuple[Ground, Hop]:
    """The stage `ground` and the hop that holds it, which all parts have passed."""
    for hop in state.hops:
        for stage in hop.stages:
            if isinstance(stage, Ground):
                require_passed(state, hop)
                return stage, hop
    raise RecipeError(str(state.layout.root), ["its recipe has no stage `ground`"])


def _rows(state: RunState, hop: Hop) -> Iterator[Sequence[Region]]:
    """The regions of each row that the hop kept."""
    reader = shard_reader(state.hops[: hop.index + 1], state.recipe.pack, ("regions",))
    for part in state.plan.parts:
        rows = live_rows(state.layout, reader, part)
        rows = rows.filter(pc.invert(pc.is_in(rows["id"], pa.array(state.superseded(part), pa.int64()))))
        yield from regions_of(rows["regions"])


def _spread(points: Sequence[Point]) -> list[Point]:
    """Some of the thresholds, evenly over the number of boxes that they take."""
    most = points[0].boxes if points else 0
    wanted = [most * (_LINES - at) / _LINES for at in range(_LINES)]
    return list(dict.fromkeys(min(points, key=lambda point: abs(point.boxes - n)) for n in wanted)) if points else []


def _line(point: Point) -> str:
    return (
        f"  threshold {point.threshold:.4f}: precision {point.precision:.3f}, recall {point.recall:.3f}, "
        f"{point.boxes:,} boxes\n"
    )

"""What the driver knows of a run: the plan, the hops, and which parts are committed for good."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from jobs.running.hops import Hop, compile_hops, placed
from jobs.running.part import PartJob
from jobs.running.stopwatch import Stopwatch
from jobs.running.tally import HopTally
from jobs.store.commit import Commit
from jobs.store.driver import claim
from jobs.store.manifest import Manifest
from jobs.store.plan import Generations, Ids, Part, Plan
from pipelines.recipe import Recipe
from schemas.layout import RunLayout


@dataclass
class Control:
    """Between the driver and whoever watches it: signal handlers set `stop`, a display reads `note` at each `tick`."""

    stop: bool = False
    note: str = ""
    tick: Callable[[], None] = lambda: None


class RunState:
    """One run of a recipe over a plan; `known` as of `compile_hops`."""

    def __init__(
        self, layout: RunLayout, recipe: Recipe, plan: Plan, known: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.layout, self.recipe = layout, recipe
        self.hops = placed(compile_hops(recipe, known), layout)
        self.manifests = {hop.name: Manifest(layout, hop.name) for hop in self.hops}
        self.tally = {hop.name: HopTally() for hop in self.hops}
        self.plan = plan
        self.token = ""
        self.stopwatch = Stopwatch()
        self._generations = Generations(plan, layout)

    def claim(self) -> None:
        """Make this the driver whose workers may publish. The caller holds the lease."""
        self.token = claim(self.layout)

    def adopt(self, plan: Plan) -> None:
        """Go on with a plan that has grown; it is saved first."""
        plan.save(self.layout.plan_json)
        self.plan, self._generations = plan, Generations(plan, self.layout)

    def is_valid(self, hop: Hop, part: Part) -> bool:
        """Whether the part's commit is what the hop would compute now, and its file as it was committed."""
        commit, inputs = self.manifests[hop.name].get(part.number), self._inputs(hop, part)
        if commit is None or inputs is None or not commit.answers(hop.fingerprint, inputs):
            return False
        path = hop.path(self.layout, part.number)
        return path.exists() and path.stat().st_size == commit.bytes

    def outdated(self) -> tuple[Hop, int] | None:
        """The first hop with commits of other settings or another version of its stages, and how many it has."""
        for hop in self.hops:
            if found := sum(commit.fingerprint != hop.fingerprint for commit in self.manifests[hop.name]):
                return hop, found
        return None

    def count_valid(self) -> None:
        """Bring the tallies up to date with the valid commits, hop after hop, without changing anything."""
        alive = list(self.plan.parts)
        for hop in self.hops:
            tally = self.tally[hop.name] = HopTally(parts=len(self.plan.parts))
            alive = [part for part in alive if self.is_valid(hop, part)]
            for part in alive:
                tally.add(self.manifests[hop.name][part.number])

    def superseded(self, part: Part) -> Ids:
        """Ids of the part that a later generation has taken over."""
        return self._generations.superseded(part)

    def parts_with(self, first: int, end: int) -> list[Part]:
        """The parts that hold ids ``first ≤ id < end``, in any generation."""
        return self._generations.parts_with(first, end)

    def job(self, hop: Hop, part: Part) -> PartJob:
        """The job that commits a part; the layers it reads must be there."""
        self.stopwatch.ready(hop.name)
        inputs = self._inputs(hop, part)
        if inputs is None:
            raise ValueError(f"part {part.number} of {hop.name} lacks a layer it reads")
        return PartJob(self.layout.root, hop, part, inputs, self.token, self._generations.superseded(part))

    def record(self, hop: Hop, commit: Commit) -> None:
        """Take note of a fresh commit."""
        self.manifests[hop.name].record(commit)
        self.stopwatch.done(hop.name, commit.rows)
        self.tally[hop.name].add(commit)

    def take_back(self, hop: Hop, part: Part) -> None:
        """Mark a part for redoing. Nothing may be reading it."""
        hop.path(self.layout, part.number).unlink(missing_ok=True)  # first: a file in its place would be found again
        self.manifests[hop.name].forget(part.number)

    def _inputs(self, hop: Hop, part: Part) -> dict[str, str] | None:
        """Digests of the layer files that the hop reads of a part; None while one of them is missing."""
        commits = {layer: self.manifests[layer].get(part.number) for layer in hop.inputs}
        return {layer: c.digest for layer, c in commits.items() if c} if all(commits.values()) else None

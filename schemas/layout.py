"""Where a run keeps what. The only place that spells file names of a run."""

from dataclasses import dataclass
from pathlib import Path


def part_name(part: int) -> str:
    """File name of a part in every layer: ``part-000017.parquet``."""
    return f"part-{part:06d}.parquet"


def row_id(row: int) -> str:
    """A row's id as people and shards see it: zero-padded to twelve digits."""
    return f"{row:012d}"


def shard_name(index: int, count: int, split: str = "train") -> str:
    """File name of a training shard: ``train-00000-of-00003.parquet``."""
    return f"{split}-{index:05d}-of-{count:05d}.parquet"


@dataclass(frozen=True, slots=True)
class RunLayout:
    """The folders and files of one run under `root` (an absolute local path)."""

    root: Path

    @property
    def run_json(self) -> Path:
        """Key, versions and the resolved recipe of the latest run."""
        return self.root / "run.json"

    @property
    def plan_json(self) -> Path:
        """Pins the input and the part boundaries, and nothing else."""
        return self.root / "plan.json"

    @property
    def lease(self) -> Path:
        """Locked by the one driver that may write here."""
        return self.root / "driver.lock"

    @property
    def token(self) -> Path:
        """By which workers know whether their driver is still the one that writes here."""
        return self.root / "driver.token"

    @property
    def input(self) -> Path:
        return self.root / "input"

    def window(self, name: str) -> Path:
        """One file of input rows, a row group a part."""
        return self.input / name

    def layer(self, hop: str, *, set_rule: bool = False) -> Path:
        """What a hop committed, one file a part; set rules (verdicts and evidence) have a folder of their own."""
        return self.root / ("sets" if set_rule else "layers") / hop

    @property
    def manifest(self) -> Path:
        return self.root / "manifest"

    @property
    def llm_cache(self) -> Path:
        """Every answer of a language model, and the name in which the run pays for them."""
        return self.root / "llm_cache"

    @property
    def llm_report(self) -> Path:
        """What answers cost, and how long they took."""
        return self.report / "llm.json"

    @property
    def speed_report(self) -> Path:
        """How fast each hop went when something was last done."""
        return self.report / "speed.json"

    @property
    def report(self) -> Path:
        """Everything with a clock in it: heartbeat, log, speeds."""
        return self.root / "report"

    @property
    def heartbeat(self) -> Path:
        return self.report / "heartbeat.json"

    @property
    def log(self) -> Path:
        return self.report / "run.log"

    @property
    def sheets(self) -> Path:
        """Contact sheets."""
        return self.report / "sheets"

    @property
    def dataset(self) -> Path:
        """Ready for the Hub."""
        return self.root / "dataset"

    @property
    def shards(self) -> Path:
        return self.dataset / "data"

    @property
    def trainers(self) -> Path:
        """Files with which trainers load the data set."""
        return self.dataset / "trainers"

    @property
    def card(self) -> Path:
        return self.dataset / "README.md"

    @property
    def card_html(self) -> Path:
        """The card to be looked at."""
        return self.dataset / "card.html"

    @property
    def card_json(self) -> Path:
        """The card's facts."""
        return self.dataset / "card.json"

    @property
    def croissant(self) -> Path:
        """The data set's description in Croissant."""
        return self.dataset / "croissant.json"

    @property
    def reviews(self) -> Path:
        """What people said of samples of the stages' work, one file a stage."""
        return self.root / "reviews"

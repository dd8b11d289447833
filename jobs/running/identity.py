"""Which shardmill a process runs. It imports next to nothing: workers load it to be asked."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from jobs.running.trouble import WrongCodeError


@dataclass(frozen=True, slots=True)
class CodeIdentity:
    """Which shardmill a process runs."""

    version: str
    folder: str | None

    @staticmethod
    def here() -> "CodeIdentity":
        """Of this process."""
        return CodeIdentity(version("shardmill"), str(Path(__file__).resolve().parent.parent))

    def check(self) -> None:
        """Raise `WrongCodeError` unless this process runs the code described; a null folder is not compared."""
        mine = CodeIdentity.here()
        if mine.version != self.version or self.folder not in (None, mine.folder):
            raise WrongCodeError(
                f"a worker runs shardmill {mine.version} from {mine.folder}, the driver {self.version} from "
                f"{self.folder}; install the same version on every node"
            )

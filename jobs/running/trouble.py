"""What ends a run before its time. None of these is a verdict on a row."""

import shutil
from pathlib import Path


class StoppedError(Exception):
    """The run was asked to stop, and did, with work left."""

    def __init__(self) -> None:
        super().__init__("stopped with work left; the same command goes on from here")


class EndedError(Exception):
    """A stage found that it can answer for no row any more; the message says why. What is committed stays."""


class WaitingError(Exception):
    """Hops that this run leaves out (`--from`) have not finished; the message says which, and how many parts."""


class ClusterLostError(Exception):
    """Ray itself died under the run. What is committed stays."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; the same command goes on from here")


class WrongCodeError(Exception):
    """A worker cannot run the driver's code; the message names both."""


class PackError(Exception):
    """The rows cannot be packed as the recipe asks. What is committed stays; packing again with other settings may."""


class PartError(Exception):
    """Our own code, or the disk, failed on a part; the message names the part. The run stops."""


def disk_is_full(folder: Path, floor_gb: float) -> str | None:
    """What to say when less than `floor_gb` is free where `folder` lies; None when there is room."""
    free = shutil.disk_usage(folder).free / 1e9
    return f"paused: {free:.1f} GB free, below the floor of {floor_gb:g} GB" if free < floor_gb else None

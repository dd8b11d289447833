"""Which driver a run's workers work for.

A driver killed on a shared cluster may leave workers that go on for seconds. They must not publish over the work of
the driver that has taken over: every driver writes down a token of its own, its jobs carry it (in the names of
temporary files too), and a worker looks once more right before it publishes.
"""

import secrets

from jobs.store.files import write_atomically
from schemas.layout import RunLayout


class TakenOverError(Exception):
    """Another driver has taken the run over; what this worker made is dropped."""


def claim(layout: RunLayout) -> str:
    """Write down a fresh token for the driver that holds the lease."""
    token = secrets.token_hex(8)
    write_atomically(layout.token, token)
    return token


def check_driver(layout: RunLayout, token: str) -> None:
    """Raise `TakenOverError` unless the driver with this token still holds the run."""
    if not layout.token.exists() or layout.token.read_text("utf-8") != token:
        raise TakenOverError(f"{layout.root} is written by another driver now")

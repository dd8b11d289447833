"""The hostile server as a fixture."""

from collections.abc import Iterator

import pytest

from tests.pipelines.pull.hostile import Hostile


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    """A server of the test's own on loopback."""
    server = Hostile()
    yield server
    server.stop()

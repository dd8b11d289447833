"""Fixtures of more than one room."""

from collections.abc import Iterator

import pytest

from tests.support.web import Web


@pytest.fixture
def web() -> Iterator[Web]:
    """A loopback web of known truth."""
    with Web() as served:
        yield served

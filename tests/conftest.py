"""Fixtures of more than one room."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.chromium import PATH, Chromium
from tests.support.web import Web

settings.register_profile("unhurried", deadline=None)  # a busy machine is no error
settings.load_profile("unhurried")


@pytest.fixture
def web() -> Iterator[Web]:
    """A loopback web of known truth."""
    with Web() as served:
        yield served


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """A browser that opens pages and finds their faults; one for all tests."""
    if PATH is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    browser = Chromium()
    yield browser
    browser.close()

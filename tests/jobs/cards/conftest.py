from pathlib import Path

import pytest

from tests.support import carded


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that nobody changes."""
    return carded.run(tmp_path_factory.mktemp("carded"))

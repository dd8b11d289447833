from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.demo import web
from jobs.demo.web import Behaviour, Web, write_behaviours
from jobs.demo.world import World, build


@pytest.fixture(scope="session")
def served_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Web]]:
    """The demo's world as it ships, and the server it is served by. Requests change only the server's counts."""
    folder = tmp_path_factory.mktemp("world")
    port = web.free_port()
    world = build(folder, base_url=f"http://{web.HOST}:{port}", flaky=False)
    with web.start(folder, port) as server:
        yield world, server


@pytest.fixture(scope="session")
def world(served_world: tuple[World, Web]) -> World:
    return served_world[0]


class Folder:
    """A folder to be served."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._behaviours: dict[str, Behaviour] = {}
        (path / "www").mkdir()

    def put(self, path: str, body: bytes, **behaviour: object) -> None:
        (self.path / "www" / path.lstrip("/")).write_bytes(body)
        self.behave(path, **behaviour)

    def behave(self, path: str, **behaviour: object) -> None:
        self._behaviours[path] = Behaviour(**behaviour)  # type: ignore[arg-type]
        write_behaviours(self.path, self._behaviours)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)

from collections.abc import Iterator

import pytest

from jobs.demo import web
from jobs.demo.web import Web
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

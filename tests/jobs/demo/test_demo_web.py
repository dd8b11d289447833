"""The demo's server over real HTTP: each behaviour, and a life no longer than its parent's."""

import errno
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from jobs.demo import web
from jobs.demo.web import Behaviour, read_behaviours, write_behaviours

ROOT = Path(web.__file__).parents[2]


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


@contextmanager
def connection(server: web.Web) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection(web.HOST, server.port, timeout=10)) as opened:
        yield opened


def get(server: web.Web, path: str) -> tuple[http.client.HTTPResponse, bytes]:
    with connection(server) as client:
        client.request("GET", path)
        response = client.getresponse()
        return response, response.read()


class TestBehaviours:
    def test_a_file_comes_as_it_is_under_the_type_of_its_suffix(self, folder: Folder) -> None:
        folder.put("/a.webp", b"anything")
        with web.start(folder.path) as server:
            response, body = get(server, "/a.webp")
        assert (response.status, response.headers["Content-Type"], body) == (200, "image/webp", b"anything")
        assert response.headers["Content-Length"] == "8"

    def test_names_are_decoded_and_queries_left_aside(self, folder: Folder) -> None:
        folder.put("/café à la crème.png", b"coffee")
        with web.start(folder.path) as server:
            _, body = get(server, "/caf%C3%A9%20%C3%A0%20la%20cr%C3%A8me.png?w=640")
            assert server.counts() == {"/café à la crème.png": 1}
        assert body == b"coffee"

    def test_what_is_not_there_is_404(self, folder: Folder) -> None:
        with web.start(folder.path) as server:
            assert get(server, "/nothing.jpg")[0].status == 404

    def test_nothing_outside_the_folder_is_served(self, folder: Folder) -> None:
        (folder.path / "secret.jpg").write_bytes(b"secret")
        with web.start(folder.path) as server:
            assert get(server, "/%2e%2e/secret.jpg")[0].status == 404

    @pytest.mark.parametrize("status", [403, 410, 429, 500, 503])
    def test_a_status_comes_with_a_page_in_place_of_the_file(self, folder: Folder, status: int) -> None:
        folder.put("/a.jpg", b"the file", status=status)
        with web.start(folder.path) as server:
            response, body = get(server, "/a.jpg")
        assert response.status == status
        assert body.startswith(b"<!doctype html>")

    def test_a_redirect_names_its_target(self, folder: Folder) -> None:
        folder.behave("/a.jpg", status=302, location="http://169.254.169.254/")
        with web.start(folder.path) as server:
            response, _ = get(server, "/a.jpg")
        assert (response.status, response.headers["Location"]) == (302, "http://169.254.169.254/")

    def test_a_flaky_page_fails_first_and_then_never_again(self, folder: Folder) -> None:
        folder.put("/a.jpg", b"at last", fail_first=2)
        with web.start(folder.path) as server:
            assert [get(server, "/a.jpg")[0].status for _ in range(4)] == [503, 503, 200, 200]

    def test_a_chunked_body_declares_no_length(self, folder: Folder) -> None:
        folder.put("/a.jpg", bytes(range(256)) * 1000, chunked=True)
        with web.start(folder.path) as server:
            response, body = get(server, "/a.jpg")
        assert "Content-Length" not in response.headers
        assert body == bytes(range(256)) * 1000

    @pytest.mark.parametrize("chunked", [False, True])
    def test_a_huge_body_is_as_long_as_it_says_and_may_be_left(self, folder: Folder, chunked: bool) -> None:
        folder.behave("/huge.jpg", size=3_000_001, chunked=chunked)
        with web.start(folder.path) as server:
            with connection(server) as client:
                client.request("GET", "/huge.jpg")
                client.getresponse().read(1000)
            response, body = get(server, "/huge.jpg")
        assert len(body) == 3_000_001
        assert response.headers.get("Content-Length") == (None if chunked else "3000001")

    def test_a_body_that_is_cut_off_ends_before_its_length(self, folder: Folder) -> None:
        folder.put("/a.jpg", b"0123456789", cut_at=4)
        with web.start(folder.path) as server, pytest.raises(http.client.IncompleteRead) as caught:
            get(server, "/a.jpg")
        assert caught.value.partial == b"0123"

    def test_a_drip_keeps_its_pause_between_bytes(self, folder: Folder) -> None:
        folder.put("/a.jpg", b"1234", drip_s=0.05)
        with web.start(folder.path) as server:
            started = time.monotonic()
            _, body = get(server, "/a.jpg")
        assert body == b"1234"
        assert time.monotonic() - started >= 0.15

    def test_a_connection_serves_many_requests(self, folder: Folder) -> None:
        folder.put("/a.jpg", b"a")
        with web.start(folder.path) as server, connection(server) as client:
            local = set()
            for path in ("/a.jpg", "/gone.jpg", "/a.jpg"):
                client.request("GET", path)
                client.getresponse().read()
                local.add(client.sock.getsockname())
        assert len(local) == 1

    def test_requests_are_counted_by_path_but_not_those_for_the_counts(self, folder: Folder) -> None:
        folder.put("/a.jpg", b"a")
        with web.start(folder.path) as server:
            assert server.counts() == {}
            for path in ("/a.jpg", "/b.jpg", "/a.jpg"):
                get(server, path)
            assert server.counts() == {"/a.jpg": 2, "/b.jpg": 1}

    def test_behaviours_read_back_from_their_file(self, tmp_path: Path) -> None:
        behaviours = {"/a": Behaviour(status=410), "/b": Behaviour(size=5, chunked=True), "/c": Behaviour()}
        write_behaviours(tmp_path, behaviours)
        assert read_behaviours(tmp_path) == behaviours


class TestProcess:
    def test_listens_on_loopback_alone(self, folder: Folder) -> None:
        with web.start(folder.path) as server:
            listening = [c for c in psutil.Process(server.pid).net_connections() if c.status == psutil.CONN_LISTEN]
        assert [address.laddr for address in listening] == [(web.HOST, server.port)]

    def test_takes_the_port_it_is_given(self, folder: Folder) -> None:
        port = web.free_port()
        with web.start(folder.path, port) as server:
            assert (server.port, server.base_url) == (port, f"http://127.0.0.1:{port}")

    def test_can_take_the_same_port_again_at_once(self, folder: Folder) -> None:
        port = web.free_port()
        for _ in range(2):
            with web.start(folder.path, port) as server:
                assert get(server, "/x")[0].status == 404

    def test_a_taken_port_is_said_to_be_taken(self, folder: Folder) -> None:
        with socket.socket() as taken:
            taken.bind((web.HOST, 0))
            taken.listen()
            port = taken.getsockname()[1]
            with pytest.raises(OSError, match=f"127.0.0.1:{port}") as caught:
                web.start(folder.path, port)
        assert caught.value.errno == errno.EADDRINUSE

    def test_a_folder_without_a_site_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match="www"):
            web.start(tmp_path)

    def test_stops_when_told_and_may_be_told_twice(self, folder: Folder) -> None:
        server = web.start(folder.path)
        server.stop()
        server.stop()
        assert not psutil.pid_exists(server.pid)
        with pytest.raises(ConnectionRefusedError):
            get(server, "/x")

    def test_stops_while_a_page_still_drips(self, folder: Folder) -> None:
        folder.put("/a.jpg", b"1234", drip_s=60)
        with web.start(folder.path) as server, connection(server) as client:
            client.request("GET", "/a.jpg")
            client.getresponse()
            server.stop()
            assert not psutil.pid_exists(server.pid)

    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
    def test_ends_with_its_parent_whatever_ends_that(self, folder: Folder, how: signal.Signals) -> None:
        program = (
            "import sys, time; from pathlib import Path; from jobs.demo import web\n"
            "print(web.start(Path(sys.argv[1])).pid, flush=True); time.sleep(600)"
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", program, folder.path], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert parent.stdout is not None
        with parent.stdout as stdout:
            server = psutil.Process(int(stdout.readline()))
        parent.send_signal(how)
        parent.wait()
        server.wait(timeout=10)

    def test_is_not_in_reach_of_the_terminals_ctrl_c(self, folder: Folder) -> None:
        with web.start(folder.path) as server:
            assert os.getpgid(server.pid) != os.getpgid(0)

    def test_a_folder_named_jobs_where_the_user_stands_does_not_matter(
        self, folder: Folder, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = tmp_path_factory.mktemp("elsewhere")
        for name in ("jobs", "json", "http"):
            (here / name).mkdir()
            (here / name / "__init__.py").write_text(f"raise SystemExit('the wrong {name}')")
        monkeypatch.chdir(here)
        monkeypatch.setenv("PYTHONPATH", str(here))
        folder.put("/a.jpg", b"a")
        with web.start(folder.path) as server:
            assert get(server, "/a.jpg")[1] == b"a"

    def test_a_relative_folder_is_the_callers(self, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.put("/a.jpg", b"a")
        monkeypatch.chdir(folder.path.parent)
        with web.start(Path(folder.path.name)) as server:
            assert get(server, "/a.jpg")[1] == b"a"

    def test_runs_by_hand_until_it_is_interrupted(self, folder: Folder) -> None:
        command = [sys.executable, "-m", "jobs.demo.web", "--folder", folder.path]
        by_hand = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert by_hand.stdout is not None
        with by_hand.stdout as stdout:
            assert stdout.readline().startswith('{"port": ')
        by_hand.send_signal(signal.SIGINT)
        assert by_hand.wait(timeout=10) == 0

"""No redirect, name or proxy leads inwards: a trap beside the web is never connected to."""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.pipelines.pull.hostile import Hostile, NameServer, pull, pull_all
from tests.pipelines.pull.pictures import file, scene
from tests.pipelines.pull.test_addresses import PRIVATE

PICTURE = file(scene(), "JPEG")
ONLY_THE_WEB = ("127.0.0.1/32",)
INWARD = {kind: address for kind, address in PRIVATE.items() if not address.endswith("127.0.0.1")}
INWARD_V4 = {kind: address for kind, address in INWARD.items() if ":" not in address}
SPELLED = {
    "decimal": "2130706434",
    "octal": "0177.0.0.2",
    "octal, one number": "017700000002",
    "hexadecimal": "0x7f.0.0.2",
    "hexadecimal, one number": "0x7f000002",
    "short": "127.2",
    "with a dot at its end": "127.0.0.2.",
    "escaped": "127.0.0%2e2",
    "wide digits": "１２７.0.0.2",
    "mapped": "[::ffff:127.0.0.2]",
    "mapped, hexadecimal": "[::ffff:7f00:2]",
    "localhost, v6": "[0:0:0:0:0:0:0:1]",
}


class Trap:
    """Listens on an address that nobody may reach, at the port of the web, and counts who comes all the same."""

    def __init__(self, port: int) -> None:
        self.caught = 0
        self._listener = socket.create_server(("127.0.0.2", port))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.caught += 1
            connection.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def trap(hostile: Hostile) -> Iterator[Trap]:
    set_ = Trap(hostile.port)
    yield set_
    set_.close()
    assert set_.caught == 0


def through(hostile: Hostile, hops: int, end: str) -> str:
    """The URL from which so many redirects lead to `end`."""
    for _ in range(hops):
        end = hostile.page(status=302, headers={"Location": end})
    return end


@pytest.mark.parametrize("hops", [1, 3, 5])
@pytest.mark.parametrize("address", INWARD.values(), ids=INWARD.keys())
def test_redirects_to_every_kind_of_inward_address_are_refused(
    hostile: Hostile, trap: Trap, address: str, hops: int
) -> None:
    host = f"[{quote(address, safe=':')}]" if ":" in address else address
    row = pull(through(hostile, hops, f"http://{host}:{hostile.port}/"), allow=ONLY_THE_WEB)
    assert (row["reason"], row["status"], row["image"]) == ("blocked_address", 302, None)


@pytest.mark.parametrize("host", SPELLED.values(), ids=SPELLED.keys())
def test_redirects_to_an_inward_address_in_any_spelling_are_refused(hostile: Hostile, trap: Trap, host: str) -> None:
    row = pull(through(hostile, 2, f"http://{host}:{hostile.port}/"), allow=ONLY_THE_WEB)
    assert row["reason"] in ("blocked_address", "invalid_url")
    assert row["image"] is None


@pytest.mark.parametrize("address", INWARD_V4.values(), ids=INWARD_V4.keys())
def test_redirects_to_a_name_of_every_kind_of_inward_address_are_refused(
    hostile: Hostile, trap: Trap, address: str
) -> None:
    resolvers = hostile.names({"inner.example": [address]})
    row = pull(through(hostile, 2, f"http://inner.example:{hostile.port}/"), resolvers, allow=ONLY_THE_WEB)
    assert (row["reason"], row["status"]) == ("blocked_address", 302)


@pytest.mark.parametrize(
    "location", ["gopher://127.0.0.2/", "file:///etc/passwd", "unix:/run/x.sock", "ftp://a.example/"]
)
def test_redirects_to_other_schemes_are_refused(hostile: Hostile, trap: Trap, location: str) -> None:
    assert pull(through(hostile, 2, location), allow=ONLY_THE_WEB)["reason"] == "blocked_scheme"


class Rebinding(AbstractResolver):
    """Answers every question with the next of its addresses, the first again after the last."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = self._addresses[self.asked % len(self._addresses)]
        self.asked += 1
        kind = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing to close."""


def test_the_address_that_was_checked_is_the_one_connected_to(hostile: Hostile, trap: Trap) -> None:
    """The name is public when it is asked for first and inward ever after: who asks twice falls into the trap."""
    resolver = Rebinding("127.0.0.1", *["127.0.0.2"] * 1000)
    url = hostile.page(PICTURE).replace("127.0.0.1", "rebinding.example")
    assert pull(url, lambda: resolver, allow=ONLY_THE_WEB, robots=False)["reason"] is None
    assert resolver.asked == 1


def test_each_connection_is_held_to_what_its_own_lookup_said(hostile: Hostile, trap: Trap) -> None:
    resolver = Rebinding("127.0.0.1", "127.0.0.2")
    urls = [hostile.page(PICTURE).replace("127.0.0.1", f"n{number}.example") for number in range(20)]
    rows = pull_all(urls, lambda: resolver, allow=ONLY_THE_WEB, robots=False)
    assert sorted(str(row["reason"]) for row in rows) == ["None"] * 10 + ["blocked_address"] * 10
    assert resolver.asked == 20


def test_a_name_that_turns_inwards_between_two_hops_is_refused(hostile: Hostile, trap: Trap) -> None:
    """The connection of the first hop is closed by then, so the second is looked up anew."""
    resolver = Rebinding("127.0.0.1", "127.0.0.2")
    target = hostile.page(PICTURE).replace("127.0.0.1", "rebinding.example")
    start = hostile.page(status=302, headers={"Location": target, "Connection": "close"})
    row = pull(start.replace("127.0.0.1", "rebinding.example"), lambda: resolver, allow=ONLY_THE_WEB, robots=False)
    assert (row["reason"], row["status"]) == ("blocked_address", 302)


def test_the_name_of_robots_txt_is_held_to_the_same_rules(hostile: Hostile, trap: Trap) -> None:
    resolver = Rebinding("127.0.0.2", "127.0.0.1")
    url = hostile.page(PICTURE).replace("127.0.0.1", "rebinding.example")
    assert pull(url, lambda: resolver, allow=ONLY_THE_WEB)["reason"] == "blocked_address"


def test_a_name_server_that_never_answers_takes_no_longer_than_the_deadline(hostile: Hostile) -> None:
    silent = hostile.name_server(NameServer({"silent.example": []}, delay_s=60))
    row = pull("http://silent.example/", nameservers=(silent,), deadline_s=0.5, robots=False)
    assert row["reason"] == "timeout"
    assert row["seconds"] < 1.5


def test_a_handshake_that_never_ends_takes_no_longer_than_the_deadline(hostile: Hostile) -> None:
    async def silence(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    url = hostile.acting(silence).replace("http:", "https:")
    row = pull(url, deadline_s=0.5, robots=False)
    assert row["reason"] == "timeout"
    assert row["seconds"] < 1.5


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_in_the_environment_is_not_used(
    hostile: Hostile, trap: Trap, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, f"http://127.0.0.2:{hostile.port}")
    assert pull(hostile.page(PICTURE), allow=ONLY_THE_WEB)["reason"] is None


def test_a_recipe_may_ask_for_the_proxies_of_the_environment(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = hostile.page(PICTURE)
    monkeypatch.setenv("HTTP_PROXY", proxy.rpartition("/")[0])
    behind = f"http://elsewhere.example/{proxy.rpartition('/')[2]}"
    assert pull(behind, allow=ONLY_THE_WEB, proxies=True)["reason"] is None
    assert pull("http://10.0.0.1/", allow=ONLY_THE_WEB, proxies=True)["reason"] == "blocked_address"

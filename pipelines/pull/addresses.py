"""Which addresses may be connected to: the public internet, and what an allow-list of networks adds.

A check before the connection alone is worth nothing: a name may resolve differently a second later, a literal
address never meets the resolver, and a redirect names a new host. So the policy sits where nobody gets past it, in
the creation of the socket: the address checked is the one connected to. The resolver is filtered as well, so that a
host with public and private addresses is reached by its public ones.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from aiodns.error import ARES_EBADNAME, ARES_ENODATA, ARES_ENOTFOUND, DNSError
from aiohttp.abc import AbstractResolver, ResolveResult

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_BLOCKED_V4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "192.0.0.0/24",  # protocol assignments; Oracle's metadata service is one of them
            "192.88.99.0/24",  # 6to4 relays
            "168.63.129.16/32",  # Azure's platform service: a public address that is answered by the host itself
        ),
    )
)
_BLOCKED_V6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)\.?", re.IGNORECASE)

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]
"""As `socket.getaddrinfo` gives it: family, type, protocol, canonical name, socket address."""


class BlockedAddressError(OSError):
    """The host is, or resolves to, an address that may not be connected to."""


class HostNotFoundError(OSError):
    """The name does not exist."""


class BadHostNameError(OSError):
    """No name can look like this."""


def is_public(address: _Address) -> bool:
    """Whether an address is globally routable unicast.

    IPv6 addresses that wrap an IPv4 address (mapped, 6to4, NAT64) are judged by what they wrap.
    """
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = _wrapped(address)
        if wrapped is not None:
            return is_public(wrapped)
        return address in _PUBLIC_V6 and address.is_global and not any(address in net for net in _BLOCKED_V6)
    return address.is_global and not address.is_multicast and not any(address in net for net in _BLOCKED_V4)


def _wrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


_REMEMBERED = 4096
"""Addresses whose judgement, which never changes, is not worked out again: each connection asks three times."""


class AddressPolicy:
    """Public addresses, and those inside the networks of `allow`."""

    def __init__(self, allow: Iterable[str | Network] = ()) -> None:
        self._allow = tuple(map(ipaddress.ip_network, allow))
        self._judged = lru_cache(_REMEMBERED)(self._judge)

    def permits(self, address: str) -> bool:
        """Whether `address`, spelled as a socket takes it, may be connected to. What is not an address may not."""
        return self._judged(address)

    def _judge(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        judged: list[_Address] = [parsed]
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
            judged.append(parsed.ipv4_mapped)
        return is_public(parsed) or any(one in network for one in judged for network in self._allow)

    def check_literal(self, host: str) -> None:
        """Judge a host that is spelled in numbers; names pass, the resolver will see them.

        ``2130706433``, ``0x7f.1`` and ``0177.0.0.1`` are 127.0.0.1 to the C library.

        Raises `BlockedAddressError`: it stands for an address that is not permitted.
        Raises `BadHostNameError`: it is not a usual spelling of an address, or of none at all.
        """
        if ":" in host:
            if not self.permits(host):
                raise BlockedAddressError(f"{host} is not a public address")
            return
        if not _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]):
            return
        try:
            canonical = socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))
        except OSError as error:
            raise BadHostNameError(f"{host} is neither a name nor an address") from error
        if not self.permits(canonical):
            raise BlockedAddressError(f"{host} is not a public address")
        if canonical != host:
            raise BadHostNameError(f"{host} is not the usual spelling of {canonical}")

    def open_socket(self, info: AddressInfo) -> socket.socket:
        """A socket for one connection attempt: aiohttp's ``socket_factory``.

        Raises `BlockedAddressError`: the address is not permitted.
        """
        family, kind, protocol, _, address = info
        if not self.permits(address[0]):
            raise BlockedAddressError(f"{address[0]} is not a public address")
        return socket.socket(family, kind, protocol)


class PolicedResolver(AbstractResolver):
    """Hides the addresses that the policy does not permit, and tells a name that does not exist from a broken server.

    `make` builds the resolver that is asked, inside the event loop. What it remembers is judged anew each time.
    """

    def __init__(self, policy: AddressPolicy, make: Callable[[], AbstractResolver]) -> None:
        self._policy = policy
        self._inner = make()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            results = await self._inner.resolve(host, port, family)
        except OSError as error:
            raise _named(error, host) from error
        permitted = [result for result in results if self._policy.permits(result["host"])]
        if results and not permitted:
            raise BlockedAddressError(f"{host} resolves to {results[0]['host']}, which is not a public address")
        return permitted

    async def close(self) -> None:
        await self._inner.close()


def _named(error: OSError, host: str) -> OSError:
    """The resolver's error as one of ours; aiohttp keeps the cause's number one level down."""
    code = error.__cause__.args[0] if isinstance(error.__cause__, DNSError) else None
    if code in (ARES_ENOTFOUND, ARES_ENODATA):
        return HostNotFoundError(f"{host} does not exist")
    if code == ARES_EBADNAME:
        return BadHostNameError(f"{host} is not a host name")
    return OSError(f"{host}: {error.args[-1] if error.args else error}")

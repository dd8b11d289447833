"""Only the public internet is connected to, however an address is spelled or wrapped."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.pull.addresses import AddressPolicy, BadHostNameError, BlockedAddressError, is_public

PRIVATE = {
    "private": "10.1.2.3",
    "private, 12 bits": "172.31.255.255",
    "private, 16 bits": "192.168.0.1",
    "loopback": "127.0.0.1",
    "loopback, far end": "127.255.255.254",
    "link-local, cloud metadata": "169.254.169.254",
    "Alibaba's metadata, carrier-grade NAT": "100.100.100.200",
    "Azure's platform service": "168.63.129.16",
    "Oracle's metadata": "192.0.0.192",
    "multicast": "224.0.0.251",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "unspecified": "0.0.0.0",
    "this network": "0.1.2.3",
    "benchmarking": "198.18.0.1",
    "documentation": "203.0.113.7",
    "6to4 relay": "192.88.99.1",
    "v6 loopback": "::1",
    "v6 unspecified": "::",
    "v6 link-local": "fe80::1",
    "v6 link-local with zone": "fe80::1%eth0",
    "v6 unique local": "fd00:ec2::254",
    "v6 site-local": "fec0::1",
    "v6 multicast": "ff02::1",
    "v6 documentation": "2001:db8::1",
    "v6 documentation, new": "3fff::1",
    "Teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "v4-mapped": "::ffff:127.0.0.1",
    "v4-compatible": "::7f00:1",
    "6to4": "2002:7f00:1::",
    "NAT64": "64:ff9b::10.0.0.1",
    "NAT64, local": "64:ff9b:1::8.8.8.8",
}
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]


@pytest.mark.parametrize("address", PRIVATE.values(), ids=PRIVATE.keys())
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not AddressPolicy().permits(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_permitted(address: str) -> None:
    assert AddressPolicy().permits(address)


def test_an_allow_list_adds_its_networks_and_nothing_else() -> None:
    policy = AddressPolicy(["127.0.0.0/8", "fd00::/8"])
    assert policy.permits("127.0.0.1")
    assert policy.permits("::ffff:127.0.0.1")
    assert policy.permits("fd12::1")
    assert not policy.permits("10.0.0.1")
    assert not policy.permits("::1")


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_never_makes_it_public(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    mapped = ipaddress.IPv6Address(0xFFFF << 32 | number)
    six_to_four = ipaddress.IPv6Address(0x2002 << 112 | number << 80)
    nat64 = ipaddress.IPv6Address(0x64FF9B << 96 | number)
    assert {is_public(mapped), is_public(six_to_four), is_public(nat64)} == {is_public(address)}


@given(st.ip_addresses())
def test_public_means_global_unicast(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if is_public(address):
        assert not (address.is_private or address.is_loopback or address.is_link_local)
        assert not (address.is_multicast or address.is_unspecified)


@given(st.text(max_size=20))
def test_what_is_not_an_address_is_not_permitted(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        assert not AddressPolicy(["0.0.0.0/0", "::/0"]).permits(text)


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.1", "017700000001", "127.0.0.1.", "0"],
)
def test_numbers_that_stand_for_loopback_are_refused(host: str) -> None:
    with pytest.raises(BlockedAddressError):
        AddressPolicy().check_literal(host)


@pytest.mark.parametrize("host", ["134744072", "0x08080808", "010.8.8.8", "8.8.2056", "256.1.1.1", "1.2.3.4.5", "0x"])
def test_unusual_spellings_of_public_addresses_are_no_addresses(host: str) -> None:
    with pytest.raises(BadHostNameError):
        AddressPolicy().check_literal(host)


@pytest.mark.parametrize("host", ["example.org", "1.example", "0x7f.1.example", "8.8.8.8", "2606:4700::1111", "a.b.c1"])
def test_names_and_plain_addresses_pass(host: str) -> None:
    AddressPolicy().check_literal(host)


@given(st.ip_addresses(v=4), st.sampled_from(["{0}", "0x{0:x}", "0{0:o}"]))
def test_one_number_is_judged_as_the_c_library_reads_it(address: ipaddress.IPv4Address, spelling: str) -> None:
    expected = BadHostNameError if is_public(address) else BlockedAddressError
    with pytest.raises(expected):
        AddressPolicy().check_literal(spelling.format(int(address)))


def test_a_socket_is_only_made_for_a_permitted_address() -> None:
    policy = AddressPolicy(["127.0.0.0/8"])
    policy.open_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80))).close()
    with pytest.raises(BlockedAddressError):
        policy.open_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("192.168.1.1", 80)))

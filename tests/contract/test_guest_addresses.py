"""A guest's addresses, from libvirt's test driver (which makes some up), and what is left of hostile ones."""

from __future__ import annotations

import ipaddress

import pytest

from backends.errors import FerryError
from backends.hypervisor.addresses import (
    AddressSource,
    link_local,
    read_addresses,
    read_link_local,
    usable,
)
from backends.hypervisor.connection import Connection
from backends.probes import way_here
from backends.remote.links import link_with

ANY = "0.0.0.0"  # noqa: S104 - to be left out


async def test_addresses_that_libvirt_tells_are_ready_for_use() -> None:
    connection = await Connection.open("test:///default", host="here")
    try:
        uuid = await connection.call("find", lambda conn: conn.lookupByName("test").UUIDString())
        for source in AddressSource:
            addresses = await read_addresses(connection, uuid, source)
            assert addresses, source
            for address in addresses:
                assert str(ipaddress.ip_address(address)) == address
    finally:
        connection.close()


async def test_a_guest_that_is_not_there_is_an_error() -> None:
    connection = await Connection.open("test:///default", host="here")
    try:
        with pytest.raises(FerryError):
            await read_addresses(connection, "00000000-0000-4000-8000-000000000000", AddressSource.LEASE)
    finally:
        connection.close()


def test_only_addresses_that_can_be_reached_from_elsewhere_are_used() -> None:
    told = [
        *(
            "127.0.0.1",
            "::1",
            "169.254.1.1",
            "fe80::5054:ff:fe77:1",
            "fe80::1%eth0",
            "224.0.0.251",
            "ff02::1",
        ),
        *(ANY, "::", "255.255.255.255", "", "nonsense", "\x1b[2J", "10.0.0.1/24"),
        *("fd00::7", "10.77.0.101", "2001:db8:0::1", "10.77.0.101", "192.0.2.4"),
    ]
    assert usable(told) == ("10.77.0.101", "192.0.2.4", "fd00::7", "2001:db8::1")


async def test_a_guest_is_looked_for_where_its_hardware_address_puts_it() -> None:
    connection = await Connection.open("test:///default", host="here")
    try:
        uuid = await connection.call("find", lambda conn: conn.lookupByName("test").UUIDString())
        addresses = await read_link_local(connection, uuid)
        assert addresses
        assert all(ipaddress.ip_address(address).is_link_local for address in addresses)
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("hardware", "address"),
    [
        ("52:54:00:77:00:01", "fe80::5054:ff:fe77:1"),
        ("00:00:5E:10:20:30", "fe80::200:5eff:fe10:2030"),
        ("", ""),
        ("52:54:00:77:00", ""),
        ("52:54:00:77:00:01:", ""),
        ("zz:54:00:77:00:01", ""),
    ],
)
def test_a_hardware_address_gives_one_on_its_own_network(hardware: str, address: str) -> None:
    assert link_local(hardware) == address


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("10.77.0.254 51642 10.77.0.1 22\n", "10.77.0.254"),
        ("fe80::1%br0 51642 fe80::2%br0 22\n", "fe80::1"),
        ("", ""),
        ("\x1b[2J 1 2 3", ""),
    ],
)
def test_a_host_tells_from_where_we_have_come(told: str, address: str) -> None:
    assert way_here.parse(told) == address


def test_an_address_of_this_machine_is_on_one_of_its_networks() -> None:
    assert link_with("127.0.0.1")
    assert link_with("192.0.2.255") == ""

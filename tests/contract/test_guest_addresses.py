"""A guest's addresses, from libvirt's test driver (which makes some up), and what is left of hostile ones."""

from __future__ import annotations

import ipaddress

import pytest

from backends.errors import FerryError
from backends.hypervisor.addresses import AddressSource, read_addresses, usable
from backends.hypervisor.connection import Connection

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

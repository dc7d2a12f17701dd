"""The addresses of a running guest, as its host or the guest itself knows them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

import libvirt

from backends.hypervisor.connection import Connection
from backends.hypervisor.xml import parse

ADDRESSES_DEADLINE_S = 3.0
"""An agent that does not answer keeps libvirt waiting longer than that (5 s): then it has no addresses for us."""


class AddressSource(Enum):
    """Who is asked (libvirt-domain.html#virDomainInterfaceAddressesSource), the quickest and most trusted first."""

    LEASE = libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE
    """The DHCP server of libvirt's own networks."""
    ARP = libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP
    """The host's neighbours: complete only where the host itself has spoken with the guest."""
    AGENT = libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT
    """The guest's own word, through its agent: it may say what it likes."""


async def read_addresses(connection: Connection, uuid: str, source: AddressSource) -> tuple[str, ...]:
    """Addresses at which the guest may be reached from elsewhere, each once, IPv4 first; often none.

    Loopback, link-local and multicast addresses and what is no address are left out. Raises FerryError, also where the
    driver or the guest has no such source.
    """

    def work(conn: Any) -> tuple[str, ...]:
        return usable(_told(conn.lookupByUUIDString(uuid).interfaceAddresses(source.value)))

    return await connection.call_aside("read the guest's addresses", work, deadline_s=ADDRESSES_DEADLINE_S)


async def read_link_local(connection: Connection, uuid: str) -> tuple[str, ...]:
    """The address that each interface of a running guest gives itself for its own network. Raises FerryError.

    So do Linux and BSD unless they are told to keep the hardware address to themselves; libvirt knows no better.
    """

    def work(conn: Any) -> tuple[str, ...]:
        definition = parse(conn.lookupByUUIDString(uuid).XMLDesc(0))
        hardware = (mac.get("address", "") for mac in definition.iterfind("devices/interface/mac"))
        return tuple(filter(None, map(link_local, hardware)))

    return await connection.call_aside("read the guest's interfaces", work, deadline_s=ADDRESSES_DEADLINE_S)


def link_local(hardware: str) -> str:
    """The IPv6 address that comes from this hardware address (RFC 4291, appendix A); empty for what is none."""
    octets = re.fullmatch(r"([0-9a-f]{2}):" * 5 + "([0-9a-f]{2})", hardware, re.IGNORECASE)
    if octets is None:
        return ""
    first, *rest = (int(octet, 16) for octet in octets.groups())
    identifier = bytes([first ^ 0x02, *rest[:2], 0xFF, 0xFE, *rest[2:]])
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + identifier))


def _told(interfaces: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Out of libvirt's answer, which has None for an interface without addresses."""
    for interface in interfaces.values():
        for address in interface.get("addrs") or ():
            yield str(address.get("addr", ""))


def usable(addresses: Iterable[str]) -> tuple[str, ...]:
    """Of these texts, the addresses of one machine that routers carry: in their usual form, each once, IPv4 first."""
    found = {}
    for text in addresses:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        if not (
            address.is_loopback
            or address.is_link_local
            or address.is_multicast
            or address.is_unspecified
            or address.is_reserved
        ):
            found[str(address)] = address.version
    return tuple(sorted(found, key=lambda address: found[address]))

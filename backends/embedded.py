"""libvirt's in-process test driver as hosts, for trying the program where no real host is (drvtest.html)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from lxml import etree
from lxml.builder import E

from backends.model.host import HostName, HostSpec, Reach

_MIB_IN_KIB = 1024
_ROLES = ("web", "db", "build", "mail", "cache", "batch", "proxy", "queue")


@asynccontextmanager
async def embedded_specs(hosts: int, guests: int) -> AsyncIterator[tuple[HostSpec, ...]]:
    """`hosts` test hosts with `guests` running guests each. They last as long as the block."""
    folder = Path(tempfile.mkdtemp(prefix="virt-ferry-embedded-"))
    try:
        yield tuple(_host(folder, number, guests) for number in range(1, hosts + 1))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _host(folder: Path, number: int, guests: int) -> HostSpec:
    file = folder / f"test-{number}.xml"
    file.write_bytes(etree.tostring(node_xml(number, guests)))
    return HostSpec(HostName(f"test-{number}"), Reach.URI, f"test://{file}")


def node_xml(number: int, guests: int) -> etree._Element:
    """A whole host in the test driver's form: processors, memory, one network, the guests."""
    return E.node(
        *(_guest(number, index) for index in range(guests)),
        E.network(
            E.name("default"),
            E.forward(mode="nat"),
            E.bridge(name="virbr0"),
            E.ip(address="192.168.122.1", netmask="255.255.255.0"),
        ),
        E.cpu(
            E.nodes("1"),
            E.sockets("1"),
            E.cores("8"),
            E.threads("2"),
            E.active("16"),
            E.mhz("2400"),
            E.model("i686"),
        ),
        E.memory(str(64 * _MIB_IN_KIB * _MIB_IN_KIB)),
    )


def _guest(host: int, index: int) -> etree._Element:
    name = f"{_ROLES[index % len(_ROLES)]}-{host}{index:02d}"
    return E.domain(
        E.name(name),
        E.uuid(f"{host:08x}-0000-4000-8000-{index:012x}"),
        E.memory(str((512 << index % 4) * _MIB_IN_KIB)),
        E.vcpu(str(1 + index % 4)),
        E.os(E.type("hvm")),
        E.devices(
            E.disk(
                E.source(file=f"/guest/images/{name}.img"),
                E.target(dev="vda", bus="virtio"),
                type="file",
                device="disk",
            ),
            E.interface(
                E.mac(address=f"52:54:00:{host & 255:02x}:{index >> 8 & 255:02x}:{index & 255:02x}"),
                E.source(network="default"),
                type="network",
            ),
        ),
        type="test",
    )

"""libvirt's in-process test driver as hosts, for trying the program where no real host is (drvtest.html)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

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
    file.write_text(node_xml(number, guests))
    return HostSpec(HostName(f"test-{number}"), Reach.URI, f"test://{file}")


def node_xml(number: int, guests: int) -> str:
    """A whole host in the test driver's form: the guests, one network, processors, memory."""
    return f"""<node>
{"".join(_guest_xml(number, index) for index in range(guests))}
<network>
  <name>default</name><forward mode='nat'/><bridge name='virbr0'/>
  <ip address='192.168.122.1' netmask='255.255.255.0'/>
</network>
<cpu>
  <nodes>1</nodes><sockets>1</sockets><cores>8</cores><threads>2</threads>
  <active>16</active><mhz>2400</mhz><model>i686</model>
</cpu>
<memory>{64 * _MIB_IN_KIB * _MIB_IN_KIB}</memory>
</node>"""


def _guest_xml(host: int, index: int) -> str:
    name = f"{_ROLES[index % len(_ROLES)]}-{host}{index:02d}"
    return f"""
<domain type='test'>
  <name>{name}</name><uuid>{host:08x}-0000-4000-8000-{index:012x}</uuid>
  <memory>{(512 << index % 4) * _MIB_IN_KIB}</memory><vcpu>{1 + index % 4}</vcpu>
  <os><type>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <source file='/guest/images/{name}.img'/><target dev='vda' bus='virtio'/>
    </disk>
    <interface type='network'>
      <mac address='52:54:00:{host & 255:02x}:{index >> 8 & 255:02x}:{index & 255:02x}'/>
      <source network='default'/>
    </interface>
  </devices>
</domain>"""

"""Fibre Channel ports of a host and those that it sees, and the disks behind them.

From sysfs (the kernel's scsi_transport_fc.c, Documentation/scsi/scsi_fc_transport.rst). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from backends.model.storage import Access, Health, StorageKind, Way, WayKind
from backends.probes.storage import attributes, block, wwid
from backends.probes.storage.block import Device, Devices
from backends.probes.storage.seen import Seen
from backends.probes.survey.readings import Readings
from backends.untrusted import clean

FC_HOSTS, FC_PORTS = "/sys/class/fc_host", "/sys/class/fc_remote_ports"


@dataclass(frozen=True, slots=True)
class Port:
    """One of this host's Fibre Channel ports, or one that it sees. Texts are safe to show."""

    name: str
    """The kernel's: `host1`, `rport-1:0-2`."""
    wwpn: str
    """`0x50060160c4603569`."""
    state: str
    """`Online`, `Linkdown`, `Blocked`, `Marginal`, ... ."""
    speed: str = ""
    roles: str = ""


def read_hosts(readings: Readings) -> tuple[Port, ...]:
    """This host's own Fibre Channel ports. Pure."""
    return tuple(
        Port(clean(name), *(_word(files, key) for key in ("port_name", "port_state", "speed")))
        for name, files in attributes.parse(readings.text(FC_HOSTS)).items()
    )


def read_ports(readings: Readings) -> Mapping[str, Port]:
    """Those that it sees, by the kernel's names. Pure."""
    ports = attributes.parse(readings.text(FC_PORTS)).items()
    return {
        name: Port(
            clean(name), _word(files, "port_name"), _word(files, "port_state"), roles=_word(files, "roles")
        )
        for name, files in ports
    }


def seen(ports: Mapping[str, Port], devices: Devices) -> tuple[Seen, ...]:
    """The disks behind Fibre Channel, once for each path.

    Known by their WWID alone: the same port shows each host other disks under the same LUN.
    """
    found = ((device, ports.get(device.remote_port)) for device in _behind_ports(devices))
    return tuple(_seen(device, port) for device, port in found)


def _behind_ports(devices: Devices) -> Iterable[Device]:
    return (each for each in devices.by_name.values() if each.remote_port and not each.parent)


def _seen(device: Device, port: Port | None) -> Seen:
    target = port.wwpn if port else ""
    reached = f"{target} LUN {device.lun}" if target and device.lun is not None else device.path
    names = block.aliases(device)
    health, detail = block.health(device.state), ""
    if port and port.state not in ("Online", ""):
        health = Health.DEGRADED if port.state in ("Blocked", "Marginal") else Health.BROKEN
        detail = f"the port {target} is {port.state}"
    is_named = wwid.is_unique(device.wwid)
    return Seen(
        kind=StorageKind.FIBRE_CHANNEL,
        key=device.wwid if is_named else device.path,
        label=device.wwid if is_named else reached,
        aliases=names,
        way=Way(WayKind.DEVICE, f"{device.path} through {target}" if target else device.path, device.path),
        access=block.access(device) if device.size_bytes else Access.UNKNOWN,
        health=health,
        detail=detail,
        capacity_bytes=device.size_bytes,
        is_own=not names,
    )


def _word(files: Mapping[str, str], name: str) -> str:
    return clean(files.get(name, ""))

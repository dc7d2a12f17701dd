"""What a guest's definition says (formatdomain.html): disks, cards, machine type. Pure: text in, model out."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from backends.hypervisor.xml import parse, serialize
from backends.model.guest import Disk, DiskKind, Nic
from backends.untrusted import clean, clean_multiline

_SECRETS = ("passwd", "passwdValidTo")


@dataclass(frozen=True, slots=True)
class Definition:
    """The parts of a definition that the program shows and checks."""

    kind: str
    machine: str
    disks: tuple[Disk, ...]
    nics: tuple[Nic, ...]


def read_definition(xml: str) -> Definition:
    """Take a definition apart. Raises ActionError for what is no XML."""
    root = parse(xml)
    machine = root.find("os/type")
    return Definition(
        kind=clean(root.get("type", "")),
        machine=clean(machine.get("machine", "") if machine is not None else ""),
        disks=tuple(_disk(element) for element in root.iterfind("devices/disk")),
        nics=tuple(_nic(element) for element in root.iterfind("devices/interface")),
    )


def without_secrets(xml: str) -> str:
    """The definition as a user may see it: indented, graphics passwords removed, safe to show."""
    root = parse(xml)
    for element in root.iter("graphics", "secret"):
        for name in _SECRETS:
            element.attrib.pop(name, "")
    return clean_multiline(serialize(root))


def _disk(element: etree._Element) -> Disk:
    source, target, driver = element.find("source"), element.find("target"), element.find("driver")
    kind, where = _source(element.get("type", ""), source)
    return Disk(
        target=clean(_attribute(target, "dev")),
        kind=kind,
        source=clean(where, limit=1024),
        device=clean(element.get("device", "disk")),
        format=clean(_attribute(driver, "type") or "raw"),
        read_only=element.find("readonly") is not None,
        shareable=element.find("shareable") is not None,
        cache=clean(_attribute(driver, "cache")),
    )


def _source(kind: str, source: etree._Element | None) -> tuple[DiskKind, str]:
    if kind == "file":
        return DiskKind.FILE, _attribute(source, "file")
    if kind == "block":
        return DiskKind.BLOCK, _attribute(source, "dev")
    if kind == "volume":
        return DiskKind.VOLUME, "/".join(
            filter(None, (_attribute(source, "pool"), _attribute(source, "volume")))
        )
    if kind == "network" and source is not None:
        host = source.find("host")
        at = ":".join(filter(None, (_attribute(host, "name"), _attribute(host, "port"))))
        return DiskKind.NETWORK, f"{source.get('protocol', '')}:{source.get('name', '')}" + (
            f"@{at}" if at else ""
        )
    return DiskKind.OTHER, kind


def _nic(element: etree._Element) -> Nic:
    source = element.find("source")
    where = next(
        (v for k in ("bridge", "network", "dev") if (v := _attribute(source, k))), element.get("type", "")
    )
    return Nic(
        mac=clean(_attribute(element.find("mac"), "address")),
        source=clean(where),
        model=clean(_attribute(element.find("model"), "type")),
    )


def _attribute(element: etree._Element | None, name: str) -> str:
    return "" if element is None else element.get(name, "")

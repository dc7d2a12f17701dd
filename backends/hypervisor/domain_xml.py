"""What a guest's definition says (formatdomain.html): disks, cards, machine type. Pure: text in, model out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from lxml import etree

from backends.hypervisor.xml import parse, serialize
from backends.model.guest import Disk, DiskKind, Layer, Nic
from backends.untrusted import clean, clean_multiline

_SECRETS = ("passwd", "passwdValidTo")


@dataclass(frozen=True, slots=True)
class Definition:
    """The parts of a definition that the program shows and checks."""

    kind: str
    machine: str
    disks: tuple[Disk, ...]
    nics: tuple[Nic, ...]
    console_logs: tuple[str, ...] = ()


def read_definition(xml: str) -> Definition:
    """Take a definition apart. Raises ActionError for what is no XML."""
    root = parse(xml)
    machine = root.find("os/type")
    return Definition(
        kind=clean(root.get("type", "")),
        machine=clean(machine.get("machine", "") if machine is not None else ""),
        disks=tuple(_disk(element) for element in root.iterfind("devices/disk")),
        nics=tuple(_nic(element) for element in root.iterfind("devices/interface")),
        console_logs=tuple(dict.fromkeys(_console_logs(root))),
    )


def _console_logs(root: etree._Element) -> Iterator[str]:
    """Where consoles are written to: `<log file=...>`, or `<source path=...>` of one that is a file."""
    for device in root.iterfind("devices/*"):
        if device.tag not in ("serial", "console"):
            continue
        if path := _attribute(device.find("log"), "file"):
            yield path
        if device.get("type") == "file" and (path := _attribute(device.find("source"), "path")):
            yield path


def without_secrets(xml: str) -> str:
    """The definition as a user may see it: indented, graphics passwords removed, safe to show."""
    root = parse(xml)
    for element in root.iter("graphics", "secret"):
        for name in _SECRETS:
            element.attrib.pop(name, "")
    return clean_multiline(serialize(root))


def _disk(element: etree._Element) -> Disk:
    source, target, driver = element.find("source"), element.find("target"), element.find("driver")
    image = _layer(element.get("type", ""), source)
    kind_of_image = clean(_attribute(driver, "type") or "raw")
    return Disk(
        target=clean(_attribute(target, "dev")),
        kind=image.kind,
        source=image.source,
        device=clean(element.get("device", "disk")),
        format=kind_of_image,
        read_only=element.find("readonly") is not None,
        shareable=element.find("shareable") is not None,
        cache=clean(_attribute(driver, "cache")),
        path=image.path,
        local_service=image.local_service,
        layers=tuple(_layers(element)),
        chain_known=kind_of_image == "raw" or not image.source or _is_chain_ended(element),
    )


def _layers(disk: etree._Element) -> Iterator[Layer]:
    """Images in which others have their content (formatdomain.html: backingStore, dataStore); each nests the next."""
    for element in disk.iter("backingStore", "dataStore"):
        if kind := element.get("type"):
            yield _layer(kind, element.find("source"))


def _is_chain_ended(disk: etree._Element) -> bool:
    """A chain that libvirt has looked through ends in an empty `<backingStore/>`."""
    return any(element.get("type") is None for element in disk.iter("backingStore"))


def _layer(kind: str, source: etree._Element | None) -> Layer:
    match kind:
        case "file":
            path = _attribute(source, "file")
            return Layer(DiskKind.FILE, _shown(path), path)
        case "block":
            path = _attribute(source, "dev")
            return Layer(DiskKind.BLOCK, _shown(path), path)
        case "volume":
            names = (_attribute(source, "pool"), _attribute(source, "volume"))
            return Layer(DiskKind.VOLUME, _shown("/".join(filter(None, names))))
        case "network" if source is not None:
            return _network(source)
        case _:
            return Layer(DiskKind.OTHER, _shown(kind))


def _network(source: etree._Element) -> Layer:
    host = source.find("host")
    parts = [_attribute(host, "name"), _attribute(host, "port")]
    if socket := _attribute(host, "socket"):
        parts = ["unix", socket]
    at = ":".join(filter(None, parts))
    return Layer(
        DiskKind.NETWORK,
        _shown(f"{source.get('protocol', '')}:{source.get('name', '')}" + (f"@{at}" if at else "")),
        local_service=any(_is_local(host) for host in source.iterfind("host")),
    )


def _is_local(host: etree._Element) -> bool:
    name = host.get("name", "").strip("[]").rstrip(".").lower()
    try:
        address: IPv4Address | IPv6Address = ip_address(name)
    except ValueError:
        return host.get("transport") == "unix" or name in _LOCAL_NAMES or name.endswith(".localhost")
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


_LOCAL_NAMES = (
    "localhost",
    "localhost.localdomain",
    "localhost4",
    "localhost6",
    "ip6-localhost",
    "ip6-loopback",
)
"""RFC 6761, and the names that distributions write into /etc/hosts."""


def _shown(text: str) -> str:
    return clean(text, limit=1024)


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

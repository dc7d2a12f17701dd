"""What libvirt's documents say of pools, volumes and sources (formatstorage.html). Pure: text in, frozen values out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from lxml import etree

from backends.hypervisor.xml import parse, serialize
from backends.untrusted import clean

_UNITS = {"": 1, "bytes": 1, "B": 1} | {
    prefix + suffix: base**power
    for power, prefix in enumerate("KMGTPE", start=1)
    for suffix, base in (("", 1024), ("iB", 1024), ("B", 1000))
}
"""formatstorage.html: `capacity`; K, M, ... mean 1024 there."""
_MOST_BYTES = 1 << 63
"""libvirt's sizes are 64 bits wide; what is larger is no size."""


@dataclass(frozen=True, slots=True)
class PoolSource:
    """Where the bytes of a pool come from. Safe to show; a secret is never read."""

    hosts: tuple[str, ...] = ()
    """`nfs.example.com`, `10.0.0.1:3260`, `[2205::1]:6789`."""
    directory: str = ""
    """The export, or the folder inside a Gluster volume."""
    devices: tuple[str, ...] = ()
    """Paths of devices; of an iSCSI pool, the target's IQN."""
    name: str = ""
    """Volume group, Gluster volume, Ceph pool, zpool, cluster of Virtuozzo."""
    format: str = ""
    initiator: str = ""
    """The IQN as which the host logs in."""
    adapter: str = ""
    """`scsi_host host5`, `fc_host 20000000c9831b4b:10000000c9831b4b` (WWNN:WWPN)."""
    user: str = ""
    """For CHAP or Ceph."""
    protocol: str = ""
    """The NFS version that is asked for."""


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool of one host. Text is safe to show but for `target_path`."""

    driver: str
    name: str
    uuid: str
    type: str = ""
    active: bool | None = None
    autostart: bool | None = None
    capacity_bytes: int | None = None
    """This and the next two are as of libvirt's last refresh of the pool, which may be long ago: what was written since
    is not in them. None for a pool that is not active."""
    allocated_bytes: int | None = None
    available_bytes: int | None = None
    volumes: int | None = None
    """How many there are, as of that refresh."""
    source: PoolSource = field(default_factory=PoolSource)
    target_path: str = ""
    """Where its volumes appear on the host: to be used, never to be shown."""
    trouble: str = ""
    """Why nothing else is known of it."""


@dataclass(frozen=True, slots=True)
class Volume:
    """One volume of a pool. Text is safe to show but for `key`, `path` and `backing`, which are to be used."""

    name: str
    type: str = ""
    """libvirt's: `file`, `block`, `dir`, `network`, `netdir`, `ploop`."""
    capacity_bytes: int | None = None
    """What is promised to the guest."""
    allocated_bytes: int | None = None
    """What it takes now."""
    format: str = ""
    key: str = ""
    """A path, an LVM UUID, or a LUN's SCSI id, as the pool's type has it."""
    path: str = ""
    backing: str = ""
    trouble: str = ""
    """Why nothing else is known of it."""


def parse_pool(xml: str, driver: str, *, active: bool | None = None, autostart: bool | None = None) -> Pool:
    """A pool from its XML. Raises ActionError for what is no XML."""
    root = parse(xml)

    def size(name: str) -> int | None:
        return _size(root.find(name)) if active else None

    return Pool(
        driver=driver,
        name=_text(root, "name"),
        uuid=_text(root, "uuid"),
        type=clean(root.get("type", "")),
        active=active,
        autostart=autostart,
        capacity_bytes=size("capacity"),
        allocated_bytes=size("allocation"),
        available_bytes=size("available"),
        source=_source(root.find("source")),
        target_path=root.findtext("target/path", "").strip(),
    )


def parse_volume(xml: str) -> Volume:
    """A volume from its XML. Raises ActionError for what is no XML."""
    root = parse(xml)
    shape = root.find("target/format")
    return Volume(
        name=_text(root, "name"),
        type=clean(root.get("type", "")),
        capacity_bytes=_size(root.find("capacity")),
        allocated_bytes=_size(root.find("allocation")),
        format=clean(shape.get("type", "")) if shape is not None else "",
        key=root.findtext("key", "").strip(),
        path=root.findtext("target/path", "").strip(),
        backing=root.findtext("backingStore/path", "").strip(),
    )


def parse_sources(xml: str) -> tuple[PoolSource, ...]:
    """What virConnectFindStoragePoolSources found. Raises ActionError for what is no XML."""
    return tuple(_source(element) for element in parse(xml).iterfind("source"))


def source_xml(
    host: str = "", *, port: int | None = None, initiator: str = "", directory: str = "", format_: str = ""
) -> str:
    """A `<source>` to ask with: a portal for iSCSI (iscsi-direct needs the initiator's IQN), a server for NFS."""
    root = etree.Element("source")
    if host:
        at = etree.SubElement(root, "host", name=host)
        if port is not None:
            at.set("port", str(port))
    if directory:
        etree.SubElement(root, "dir", path=directory)
    if initiator:
        etree.SubElement(etree.SubElement(root, "initiator"), "iqn", name=initiator)
    if format_:
        etree.SubElement(root, "format", type=format_)
    return serialize(root)


def _source(element: etree._Element | None) -> PoolSource:
    if element is None:
        return PoolSource()
    auth = element.find("auth")
    return PoolSource(
        hosts=_all(_host(host) for host in element.iterfind("host")),
        directory=_attribute(element.find("dir"), "path"),
        devices=_all(_attribute(device, "path") for device in element.iterfind("device")),
        name=_text(element, "name"),
        format=_attribute(element.find("format"), "type"),
        initiator=_attribute(element.find("initiator/iqn"), "name"),
        adapter=_adapter(element.find("adapter")),
        user=_attribute(auth, "username") or _attribute(auth, "login"),
        protocol=_attribute(element.find("protocol"), "ver"),
    )


def _host(element: etree._Element) -> str:
    name, port = _attribute(element, "name"), _attribute(element, "port")
    if not port:
        return name
    return f"[{name}]:{port}" if ":" in name and not name.startswith("[") else f"{name}:{port}"


def _adapter(element: etree._Element | None) -> str:
    if element is None:
        return ""
    names = (_attribute(element, "wwnn"), _attribute(element, "wwpn"))
    which = ":".join(filter(None, names)) or _attribute(element, "name")
    return f"{_attribute(element, 'type')} {which}".strip()


def _all(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(filter(None, words))


def _text(element: etree._Element, path: str) -> str:
    return clean(element.findtext(path, "").strip(), limit=1024)


def _attribute(element: etree._Element | None, name: str) -> str:
    return "" if element is None else clean(element.get(name, ""), limit=1024)


def _size(element: etree._Element | None) -> int | None:
    """In bytes; None for what is no number."""
    if element is None or element.text is None:
        return None
    digits, factor = element.text.strip(), _UNITS.get(element.get("unit", ""))
    if factor is None or not (digits.isascii() and digits.isdigit()) or len(digits) > len(str(_MOST_BYTES)):
        return None
    size = int(digits) * factor
    return size if size < _MOST_BYTES else None

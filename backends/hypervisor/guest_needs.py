"""What a guest asks of the host that it runs on: devices, files, networks, processors, memory (formatdomain.html)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import libvirt
from lxml import etree

from backends.hypervisor.connection import Connection
from backends.hypervisor.cpu import CpuNeeds, cpu_needs_of
from backends.hypervisor.id_sets import parse_ids
from backends.hypervisor.xml import parse
from backends.untrusted import clean

_KIB = {
    "b": 1 / 1024,
    "bytes": 1 / 1024,
    "k": 1,
    "KiB": 1,
    "M": 1024,
    "MiB": 1024,
    "G": 1024**2,
    "GiB": 1024**2,
}
"""Units of page sizes; KiB where none is given."""


class DeviceKind(Enum):
    """A device of the host's that was given to the guest."""

    PCI = "PCI device"
    USB = "USB device"
    MEDIATED = "mediated device"
    SCSI = "SCSI device"
    INTERFACE = "network function"
    VDPA = "vDPA device"
    OTHER = "device of the host"


@dataclass(frozen=True, slots=True)
class HostDevice:
    """One device of the host's. `word` tells which, safe to show."""

    kind: DeviceKind
    word: str
    teamed: bool = False
    """QEMU unplugs it by itself for a migration, as another card stands in (formatdomain.html: teaming)."""


@dataclass(frozen=True, slots=True)
class SharedFolder:
    """A folder of the host's that the guest mounts."""

    driver: str
    """`virtiofs`, or `path` for 9p."""
    folder: str
    """As libvirt has it: to be used, never to be shown."""


@dataclass(frozen=True, slots=True)
class SharedMemory:
    """A shmem device. Only the one that owns the memory, the master, can be migrated."""

    name: str
    is_master: bool


@dataclass(frozen=True, slots=True)
class Plug:
    """Where a network card is plugged in."""

    kind: str
    """`bridge`, `network`, `direct`, `user`, ... ."""
    name: str
    """Of the bridge, network or device as libvirt has it: to be used, never to be shown."""
    openvswitch: bool = False


@dataclass(frozen=True, slots=True)
class NeededFile:
    """A file that QEMU opens before the guest runs."""

    what: str
    path: str
    """As libvirt has it: to be used, never to be shown."""


@dataclass(frozen=True, slots=True)
class GuestNeeds:
    """What the definition in force asks for. Texts are safe to show unless told otherwise."""

    active: bool
    kind: str
    arch: str
    machine: str
    emulator: str
    """As libvirt has it: to be used, never to be shown."""
    cpu: CpuNeeds
    snapshots: int = 0
    has_saved_state: bool = False
    """Off, with its memory in libvirt's keeping (managed save)."""
    invariant_tsc: bool = False
    """It sees an invariant TSC, and no frequency is laid down for it."""
    devices: tuple[HostDevice, ...] = ()
    folders: tuple[SharedFolder, ...] = ()
    tpm: str = ""
    """The TPM's backend: `emulator`, `passthrough`, `external`; empty without one."""
    shared_memory: tuple[SharedMemory, ...] = ()
    launch_security: str = ""
    """`sev`, `sev-snp`, `tdx`, `s390-pv`; empty without."""
    plugs: tuple[Plug, ...] = ()
    files: tuple[NeededFile, ...] = ()
    has_nvram: bool = False
    page_kib: tuple[int, ...] = ()
    """Sizes of the huge pages that it lives in; 0 for the host's usual ones."""
    memory_kib: int = 0
    numa_nodes: frozenset[int] = frozenset()
    """Of the host, outside which its memory must not be."""
    listens: tuple[str, ...] = ()
    """Addresses laid down for its screens; not those that libvirt chose."""
    pinned_cpus: tuple[frozenset[int], ...] = ()
    """For each processor that is pinned: on which of the host's it may run."""
    transient_disks: tuple[str, ...] = ()
    media_may_miss: frozenset[str] = frozenset()
    """Drives that are emptied when their medium is not there after a migration (startupPolicy)."""


async def read_needs(connection: Connection, uuid: str) -> GuestNeeds:
    """From the definition in force, live where the guest is active. Raises FerryError."""

    def work(conn: Any) -> GuestNeeds:
        domain = conn.lookupByUUIDString(uuid)
        found = parse_needs(
            domain.XMLDesc(0),
            active=bool(domain.isActive()),
            snapshots=_or_zero(domain.snapshotNum),
            has_saved_state=bool(_or_zero(domain.hasManagedSaveImage)),
        )
        return replace(found, listens=_laid_down(domain))

    return await connection.call("read the guest's needs", work)


def _laid_down(domain: Any) -> tuple[str, ...]:
    """Only the migratable form leaves out what qemu.conf of the source adds (vnc_listen)."""
    try:
        return parse_listens(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE))
    except libvirt.libvirtError:  # a driver without that form, and without screens
        return ()


def parse_listens(xml: str) -> tuple[str, ...]:
    """Pure. Raises ActionError for what is no XML."""
    listens = parse(xml).iterfind("devices/graphics/listen")
    found = [clean(listen.get("address", "")) for listen in listens if listen.get("type") == "address"]
    return tuple(dict.fromkeys(address for address in found if address))


def _or_zero(ask: Callable[[], int]) -> int:
    """Drivers without such a thing have none of it."""
    try:
        return int(ask())
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
            return 0
        raise


def parse_needs(
    xml: str, *, active: bool = True, snapshots: int = 0, has_saved_state: bool = False
) -> GuestNeeds:
    """Pure. Raises ActionError for what is no XML."""
    root = parse(xml)
    kind = root.find("os/type")
    security = root.find("launchSecurity")
    return GuestNeeds(
        active=active,
        kind=clean(root.get("type", "")),
        arch=clean(_attribute(kind, "arch")),
        machine=clean(_attribute(kind, "machine")),
        emulator=root.findtext("devices/emulator") or "",
        cpu=cpu_needs_of(root),
        snapshots=snapshots,
        has_saved_state=has_saved_state,
        invariant_tsc=_has_invariant_tsc(root),
        devices=tuple(_devices(root)),
        folders=tuple(_folders(root)),
        tpm=clean(_attribute(root.find("devices/tpm/backend"), "type")),
        shared_memory=tuple(
            SharedMemory(clean(shmem.get("name", "")), shmem.get("role") == "master")
            for shmem in root.iterfind("devices/shmem")
        ),
        launch_security=clean(_attribute(security, "type")),
        plugs=tuple(_plugs(root)),
        files=tuple(_files(root)),
        has_nvram=root.find("os/nvram") is not None or _attribute(root.find("os"), "firmware") == "efi",
        page_kib=tuple(_page_sizes(root)),
        memory_kib=_kib(root.find("memory")),
        numa_nodes=_numa_nodes(root),
        pinned_cpus=tuple(parse_ids(pin.get("cpuset", "")) for pin in root.iterfind("cputune/vcpupin")),
        transient_disks=tuple(
            clean(_attribute(disk.find("target"), "dev"))
            for disk in root.iterfind("devices/disk")
            if disk.find("transient") is not None
        ),
        media_may_miss=frozenset(
            clean(_attribute(disk.find("target"), "dev"))
            for disk in root.iterfind("devices/disk")
            if _attribute(disk.find("source"), "startupPolicy") in ("optional", "requisite")
        ),
    )


def _has_invariant_tsc(root: etree._Element) -> bool:
    asked = any(
        feature.get("name") == "invtsc" and feature.get("policy", "require") in ("require", "force")
        for feature in root.iterfind("cpu/feature")
    )
    fixed = any(
        timer.get("name") == "tsc" and timer.get("frequency") for timer in root.iterfind("clock/timer")
    )
    return asked and not fixed


def _devices(root: etree._Element) -> Iterator[HostDevice]:
    kinds = {
        "pci": DeviceKind.PCI,
        "usb": DeviceKind.USB,
        "mdev": DeviceKind.MEDIATED,
        "scsi": DeviceKind.SCSI,
        "scsi_host": DeviceKind.SCSI,
    }
    for device in root.iterfind("devices/hostdev"):
        kind = kinds.get(device.get("type", ""), DeviceKind.OTHER)
        yield HostDevice(kind, _place(device.find("source")), _is_teamed(device))
    for card in root.iterfind("devices/interface"):
        word = clean(_attribute(card.find("mac"), "address"))
        match card.get("type"):
            case "hostdev":
                yield HostDevice(DeviceKind.INTERFACE, word, _is_teamed(card))
            case "vdpa":
                yield HostDevice(DeviceKind.VDPA, word)


def _is_teamed(device: etree._Element) -> bool:
    return _attribute(device.find("teaming"), "type") == "transient"


def _place(source: etree._Element | None) -> str:
    """The address of a device on its host, in the words of its definition."""
    if source is None:
        return ""
    parts = [str(value) for element in source.iter() for value in element.attrib.values()]
    return clean(" ".join(parts), limit=60)


def _folders(root: etree._Element) -> Iterator[SharedFolder]:
    for folder in root.iterfind("devices/filesystem"):
        driver = _attribute(folder.find("driver"), "type") or "path"
        yield SharedFolder(clean(driver), _attribute(folder.find("source"), "dir"))


def _plugs(root: etree._Element) -> Iterator[Plug]:
    """A running guest's card shows what its network made of it (`bridge`, `direct`); the network is what counts."""
    for card in root.iterfind("devices/interface"):
        kind, source = card.get("type", ""), card.find("source")
        openvswitch = _attribute(card.find("virtualport"), "type") == "openvswitch"
        if network := _attribute(source, "network"):
            yield Plug("network", network)
        else:
            yield Plug(clean(kind), _attribute(source, "bridge" if kind == "bridge" else "dev"), openvswitch)


def _files(root: etree._Element) -> Iterator[NeededFile]:
    for name, what in (("loader", "firmware"), ("kernel", "kernel"), ("initrd", "initial ramdisk")):
        path = (root.findtext(f"os/{name}") or "").strip()
        if path.startswith("/"):  # Xen's loader may be a bare name
            yield NeededFile(what, path)


def _page_sizes(root: etree._Element) -> Iterator[int]:
    pages = root.find("memoryBacking/hugepages")
    if pages is None:
        return
    sizes = [page for page in pages.iterfind("page") if page.get("size")]
    if not sizes:
        yield 0
    for page in sizes:
        size = page.get("size", "")
        if size.isdecimal():
            yield int(int(size) * _KIB.get(page.get("unit", "KiB"), 1))


def _numa_nodes(root: etree._Element) -> frozenset[int]:
    memory = root.find("numatune/memory")
    if memory is None or memory.get("mode", "strict") != "strict" or memory.get("placement") == "auto":
        return frozenset()
    return parse_ids(memory.get("nodeset", ""))


def _kib(element: etree._Element | None) -> int:
    text = (element.text or "").strip() if element is not None else ""
    unit = element.get("unit", "KiB") if element is not None else "KiB"
    return int(int(text) * _KIB.get(unit, 1)) if text.isdecimal() else 0


def _attribute(element: etree._Element | None, name: str) -> str:
    return "" if element is None else element.get(name, "")

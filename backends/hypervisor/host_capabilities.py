"""What a driver of libvirt says of its host and of the guests that it takes (formatcaps.html). Pure.

There is one reader of this document; what host_facts and host_offers tell of it comes from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from backends.hypervisor.id_sets import parse_ids
from backends.hypervisor.known_elements import (
    attribute,
    elements,
    names,
    number,
    size_bytes,
    text_of,
    unknown_elements,
)
from backends.hypervisor.xml import parse
from backends.untrusted import clean

_KNOWN = {
    "": "host guest",
    "host": "uuid cpu power_management iommu migration_features netprefix topology cache memory_bandwidth secmodel",
    "host/cpu": "arch features model vendor microcode signature counter topology maxphysaddr feature pages",
    "host/cpu/features": "*",
    "host/power_management": "*",
    "host/migration_features": "live uri_transports",
    "host/migration_features/uri_transports": "uri_transport",
    "host/topology": "cells interconnects",
    "host/topology/cells": "cell",
    "host/topology/cells/cell": "memory pages distances cache cpus",
    "host/topology/cells/cell/distances": "sibling",
    "host/topology/cells/cell/cache": "size line",
    "host/topology/cells/cell/cpus": "cpu",
    "host/topology/interconnects": "latency bandwidth",
    "host/cache": "bank monitor",
    "host/cache/bank": "control",
    "host/cache/monitor": "feature",
    "host/memory_bandwidth": "node monitor",
    "host/memory_bandwidth/node": "control",
    "host/memory_bandwidth/monitor": "feature",
    "host/secmodel": "model doi baselabel",
    "guest": "os_type arch features",
    "guest/arch": "wordsize emulator loader machine domain",
    "guest/arch/domain": "emulator loader machine",
    "guest/features": "*",
}
"""virCapabilitiesFormatXML (src/conf/capabilities.c) as of libvirt 11."""


@dataclass(frozen=True, slots=True)
class HostCpu:
    """The processor, as libvirt tells it; empty or None where it does not."""

    arch: str = ""
    model: str = ""
    """The nearest one that libvirt knows: `Broadwell-IBRS`, with `features` on top of it."""
    vendor: str = ""
    microcode: str = ""
    features: tuple[str, ...] = ()
    switches: frozenset[str] = frozenset()
    """What Xen says of old: `vmx`, `svm`, `pae`."""
    sockets: int | None = None
    """Of each NUMA node (virNodeInfo); so are the others per the one before."""
    dies: int | None = None
    clusters: int | None = None
    cores: int | None = None
    threads: int | None = None
    address_bits: int | None = None
    tsc_hz: int | None = None
    tsc_scaling: bool | None = None
    page_kib: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class NumaCell:
    """One node of memory and processors."""

    id: int
    memory_bytes: int | None
    cpus: frozenset[int]
    cores: frozenset[tuple[int, int, int]]
    """Socket, die and core of its processors, as far as they are told."""
    pages: tuple[tuple[int, int], ...] = ()
    """Size in KiB, and how many there are."""


@dataclass(frozen=True, slots=True)
class CacheBank:
    """One cache that several processors share."""

    level: int
    kind: str
    size_bytes: int | None
    cpus: frozenset[int]
    controlled: bool
    """Guests can be given a part of it (resctrl)."""


@dataclass(frozen=True, slots=True)
class SecurityModel:
    """How guests are kept apart from the host, and the labels that they get by default."""

    name: str
    """`selinux`, `apparmor`, `dac`, `none`."""
    doi: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    """Domain type, label."""

    @property
    def default(self) -> str:
        """What a guest gets that asks for nothing else: of `dac`, `+UID:+GID`; empty where it is not told."""
        return self.labels[0][1] if self.labels else ""


@dataclass(frozen=True, slots=True)
class MachineType:
    """One machine that guests can have."""

    name: str
    canonical: str = ""
    """What an alias stands for: `pc` -> `pc-i440fx-10.0`."""
    max_vcpus: int | None = None
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class GuestForm:
    """One way in which guests can live there: a `<guest>` element."""

    os_type: str
    """`hvm`, `xen`, `xenpvh`, `linux`, `exe`, `uml`."""
    arch: str
    wordsize: int | None
    kinds: tuple[str, ...]
    """libvirt's domain types: `kvm`, `qemu`, `xen`, `lxc`, ... ."""
    machines: tuple[MachineType, ...] = ()
    features: frozenset[str] = frozenset()
    """`pae`, `nonpae`, `acpi`, `apic`, `hap`, ... ."""
    emulators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchOffer:
    """All forms of one architecture together."""

    os_types: frozenset[str]
    kinds: frozenset[str]
    machines: frozenset[str]
    """Both the names and what they stand for."""
    wordsize: int | None
    features: frozenset[str]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The whole document. Safe to show."""

    uuid: str = ""
    cpu: HostCpu = HostCpu()
    power: tuple[str, ...] = ()
    """`suspend_mem`, `suspend_disk`, `suspend_hybrid`."""
    iommu: bool | None = None
    migrates: bool = False
    """The driver announces that guests can move between hosts."""
    live: bool = False
    transports: tuple[str, ...] = ()
    cells: tuple[NumaCell, ...] = ()
    caches: tuple[CacheBank, ...] = ()
    bandwidth_nodes: int = 0
    """Memory controllers of which guests can be given a part (resctrl)."""
    monitors: tuple[str, ...] = ()
    """What can be measured of caches and memory controllers: `llc_occupancy`, `mbm_total_bytes`."""
    security: tuple[SecurityModel, ...] = ()
    forms: tuple[GuestForm, ...] = ()
    unknown: tuple[str, ...] = ()
    """Paths of elements that this program does not know."""

    @property
    def archs(self) -> Mapping[str, ArchOffer]:
        """By architecture."""
        return {arch: self._together(arch) for arch in dict.fromkeys(form.arch for form in self.forms)}

    def _together(self, arch: str) -> ArchOffer:
        forms = [form for form in self.forms if form.arch == arch]
        machines = [machine for form in forms for machine in form.machines]
        return ArchOffer(
            os_types=frozenset(form.os_type for form in forms),
            kinds=frozenset(kind for form in forms for kind in form.kinds),
            machines=frozenset(name for m in machines for name in (m.name, m.canonical) if name),
            wordsize=next((form.wordsize for form in forms if form.wordsize), None),
            features=frozenset(feature for form in forms for feature in form.features),
        )


def parse_capabilities(xml: str) -> Capabilities:
    """Any part may be missing, and new ones may be there. Raises ActionError for what is no XML."""
    root = parse(xml)
    migration, iommu = root.find("host/migration_features"), root.find("host/iommu")
    monitors = root.findall("host/cache/monitor/feature") + root.findall(
        "host/memory_bandwidth/monitor/feature"
    )
    return Capabilities(
        uuid=text_of(root, "host/uuid"),
        cpu=_cpu(root),
        power=names(root.find("host/power_management")),
        iommu=None if iommu is None else iommu.get("support") == "yes",
        migrates=migration is not None,
        live=root.find("host/migration_features/live") is not None,
        transports=_texts(root, "host/migration_features/uri_transports/uri_transport"),
        cells=tuple(_cell(cell) for cell in root.iterfind("host/topology/cells/cell")),
        caches=tuple(_bank(bank) for bank in root.iterfind("host/cache/bank")),
        bandwidth_nodes=len(root.findall("host/memory_bandwidth/node/control")),
        monitors=tuple(attribute(feature, "name") for feature in monitors),
        security=tuple(_security(model) for model in root.iterfind("host/secmodel")),
        forms=tuple(form for guest in root.iterfind("guest") for form in _forms(guest)),
        unknown=unknown_elements(root, _KNOWN),
    )


def _texts(parent: etree._Element, path: str) -> tuple[str, ...]:
    return tuple(text for element in parent.iterfind(path) if (text := text_of(element)))


def _cpu(root: etree._Element) -> HostCpu:
    topology, tsc = root.find("host/cpu/topology"), root.find("host/cpu/counter[@name='tsc']")
    told = {} if topology is None else {str(name): number(str(value)) for name, value in topology.items()}
    sizes = (number(pages.get("size")) for pages in root.iterfind("host/cpu/pages"))
    return HostCpu(
        arch=text_of(root, "host/cpu/arch"),
        model=text_of(root, "host/cpu/model"),
        vendor=text_of(root, "host/cpu/vendor"),
        microcode=attribute(root.find("host/cpu/microcode"), "version"),
        features=tuple(attribute(feature, "name") for feature in root.iterfind("host/cpu/feature")),
        switches=frozenset(names(root.find("host/cpu/features"))),
        sockets=told.get("sockets"),
        dies=told.get("dies"),
        clusters=told.get("clusters"),
        cores=told.get("cores"),
        threads=told.get("threads"),
        address_bits=number(attribute(root.find("host/cpu/maxphysaddr"), "bits")),
        tsc_hz=number(attribute(tsc, "frequency")),
        tsc_scaling=None if tsc is None else tsc.get("scaling") == "yes",
        page_kib=tuple(size for size in sizes if size is not None),
    )


def _cell(cell: etree._Element) -> NumaCell:
    cpus = cell.findall("cpus/cpu")
    places = ([number(cpu.get(name)) for name in ("socket_id", "core_id")] for cpu in cpus)
    dies = (number(cpu.get("die_id")) or 0 for cpu in cpus)
    memory = cell.find("memory")
    counted = ((number(pages.get("size")), number(pages.text)) for pages in cell.iterfind("pages"))
    return NumaCell(
        id=number(cell.get("id")) or 0,
        memory_bytes=None if memory is None else size_bytes(memory, memory.text),
        cpus=frozenset(id_ for cpu in cpus if (id_ := number(cpu.get("id"))) is not None),
        cores=frozenset(
            (socket, die, core)
            for (socket, core), die in zip(places, dies, strict=True)
            if socket is not None and core is not None
        ),
        pages=tuple((size, count) for size, count in counted if size is not None and count is not None),
    )


def _bank(bank: etree._Element) -> CacheBank:
    return CacheBank(
        level=number(bank.get("level")) or 0,
        kind=attribute(bank, "type"),
        size_bytes=size_bytes(bank, bank.get("size")),
        cpus=parse_ids(bank.get("cpus") or ""),
        controlled=bank.find("control") is not None,
    )


def _security(model: etree._Element) -> SecurityModel:
    labels = ((attribute(label, "type"), text_of(label)) for label in model.iterfind("baselabel"))
    return SecurityModel(text_of(model, "model"), text_of(model, "doi"), tuple(labels))


def _forms(guest: etree._Element) -> list[GuestForm]:
    """libvirt writes one architecture into each `<guest>`; more would be as good."""
    return [
        GuestForm(
            os_type=text_of(guest, "os_type"),
            arch=attribute(arch, "name"),
            wordsize=number(arch.findtext("wordsize")),
            kinds=tuple(dict.fromkeys(attribute(domain, "type") for domain in arch.iterfind("domain"))),
            machines=_machines(arch),
            features=frozenset(names(guest.find("features"))),
            emulators=tuple(dict.fromkeys(_texts(arch, "emulator") + _texts(arch, "domain/emulator"))),
        )
        for arch in guest.iterfind("arch")
    ]


def _machines(arch: etree._Element) -> tuple[MachineType, ...]:
    """Those for all domain types, then those of one of them."""
    found = [e for e in (*elements(arch), *arch.iterfind("domain/machine")) if e.tag == "machine"]
    machines = (
        MachineType(
            name=clean((machine.text or "").strip()),
            canonical=attribute(machine, "canonical"),
            max_vcpus=number(machine.get("maxCpus")),
            deprecated=machine.get("deprecated") == "yes",
        )
        for machine in found
    )
    return tuple(dict.fromkeys(machine for machine in machines if machine.name or machine.canonical))

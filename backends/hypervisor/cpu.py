"""Would a host give a guest the processor that it sees now? libvirt compares, and its words are the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import libvirt
from lxml import etree

from backends.hypervisor.connection import Connection
from backends.hypervisor.xml import parse
from backends.untrusted import clean


class CpuMatch(Enum):
    """Can the destination's hypervisor give the guest the processor that it sees now?"""

    FITS = "fits"
    MISSING = "missing"
    HOST_MODEL = "host model"
    """The guest sees the physical processor: it only fits where that is the same."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CpuComparison:
    """The answer, with libvirt's words (the missing features, or why it cannot tell)."""

    match: CpuMatch
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CpuNeeds:
    """What a running guest needs of a processor, as virConnectCompareHypervisorCPU takes it."""

    arch: str
    kind: str
    mode: str
    xml: str
    """The `<cpu>` element; empty where the guest has none."""


async def read_cpu_needs(connection: Connection, uuid: str) -> CpuNeeds:
    """From the live definition. Raises FerryError."""
    return await connection.call(
        "read the guest's processor", lambda conn: cpu_needs(conn.lookupByUUIDString(uuid).XMLDesc(0))
    )


def cpu_needs(xml: str) -> CpuNeeds:
    """Pure. Raises ActionError for what is no XML."""
    return cpu_needs_of(parse(xml))


def cpu_needs_of(root: etree._Element) -> CpuNeeds:
    """From a `<domain>` that is taken apart already. Pure."""
    kind, cpu = root.find("os/type"), root.find("cpu")
    return CpuNeeds(
        arch=kind.get("arch", "") if kind is not None else "",
        kind=root.get("type", ""),
        mode=cpu.get("mode", "custom") if cpu is not None else "",
        xml="" if cpu is None else etree.tostring(cpu, encoding="unicode", with_tail=False),
    )


async def compare_cpu(connection: Connection, needs: CpuNeeds) -> CpuComparison:
    """Ask the destination's hypervisor, not its physical processor: emulation may offer more, KVM less."""
    if not needs.xml:
        return CpuComparison(CpuMatch.FITS, "the guest asks for no particular processor")
    if needs.mode in ("host-passthrough", "maximum"):
        return CpuComparison(CpuMatch.HOST_MODEL, f"mode {needs.mode}")

    def work(conn: Any) -> CpuComparison:
        flags = libvirt.VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE
        try:
            result = conn.compareHypervisorCPU(
                None, needs.arch or None, None, needs.kind or None, needs.xml, flags
            )
        except libvirt.libvirtError as error:
            words = clean(error.get_error_message() or "", limit=400)
            if error.get_error_code() == libvirt.VIR_ERR_CPU_INCOMPATIBLE:
                return CpuComparison(CpuMatch.MISSING, words)
            return CpuComparison(CpuMatch.UNKNOWN, words)
        if result in (libvirt.VIR_CPU_COMPARE_IDENTICAL, libvirt.VIR_CPU_COMPARE_SUPERSET):
            return CpuComparison(CpuMatch.FITS)
        return CpuComparison(CpuMatch.UNKNOWN)

    return await connection.call("compare processors", work)

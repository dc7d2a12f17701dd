"""Would a host give a guest the processor that it sees now? libvirt compares, and its words are the evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from enum import Enum
from typing import Any

import libvirt
from lxml import etree

from backends.errors import LinkError
from backends.hypervisor.connection import Connection
from backends.hypervisor.errors import translate
from backends.hypervisor.xml import parse
from backends.untrusted import clean

COMPARE_DEADLINE_S = 15.0
"""libvirt starts an emulator that it has not looked at before."""
_MISSING = re.compile(r"(?:does not provide required|missing) features: ([^;:]+)")
"""libvirt's words, in virCPUx86Compare and in virCPUx86UpdateLive (src/cpu/cpu_x86.c)."""
_NAME = re.compile(r"[A-Za-z0-9._+-]+")
_WITHOUT_MEANING = ("topology", "numa")
"""Parts of `<cpu>` that no processor has to offer; without them the processors of most guests are equal."""


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
    missing: tuple[str, ...] = ()
    """The features that it lacks, by libvirt's names and sorted; empty where it is for another reason."""


@dataclass(frozen=True, slots=True)
class CpuNeeds:
    """What a running guest needs of a processor, as virConnectCompareHypervisorCPU takes it."""

    arch: str
    kind: str
    mode: str
    xml: str
    """The `<cpu>` element; empty where the guest has none."""


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
        xml="" if cpu is None else _what_counts(cpu),
    )


def _what_counts(cpu: etree._Element) -> str:
    copy = deepcopy(cpu)
    for part in [part for part in copy if part.tag in _WITHOUT_MEANING]:
        copy.remove(part)
    return etree.tostring(copy, encoding="unicode", with_tail=False)


async def compare_cpu(connection: Connection, needs: CpuNeeds) -> CpuComparison:
    """Ask the destination's hypervisor, not its physical processor: emulation may offer more, KVM less."""
    return (await compare_cpus(connection, [needs]))[needs]


async def compare_cpus(
    connection: Connection, wanted: Iterable[CpuNeeds]
) -> Mapping[CpuNeeds, CpuComparison]:
    """As `compare_cpu`, for many processors; each different one is compared once. Raises FerryError."""
    different = tuple(dict.fromkeys(wanted))
    found = {needs: answer for needs in different if (answer := _without_asking(needs))}
    to_ask = [needs for needs in different if needs not in found]

    def work(conn: Any) -> dict[CpuNeeds, CpuComparison]:
        return {needs: _compare(conn, needs) for needs in to_ask}

    if to_ask:
        found |= await connection.call_aside("compare processors", work, deadline_s=COMPARE_DEADLINE_S)
    return found


def _without_asking(needs: CpuNeeds) -> CpuComparison | None:
    if not needs.xml:
        return CpuComparison(CpuMatch.FITS, "the guest asks for no particular processor")
    if needs.mode in ("host-passthrough", "maximum"):
        return CpuComparison(CpuMatch.HOST_MODEL, f"mode {needs.mode}")
    return None


def _compare(conn: Any, needs: CpuNeeds) -> CpuComparison:
    flags = libvirt.VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE
    try:
        result = conn.compareHypervisorCPU(
            None, needs.arch or None, None, needs.kind or None, needs.xml, flags
        )
    except libvirt.libvirtError as error:
        if isinstance(translate(error, "", ""), LinkError):
            raise
        words = error.get_error_message() or ""
        if error.get_error_code() == libvirt.VIR_ERR_CPU_INCOMPATIBLE:
            return CpuComparison(CpuMatch.MISSING, clean(words, limit=400), missing_features(words))
        return CpuComparison(CpuMatch.UNKNOWN, clean(words, limit=400))
    if result in (libvirt.VIR_CPU_COMPARE_IDENTICAL, libvirt.VIR_CPU_COMPARE_SUPERSET):
        return CpuComparison(CpuMatch.FITS)
    return CpuComparison(CpuMatch.UNKNOWN)


def missing_features(words: str) -> tuple[str, ...]:
    """The names in `Host CPU does not provide required features: sha-ni, vaes`; none in other words. Pure."""
    found = _MISSING.search(words)
    names = (name.strip() for name in found[1].split(",")) if found else ()
    return tuple(sorted({name for name in names if _NAME.fullmatch(name)}))

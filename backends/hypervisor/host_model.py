"""The processor that a host gives a new guest of mode host-model, and what several such have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import libvirt
from lxml import etree

from backends.errors import LinkError
from backends.hypervisor.connection import Connection
from backends.hypervisor.cpu import CpuNeeds
from backends.hypervisor.domain_capabilities import parse_domain_capabilities
from backends.hypervisor.errors import translate
from backends.hypervisor.host_offers import PROBE_DEADLINE_S
from backends.hypervisor.xml import parse
from backends.untrusted import clean

_STAYS_AT_HOME = frozenset({"invtsc"})
"""Offered by a host, and kept from guests of mode host-model, as it cannot be migrated (x86_features.xml)."""


@dataclass(frozen=True, slots=True)
class GivenCpu:
    """What domain capabilities call the host-model (formatdomaincaps.html), as a guest's definition has it.

    Without the host's own limits, such as `<maxphysaddr>`.
    """

    arch: str = ""
    kind: str = ""
    """`kvm`, `qemu`, `xen`: the best that this host's driver has, where none was asked for."""
    model: str = ""
    xml: str = ""
    """A `<cpu>` element; empty where there is none, and `trouble` says why."""
    trouble: str = ""

    @property
    def needs(self) -> CpuNeeds:
        """What a new guest with this processor needs of a host."""
        return CpuNeeds(self.arch, self.kind, "custom", self.xml)


@dataclass(frozen=True, slots=True)
class CommonCpu:
    """A processor that libvirt has worked out."""

    model: str
    xml: str
    features: frozenset[str]
    """Those that it names; with its model's own where they were asked for."""


async def read_host_model(connection: Connection, *, arch: str = "", kind: str = "") -> GivenCpu:
    """By default of the host's own architecture and the best kind that it has. Raises FerryError."""

    def work(conn: Any) -> GivenCpu:
        try:
            return parse_host_model(conn.getDomainCapabilities(None, arch or None, None, kind or None, 0))
        except libvirt.libvirtError as error:
            if isinstance(translate(error, "", ""), LinkError):
                raise
            return GivenCpu(arch, kind, trouble=clean(error.get_error_message() or "it does not say why"))

    return await connection.call_aside("read what it gives new guests", work, deadline_s=PROBE_DEADLINE_S)


def parse_host_model(xml: str) -> GivenCpu:
    """Pure. Raises ActionError for what is no XML."""
    told = parse_domain_capabilities(xml)
    if told.host_model is None or not told.host_model.model:
        return GivenCpu(
            told.arch, told.kind, trouble=f"libvirt there knows no host-model for {told.kind} on {told.arch}"
        )
    cpu = etree.Element("cpu", mode="custom", match="exact")
    etree.SubElement(cpu, "model", fallback="forbid").text = told.host_model.model
    if told.host_model.vendor:
        etree.SubElement(cpu, "vendor").text = told.host_model.vendor
    for policy, names in (("require", told.host_model.required), ("disable", told.host_model.disabled)):
        for name in names:
            if name not in _STAYS_AT_HOME:
                etree.SubElement(cpu, "feature", policy=policy, name=name)
    return GivenCpu(told.arch, told.kind, told.host_model.model, etree.tostring(cpu, encoding="unicode"))


async def find_common_cpu(
    connection: Connection, like: GivenCpu, cpus: Sequence[str], *, with_features: bool = False
) -> CommonCpu:
    """The richest processor that all of `cpus` (elements) include and this host can give; migratable features only.

    Of the architecture and kind of `like`. `with_features`: those of its model are named one by one. Raises FerryError:
    UnsupportedError for architectures that libvirt cannot do this for, ActionError where they have nothing in common.
    """
    flags = libvirt.VIR_CONNECT_BASELINE_CPU_MIGRATABLE
    if with_features:
        flags |= libvirt.VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES

    def work(conn: Any) -> str:
        return str(
            conn.baselineHypervisorCPU(None, like.arch or None, None, like.kind or None, list(cpus), flags)
        )

    return parse_cpu(
        await connection.call_aside("find a common processor", work, deadline_s=PROBE_DEADLINE_S)
    )


def parse_cpu(xml: str) -> CommonCpu:
    """A `<cpu>` element. Pure. Raises ActionError for what is no XML."""
    root = parse(xml)
    for part in root:
        if part.tag == "feature" and part.get("name") in _STAYS_AT_HOME:
            root.remove(part)
    given = (
        part for part in root.iterfind("feature") if part.get("policy", "require") in ("require", "force")
    )
    return CommonCpu(
        model=clean(root.findtext("model") or ""),
        xml=etree.tostring(root, encoding="unicode"),
        features=frozenset(clean(part.get("name", "")) for part in given),
    )


def without_features(xml: str, names: Sequence[str]) -> str:
    """A `<cpu>` element with these features switched off. Pure. Raises ActionError for what is no XML."""
    root = parse(xml)
    for name in names:
        part = next((part for part in root.iterfind("feature") if part.get("name") == name), None)
        if part is None:
            part = etree.SubElement(root, "feature", name=name)
        part.set("policy", "disable")
    return etree.tostring(root, encoding="unicode")

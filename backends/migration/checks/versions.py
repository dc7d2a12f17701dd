"""Do the two hosts' libvirts and hypervisors fit each other?"""

from __future__ import annotations

import re
from typing import TypeAlias

from backends.migration.checks.context import Context
from backends.model.host import Driver
from backends.model.move import Check, Verdict

Numbers: TypeAlias = tuple[int, ...]
"""A version, to be compared; empty where it is not known."""


def numbers(version: str) -> Numbers:
    """`10.0.2` -> (10, 0, 2). Pure."""
    return tuple(int(part) for part in version.split(".")) if re.fullmatch(r"\d+(\.\d+)*", version) else ()


def source_libvirt(context: Context) -> Numbers:
    """The version of the source's libvirt."""
    source, _ = context.drivers
    return numbers(source.libvirt_version) if source else ()


def source_hypervisor(context: Context) -> Numbers:
    """The version of the source's hypervisor."""
    source, _ = context.drivers
    return numbers(source.hypervisor_version) if source else ()


async def hypervisor(context: Context) -> list[Check]:
    """Is it the same one, and not an older one? From what the hosts said when they were connected."""
    source, destination = context.drivers
    return versions_verdicts(source, destination, context.source.host, context.destination.host)


def versions_verdicts(
    source: Driver | None, destination: Driver | None, here: str, there: str
) -> list[Check]:
    """Pure. An older host often takes a guest all the same, so it is never refused for that alone."""
    if source is None or destination is None:
        evidence = "a host has not told its versions"
        return [Check("host.versions", "versions", Verdict.UNKNOWN, evidence)]
    if source.hypervisor and destination.hypervisor and source.hypervisor != destination.hypervisor:
        evidence = f"{here} has {source.hypervisor}, {there} has {destination.hypervisor}"
        mend = "choose a host with the same hypervisor"
        return [Check("host.hypervisor", "same hypervisor", Verdict.REFUSE, evidence, mend)]
    pairs = (
        (source.hypervisor, source.hypervisor_version, destination.hypervisor_version),
        ("libvirt", source.libvirt_version, destination.libvirt_version),
    )
    older = [
        f"{what} {theirs} on {there} is older than {ours} on {here}"
        for what, ours, theirs in pairs
        if numbers(theirs) and numbers(theirs) < numbers(ours)
    ]
    if older:
        mend = f"update {there}, or try it with a guest that may be lost"
        return [Check("host.versions", "versions", Verdict.WARNING, "; ".join(older), mend)]
    evidence = ", ".join(f"{what} {ours} and {theirs}" for what, ours, theirs in pairs if ours or theirs)
    return [Check("host.versions", "versions", Verdict.OK, evidence or "no versions told")]

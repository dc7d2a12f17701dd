"""Do both hosts see the same disks? The same path proves nothing: see `markers`. All layers of a disk count."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from backends.migration.checks import markers
from backends.migration.checks.context import Context
from backends.migration.checks.markers import End, Proof, RealPath, Sharing
from backends.model.guest import Disk, DiskKind, Layer, virsh_name
from backends.model.move import Check, Verdict
from backends.untrusted import clean

_EJECTABLE = {"cdrom": "CD-ROM", "floppy": "floppy"}
_PLAIN_TARGET = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one layer."""

    verdict: Verdict
    evidence: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one path really is, on both hosts."""

    source: RealPath
    destination: RealPath

    @property
    def folders(self) -> tuple[str, str]:
        """The two folders that must be one."""
        return self.source.folder, self.destination.folder


async def shared(context: Context) -> list[Check]:
    """One check a disk; each folder is tried once."""
    disks = [disk for disk in context.guest.disks if disk.source]
    if not disks:
        return [Check("disk.none", "disks", Verdict.OK, "the guest has no disk")]
    paths = {layer.path for disk in disks for layer in layers_of(disk) if layer.kind is DiskKind.FILE}
    places = await _places(context, paths)
    proofs = await _proofs(context, {place.folders for place in places.values()})
    return [_check(context, disk, places, proofs) for disk in disks]


def layers_of(disk: Disk) -> tuple[Layer, ...]:
    """The disk's own image first. Pure."""
    return (Layer(disk.kind, disk.source, disk.path, disk.local_service), *disk.layers)


def _ends(context: Context) -> tuple[End, End]:
    source, destination = context.source, context.destination
    return End(source.host, source.shell), End(destination.host, destination.shell)


async def _places(context: Context, paths: Iterable[str]) -> Mapping[str, Place]:
    wanted = sorted(paths)
    ends = _ends(context)
    found = await asyncio.gather(*(markers.real_path(end, path) for path in wanted for end in ends))
    return {path: Place(*found[2 * n : 2 * n + 2]) for n, path in enumerate(wanted)}


async def _proofs(context: Context, folders: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Proof]:
    wanted = sorted(folders)
    source, destination = _ends(context)
    found = await asyncio.gather(*(markers.prove(source, destination, *folder) for folder in wanted))
    return dict(zip(wanted, found, strict=True))


def _check(
    context: Context, disk: Disk, places: Mapping[str, Place], proofs: Mapping[tuple[str, str], Proof]
) -> Check:
    findings = [_finding(context, layer, places, proofs) for layer in layers_of(disk)]
    word = _EJECTABLE.get(disk.device, "disk")
    worst = worst_of(disk, findings)
    if word != "disk" and worst.verdict not in (Verdict.OK, Verdict.NOTE):
        worst = replace(worst, mend=f"eject it: {_eject_command(context, disk)}; or {worst.mend}")
    return Check(
        f"disk.{disk.target}.shared",
        f"{word} {disk.target} is shared",
        worst.verdict,
        worst.evidence,
        worst.mend,
    )


def worst_of(disk: Disk, findings: list[Finding]) -> Finding:
    """A disk is as good as the worst of its layers, and never quite good while some of them may be unknown. Pure."""
    worst = max(findings, key=lambda finding: finding.verdict.severity)  # the first of equals
    if worst.verdict is not Verdict.OK:
        return worst
    evidence = "; ".join(dict.fromkeys(finding.evidence for finding in findings))
    if disk.chain_known:
        return Finding(Verdict.OK, evidence)
    return Finding(
        Verdict.NOTE,
        f"{evidence}; the definition does not tell whether this {disk.format} image has others under it",
        f"see: qemu-img info --backing-chain -U {shlex.quote(disk.source)}"
        if disk.source == disk.path
        else "",
    )


def _finding(
    context: Context,
    layer: Layer,
    places: Mapping[str, Place],
    proofs: Mapping[tuple[str, str], Proof],
) -> Finding:
    destination = context.destination.host
    if layer.kind is DiskKind.FILE:
        place = places[layer.path]
        return file_finding(layer, place, proofs[place.folders], context.source.host, destination)
    if layer.kind is DiskKind.NETWORK and layer.local_service:
        return Finding(
            Verdict.UNKNOWN,
            f"{layer.source} is a service that each host has for itself",
            f"serve it under an address that both hosts reach, or make sure that {destination} serves the same",
        )
    if layer.kind is DiskKind.NETWORK:
        return Finding(Verdict.OK, f"network disk {layer.source}: each host opens it itself")
    return Finding(
        Verdict.UNKNOWN,
        f"{layer.kind.value} {layer.source}: sharing is proved for files only",
        "compare the WWID of the device on both hosts",
    )


def file_finding(layer: Layer, place: Place, proof: Proof, source: str, destination: str) -> Finding:
    """What the proof of its folders says of one file. Pure."""
    if proof.sharing is Sharing.UNKNOWN:
        return Finding(
            Verdict.UNKNOWN,
            f"not proved: {proof.evidence}",
            f"make sure that {layer.source} is the same file on {destination}",
        )
    mend = f"put {layer.source} on storage that both hosts mount"
    for host, end in ((source, place.source), (destination, place.destination)):
        if end.trouble:
            evidence = f"{host} cannot tell where {layer.source} leads: {end.trouble}"
            return Finding(Verdict.UNKNOWN, evidence, mend)
    if proof.sharing is Sharing.DIFFERENT:
        return Finding(Verdict.REFUSE, proof.evidence, mend)
    if place.source.name != place.destination.name:
        here, there = (clean(end.path, limit=1024) for end in (place.source, place.destination))
        return Finding(
            Verdict.REFUSE,
            f"{layer.source} leads to {here} on {source} and to {there} on {destination}",
            mend,
        )
    return Finding(Verdict.OK, proof.evidence)


def _eject_command(context: Context, disk: Disk) -> str:
    """As one line to copy; a target that may have been made safe to show is left for the user to fill in."""
    guest = context.request.guest
    uri = context.source_view.spec.virsh_uri(guest.driver)
    name = virsh_name(context.request.name, guest)
    target = disk.target if _PLAIN_TARGET.fullmatch(disk.target) else "TARGET"
    return shlex.join(["virsh", "-c", uri, "change-media", name, target, "--eject"])

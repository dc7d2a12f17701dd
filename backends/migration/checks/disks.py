"""Do both hosts see the same disks? The same path proves nothing: see `markers`. All layers of a disk count."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from backends.migration.checks.block_disks import (
    Apart,
    Pair,
    VolumePair,
    compare_devices,
    device_finding,
    far_volume_finding,
    find_volumes,
    volume_obstacle,
)
from backends.migration.checks.context import Context
from backends.migration.checks.files import FileFacts, Presence, facts_of
from backends.migration.checks.findings import Finding
from backends.model.guest import Disk, DiskKind, Layer, virsh_name
from backends.model.move import Check, MoveMode, Verdict
from backends.model.storage import Sharing
from backends.probes import markers
from backends.probes.markers import End, Proof, RealPath
from backends.untrusted import clean

_EJECTABLE = {"cdrom": "CD-ROM", "floppy": "floppy"}
_PLAIN_TARGET = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one path really is, on both hosts."""

    source: RealPath
    destination: RealPath

    @property
    def folders(self) -> tuple[str, str]:
        """The two folders that must be one."""
        return self.source.folder, self.destination.folder


@dataclass(frozen=True, slots=True)
class Twins:
    """Two files of one path on two hosts that are not one file."""

    source: FileFacts
    destination: FileFacts


@dataclass(frozen=True, slots=True)
class Examined:
    """A disk with what is known of it."""

    disk: Disk
    own: Finding
    """Of its own image."""
    worst: Finding
    """Of all its layers."""
    place: Place | None
    """Where its own image is; None for what is no file."""


@dataclass(frozen=True, slots=True)
class _Known:
    """All answers of the hosts about files, by path."""

    places: Mapping[Pair, Place]
    proofs: Mapping[tuple[str, str], Proof]
    twins: Mapping[str, Twins]
    may_miss: frozenset[str]
    apart: Apart


async def shared(context: Context) -> list[Check]:
    """One check a disk; each folder is tried once."""
    examined = await examine(context)
    if not examined:
        return [Check("disk.none", "disks", Verdict.OK, "the guest has no disk")]
    return [_check(context, each) for each in examined]


async def examine(context: Context) -> tuple[Examined, ...]:
    """Every disk with something in it; asked once. Raises FerryError."""
    return await context.once.get("disks", lambda: _examine(context))


def is_copied(context: Context, examined: Examined) -> bool:
    """Is the disk to move along, as it is not shared? libvirt copies what the guest writes to, while it is active."""
    disk = examined.disk
    return (
        context.request.copy_disks
        and context.carried_by_libvirt
        and disk.device == "disk"
        and disk.kind is DiskKind.FILE
        and not disk.read_only
        and not disk.shareable
        and examined.own.verdict not in (Verdict.OK, Verdict.NOTE)
    )


async def _examine(context: Context) -> tuple[Examined, ...]:
    disks = [disk for disk in context.guest.disks if disk.source]
    layers = [layer for disk in disks for layer in layers_of(disk)]
    named = dict.fromkeys(layer.source for layer in layers if layer.kind is DiskKind.VOLUME)
    volumes = await find_volumes(context, named) if named else {}
    files = {pair for layer in layers if (pair := _file_pair(layer, volumes))}
    devices = {pair for layer in layers if (pair := _device_pair(layer, volumes))}
    places, compared = await asyncio.gather(
        _places(context, files), compare_devices(*_ends(context), devices)
    )
    proofs = await _proofs(context, {place.folders for place in places.values()})
    read_only = {
        layer.path
        for disk in disks
        for index, layer in enumerate(layers_of(disk))
        if layer.kind is DiskKind.FILE and (index or is_read_only(disk))
    }
    apart = [
        path for path in sorted(read_only) if proofs[places[path, path].folders].sharing is Sharing.DIFFERENT
    ]
    twins = await _twins(context, apart)
    may_miss = (await context.needs()).media_may_miss if disks else frozenset[str]()
    known = _Known(places, proofs, twins, may_miss, Apart(compared, volumes))
    return tuple(_examined(context, disk, known) for disk in disks)


def is_read_only(disk: Disk) -> bool:
    """Does the guest only ever read it? Pure."""
    return disk.read_only or disk.device == "cdrom"


async def _twins(context: Context, paths: list[str]) -> Mapping[str, Twins]:
    shells = context.source.shell, context.destination.shell
    found = await asyncio.gather(*(facts_of(shell, path) for path in paths for shell in shells))
    return {path: Twins(*found[2 * n : 2 * n + 2]) for n, path in enumerate(paths)}


def _examined(context: Context, disk: Disk, known: _Known) -> Examined:
    findings = [_finding(context, disk, layer, known) for layer in layers_of(disk)]
    pair = _file_pair(layers_of(disk)[0], known.apart.volumes)
    place = known.places.get(pair) if pair else None
    return Examined(disk, findings[0], worst_of(disk, findings), place)


def layers_of(disk: Disk) -> tuple[Layer, ...]:
    """The disk's own image first. Pure."""
    return (Layer(disk.kind, disk.source, disk.path, disk.local_service), *disk.layers)


def _ends(context: Context) -> tuple[End, End]:
    source, destination = context.source, context.destination
    return End(source.host, source.shell), End(destination.host, destination.shell)


def _file_pair(layer: Layer, volumes: Mapping[str, VolumePair]) -> Pair | None:
    """Where a file is on both hosts; a volume may have another path on each."""
    if layer.kind is DiskKind.VOLUME:
        return volumes[layer.source].file_paths
    return (layer.path, layer.path) if layer.kind is DiskKind.FILE else None


def _device_pair(layer: Layer, volumes: Mapping[str, VolumePair]) -> Pair | None:
    if layer.kind is DiskKind.VOLUME:
        return volumes[layer.source].device_paths
    return (layer.path, layer.path) if layer.kind is DiskKind.BLOCK else None


async def _places(context: Context, pairs: Iterable[Pair]) -> Mapping[Pair, Place]:
    wanted = sorted(pairs)
    ends = _ends(context)
    asked = (markers.real_path(end, path) for pair in wanted for end, path in zip(ends, pair, strict=True))
    found = await asyncio.gather(*asked)
    return {pair: Place(*found[2 * n : 2 * n + 2]) for n, pair in enumerate(wanted)}


async def _proofs(context: Context, folders: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Proof]:
    wanted = sorted(folders)
    source, destination = _ends(context)
    found = await asyncio.gather(*(markers.prove(source, destination, *folder) for folder in wanted))
    return dict(zip(wanted, found, strict=True))


def _check(context: Context, examined: Examined) -> Check:
    disk, worst = examined.disk, examined.worst
    word = _EJECTABLE.get(disk.device, "disk")
    id_, title = f"disk.{disk.target}.shared", f"{word} {disk.target} is shared"
    if is_copied(context, examined):
        return Check(id_, title, Verdict.NOTE, f"not proved to be shared, so it is copied: {disk.source}")
    if worst.verdict in (Verdict.OK, Verdict.NOTE):
        return Check(id_, title, worst.verdict, worst.evidence, worst.mend)
    if word != "disk":
        if worst.verdict is Verdict.REFUSE and context.request.mode is MoveMode.OFFLINE:
            worst = replace(
                worst, verdict=Verdict.WARNING, evidence=f"it would not start there: {worst.evidence}"
            )
        worst = replace(worst, mend=f"eject it: {_eject_command(context, disk)}; or {worst.mend}")
    elif not context.request.copy_disks and context.carried_by_libvirt and disk.kind is DiskKind.FILE:
        worst = replace(worst, mend=f"{worst.mend}; or let it be copied (--copy-disks)")
    elif context.request.copy_disks and not context.carried_by_libvirt:
        worst = replace(worst, mend=f"{worst.mend}; disks are copied while the guest runs: choose live")
    return Check(id_, title, worst.verdict, worst.evidence, worst.mend)


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


def _finding(context: Context, disk: Disk, layer: Layer, known: _Known) -> Finding:
    destination = context.destination.host
    if layer.kind is DiskKind.FILE:
        place = known.places[layer.path, layer.path]
        proof = known.proofs[place.folders]
        if layer.path in known.twins:
            is_medium = layer.path == disk.path
            twins, may_miss = known.twins[layer.path], is_medium and disk.target in known.may_miss
            return twins_finding(layer, twins, proof, destination, is_medium=is_medium, may_miss=may_miss)
        return file_finding(layer, place, proof, context.source.host, destination)
    if layer.kind is DiskKind.NETWORK and layer.local_service:
        return Finding(
            Verdict.UNKNOWN,
            f"{layer.source} is a service that each host has for itself",
            f"serve it under an address that both hosts reach, or make sure that {destination} serves the same",
        )
    if layer.kind is DiskKind.NETWORK:
        return Finding(Verdict.OK, f"network disk {layer.source}: each host opens it itself")
    if layer.kind is DiskKind.BLOCK:
        return device_finding(known.apart.devices[layer.path, layer.path])
    if layer.kind is DiskKind.VOLUME:
        return _volume_finding(context, layer, known)
    return Finding(
        Verdict.UNKNOWN,
        f"{layer.kind.value} {layer.source}: nothing tells whether it is shared",
        "compare it on both hosts",
    )


def _volume_finding(context: Context, layer: Layer, known: _Known) -> Finding:
    source, destination = context.source.host, context.destination.host
    pair = known.apart.volumes[layer.source]
    uri = context.destination_view.spec.virsh_uri(context.driver)
    if obstacle := volume_obstacle(layer, pair, source, destination, uri):
        return obstacle
    if pair.file_paths:
        place = known.places[pair.file_paths]
        return file_finding(layer, place, known.proofs[place.folders], source, destination)
    if pair.device_paths:
        return device_finding(known.apart.devices[pair.device_paths])
    return far_volume_finding(pair, source, destination)


def twins_finding(
    layer: Layer, twins: Twins, proof: Proof, host: str, *, is_medium: bool, may_miss: bool
) -> Finding:
    """A file that is only read, and not shared: two of the same contents are as good as one. Pure."""
    here, there = twins.source, twins.destination
    mend = f"put {layer.source} on storage that both hosts mount"
    if there.presence is Presence.MISSING:
        if may_miss:
            evidence = f"{host} has no {layer.source}: the drive will be empty there"
            return Finding(Verdict.WARNING, evidence, f"copy it to {host} first")
        return Finding(Verdict.REFUSE, f"{proof.evidence}; {layer.source} is not there", mend)
    if Presence.UNKNOWN in (here.presence, there.presence):
        return Finding(
            Verdict.UNKNOWN, f"not shared, and not seen on {host}: {there.words or here.words}", mend
        )
    if here.size_bytes == there.size_bytes:
        evidence = f"not shared, but {host} has a {layer.source} of the same size: fine if they are equal"
        return Finding(Verdict.WARNING, evidence, f"compare: sha256sum {shlex.quote(layer.source)}")
    verdict = Verdict.WARNING if is_medium else Verdict.REFUSE
    return Finding(verdict, f"{proof.evidence}; {host} has another {layer.source}, of another size", mend)


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

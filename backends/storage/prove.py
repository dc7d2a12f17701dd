"""Do hosts see one storage? Tried, not believed.

A folder is tried with a marker and a lock, a device is only compared, and a target is known by its name: nothing is
ever written to a LUN.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import filterfalse

from backends.errors import ActionError, FerryError
from backends.fleet.supervisor import Supervisor
from backends.model.fleet import FleetState
from backends.model.host import HostName
from backends.model.storage import HostProof, Sharing, SharingProof
from backends.probes import markers
from backends.probes.markers import End
from backends.probes.storage import devices_apart
from backends.probes.storage.nfs import is_each_host_itself
from backends.storage.iscsi import discover
from backends.storage.subjects import Sight, SightKind, compare_far, sights_of
from backends.untrusted import clean

TRIAL_DEADLINE_S = 90.0
"""For the whole of it. Each host's steps have shorter ones of their own, so that one that hangs holds up no other."""


async def prove(subject: str, hosts: Sequence[Supervisor], state: FleetState) -> SharingProof:
    """The first host that has it is tried against all others, each by what it calls the same.

    One that is slow or silent holds up no other. Raises ActionError when nothing of that name is there.
    """
    sights = await sights_of(subject, hosts, state)
    first = next((host for host in hosts if (sight := sights.get(host.name)) and sight.is_there), None)
    if first is None:
        raise _nothing(subject, sights)
    here = sights[first.name]
    others = [host for host in hosts if host is not first]
    there = [sights.get(host.name, Sight(SightKind.UNKNOWN, words="not asked")) for host in others]
    proofs = await _tried(first, here, list(zip(others, there, strict=True)))
    return SharingProof(_shown(subject), first.name, datetime.now(UTC), proofs)


def _nothing(subject: str, sights: Mapping[HostName, Sight]) -> ActionError:
    told = [sight.words for sight in sights.values() if sight.words]
    return ActionError(
        "; ".join(told[:3]) or f"no host has a path, a pool or a storage called {_shown(subject)}",
        operation=f"prove {_shown(subject)}",
        hint="name a path that is there, a pool, or a storage as the list of storages has it",
    )


async def _tried(
    first: Supervisor, here: Sight, others: Sequence[tuple[Supervisor, Sight]]
) -> tuple[HostProof, ...]:
    """By the same means for all: what the first one's sight allows."""
    askable = [(host, sight) for host, sight in others if _may_be_tried(here, sight)]
    try:
        async with asyncio.timeout(TRIAL_DEADLINE_S):
            match here.kind:
                case SightKind.FOLDER | SightKind.FILE:
                    found = await _by_marker(first, here, askable)
                case SightKind.DEVICE:
                    found = await _by_device(first, here, askable)
                case SightKind.GROUP:
                    found = await _by_group(first, here, askable)
                case SightKind.TARGET:
                    found = await asyncio.gather(*(_by_target(first, here, *other) for other in askable))
                case _:
                    found = [compare_far(here, sight, first.name, host.name) for host, sight in askable]
    except TimeoutError:
        found = [
            HostProof(host.name, Sharing.UNKNOWN, f"no answer within {TRIAL_DEADLINE_S:g} s")
            for host, _ in askable
        ]
    tried = {proof.host: proof for proof in found}
    return tuple(tried.get(host.name) or _not_tried(here, host.name, sight) for host, sight in others)


def _may_be_tried(here: Sight, there: Sight) -> bool:
    """A device that is not there may be known to the host by another path, and a target may be offered to it."""
    if there.kind is SightKind.MISSING:
        return here.kind is SightKind.TARGET or (here.kind is SightKind.DEVICE and bool(there.path))
    return there.kind is here.kind


def _not_tried(here: Sight, host: HostName, sight: Sight) -> HostProof:
    """Nothing of that kind is there, or nothing is known of it."""
    if sight.kind is SightKind.UNKNOWN:
        return HostProof(host, Sharing.UNKNOWN, sight.words)
    if sight.kind is SightKind.MISSING:
        return HostProof(host, Sharing.DIFFERENT, sight.words)
    words = f"{host} has a {sight.kind.value} there, and not a {here.kind.value}"
    return HostProof(host, Sharing.DIFFERENT, words)


async def _by_marker(
    first: Supervisor, here: Sight, others: Sequence[tuple[Supervisor, Sight]]
) -> list[HostProof]:
    readers = [(_end(host), sight.folder) for host, sight in others]
    proofs = await markers.prove_all(_end(first), here.folder, readers, with_locks=True)
    found = []
    for (host, sight), proof in zip(others, proofs, strict=True):
        if proof.sharing is Sharing.PROVED and here.file_name != sight.file_name:
            words = f"{proof.evidence}, but the path leads to another file on {host.name}"
            found.append(HostProof(host.name, Sharing.DIFFERENT, words))
            continue
        sharing = proof.sharing
        if sharing is Sharing.UNKNOWN and here.path == sight.path:
            sharing = Sharing.SAME_PATH
        found.append(HostProof(host.name, sharing, proof.evidence, proof.locks))
    return found


async def _by_device(
    first: Supervisor, here: Sight, others: Sequence[tuple[Supervisor, Sight]]
) -> list[HostProof]:
    """Only compared."""
    wanted = [(_end(host), [sight.path]) for host, sight in others]
    compared = await devices_apart.compare_all(_end(first), [here.path], wanted)
    return [
        HostProof(
            host.name, same.sharing, f"{same.evidence}; {same.mend}" if same.obstacle else same.evidence
        )
        for (host, _), (same,) in zip(others, compared, strict=True)
    ]


async def _by_group(
    first: Supervisor, here: Sight, others: Sequence[tuple[Supervisor, Sight]]
) -> list[HostProof]:
    wanted = [(_end(host), sight.path) for host, sight in others]
    compared = await devices_apart.compare_all_groups(_end(first), here.path, wanted)
    pairs = zip(others, compared, strict=True)
    return [HostProof(host.name, same.sharing, same.evidence) for (host, _), same in pairs]


async def _by_target(first: Supervisor, here: Sight, host: Supervisor, there: Sight) -> HostProof:
    """One that does not use it yet is asked what the same portal offers to it."""
    if there.kind is SightKind.TARGET:
        return compare_far(here, there, first.name, host.name)
    iqn = here.iqn.rpartition("/")[0] or here.iqn
    words = f"{host.name} does not use it yet"
    for portal in sorted(filterfalse(is_each_host_itself, here.portals)):
        try:
            offered = await discover(host, portal)
        except FerryError as error:
            words = f"{words}; {portal}: {error.cause}"
            continue
        if any(target.iqn == iqn for target in offered):
            evidence = f"{words}; {portal} offers {iqn} to it as to {first.name}"
            return HostProof(host.name, Sharing.SAME_IDENTITY, evidence)
        words = f"{words}; {portal} does not offer {iqn} to it"
    return HostProof(host.name, Sharing.UNKNOWN, words)


def _end(host: Supervisor) -> End:
    try:
        return End(host.name, host.reached().shell)
    except FerryError:  # gone since it was asked: it answers for itself that it cannot be reached
        return End(host.name, None)


def _shown(subject: str) -> str:
    return clean(subject, limit=1024)

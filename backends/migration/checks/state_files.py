"""Can a saved guest's state be kept on both hosts, and be carried between them? We carry it, not libvirt."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import humanize

from backends.fleet.session import Session
from backends.migration.checks import peer
from backends.migration.checks.context import Context
from backends.migration.checks.files import Presence, Room, room_of
from backends.model.move import Check, Verdict

FOLDERS = {"qemu": "/var/lib/libvirt/qemu/save", "xen": "/var/lib/libvirt/libxl/save"}
"""libvirt's own, where its security labels expect such files; if there is no room, what every system has."""
EVERYWHERE = "/var/tmp"  # noqa: S108 - the files in it are made for their owner alone, under names nobody can guess


async def carried(context: Context) -> list[Check]:
    """libvirt saves as root, for root alone; we must read on one host what it wrote, and write on the other."""
    shells = (
        (context.source.host, context.source.shell),
        (context.destination.host, context.destination.shell),
    )
    bare = [host for host, shell in shells if shell is None]
    accounts = await asyncio.gather(*(peer.account(shell) for _, shell in shells if shell is not None))
    if bare:
        evidence = f"{' and '.join(bare)} is reached by libvirt alone: no files can be carried"
        return [Check("peer.files", "files can be carried", Verdict.REFUSE, evidence, "add the host by SSH")]
    return [files_verdict(accounts[0], context.source.host, context.destination.host)]


def files_verdict(account: str, source: str, destination: str) -> Check:
    """Pure. `account` is empty for root."""
    if account:
        evidence = f"a saved state is root's alone, and we are {account} on {source}"
        mend = f"log in to {source} as root, or move the guest live"
        return Check("peer.files", "files can be carried", Verdict.REFUSE, evidence, mend)
    evidence = f"its state is carried from {source} to {destination} through SSH, encrypted"
    return Check("peer.files", "files can be carried", Verdict.OK, evidence)


async def room(context: Context) -> list[Check]:
    """On both hosts; nothing where one is reached by libvirt alone."""
    folders = [folder for folder in (FOLDERS.get(context.driver), EVERYWHERE) if folder]
    needed = context.guest.memory_bytes

    async def ask(session: Session) -> Check | None:
        rooms = await asyncio.gather(*(room_of(session.shell, folder) for folder in folders))
        return room_verdict(needed, rooms, session.host)

    found = await asyncio.gather(ask(context.source), ask(context.destination))
    return [check for check in found if check is not None]


def room_verdict(needed: int, rooms: Sequence[Room], host: str) -> Check | None:
    """Pure. A state is rarely as large as the memory may be, so too little room is a doubt."""
    known = [found.available_bytes for found in rooms if found.presence is Presence.THERE]
    if not known:
        return None
    evidence = f"up to {_size(needed)} are needed, {host} has {_size(max(known))} left"
    if max(known) < needed:
        mend = f"make room on {host} in {EVERYWHERE} or libvirt's folder of saved guests"
        return Check("host.state-room", "room for the saved state", Verdict.WARNING, evidence, mend)
    return Check("host.state-room", "room for the saved state", Verdict.OK, evidence)


def _size(size: int) -> str:
    return humanize.naturalsize(size, binary=True)

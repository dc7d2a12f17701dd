"""All questions before a move, asked at once, each with a deadline; the answers worst first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from backends.errors import FerryError
from backends.migration import virsh
from backends.migration.checks import (
    boot_files,
    caches,
    clock,
    copies,
    destination,
    devices,
    disks,
    folders,
    guest,
    locks,
    machine,
    mtu,
    networks,
    pages,
    peer,
    ports,
    postcopy,
    screens,
    state_files,
    versions,
)
from backends.migration.checks.context import SIMULATED, Context
from backends.migration.checks.peer import Peer
from backends.model.guest import GuestState
from backends.model.move import Check, MoveMode, MoveRequest, Preflight, Verdict

CHECK_DEADLINE_S = 25.0

T = TypeVar("T")

OnCheck = Callable[[Check], None]
_Ask: TypeAlias = Callable[[Context], Awaitable[list[Check]]]

_BY_LIBVIRT = frozenset({MoveMode.LIVE, MoveMode.PAUSED})
_SAVED = frozenset({MoveMode.SAVED})
_ACTIVE = _BY_LIBVIRT | _SAVED
_OFFLINE = frozenset({MoveMode.OFFLINE})
_ALL = frozenset(MoveMode)


@dataclass(frozen=True, slots=True)
class Question:
    """One topic. `id` and `title` stand for its checks where it gets no answer."""

    id: str
    title: str
    ask: _Ask
    modes: frozenset[MoveMode] = _ALL
    about_start: bool = False
    """It asks whether the guest can start there: no obstacle to moving the definition of one that is off."""
    simulated: bool = True
    """Does it make sense for libvirt's test driver, whose hosts are made up?"""
    only: str = ""
    """The only driver for which it makes sense; empty: all."""


QUESTIONS: tuple[Question, ...] = (
    Question("guest.state", "guest state", guest.state),
    Question("guest.job", "no other job", guest.job),
    Question("guest.leftovers", "what stays behind", guest.leftovers),
    Question("guest.autostart", "autostart", guest.autostart, _BY_LIBVIRT),
    Question("guest.devices", "devices", devices.ties, only="qemu"),
    Question("guest.folder", "its files are there", folders.there, _OFFLINE, about_start=True, only="lxc"),
    Question("guest.boot-file", "boot files", boot_files.there, about_start=True, simulated=False),
    Question("guest.name", "name and UUID are free", destination.name),
    Question("host.identity", "two different hosts", destination.identity),
    Question("host.driver", "the driver can do it", destination.driver),
    Question("host.versions", "versions", versions.hypervisor),
    Question("host.machine", "machine type", machine.known, about_start=True, only="qemu"),
    Question("host.memory", "memory", destination.memory, about_start=True, simulated=False),
    Question("host.pages", "huge pages and NUMA", pages.placement, about_start=True, simulated=False),
    Question("host.cpu", "processor", destination.cpu, about_start=True, simulated=False),
    Question("host.postcopy", "post-copy", postcopy.possible, _BY_LIBVIRT),
    Question("host.options", "options", postcopy.options, _BY_LIBVIRT),
    Question("host.clock", "clocks", clock.skew, simulated=False),
    Question("host.locks", "lock manager", locks.same, only="qemu"),
    Question("net.there", "networks are there", networks.there, about_start=True, simulated=False),
    Question("host.screen", "screen", screens.listening, about_start=True, only="qemu"),
    Question("disk.shared", "disks are shared", disks.shared, simulated=False),
    Question("disk.cache", "caches", caches.coherent, _BY_LIBVIRT),
    Question("disk.copies", "copies", copies.checks, _BY_LIBVIRT),
    Question("peer.login", "the source reaches the destination", peer.login, _BY_LIBVIRT, simulated=False),
    Question("peer.ports", "migration ports", ports.memory_way, _BY_LIBVIRT, only="qemu"),
    Question("peer.files", "files can be carried", state_files.carried, _SAVED, simulated=False),
    Question("host.state-room", "room for the saved state", state_files.room, _SAVED, simulated=False),
    Question("path.mtu", "packet size", mtu.same, _ACTIVE, simulated=False),
)


async def run(context: Context, on_check: OnCheck | None) -> Preflight:
    """Ask everything that makes sense. A question that cannot be answered is UNKNOWN, never a silent yes."""
    hear = on_check or (lambda _check: None)
    try:
        groups = await asyncio.gather(*(_answers(context, one, hear) for one in questions_for(context)))
        return await _preflight(context, worst_first([check for group in groups for check in group]))
    finally:
        context.once.close()


def questions_for(context: Context) -> list[Question]:
    """Those that make sense for the mode and the driver."""
    mode, driver = context.request.mode, context.driver
    return [
        one
        for one in QUESTIONS
        if mode in one.modes
        and (one.simulated or driver != SIMULATED)
        and (not one.only or one.only == driver)
    ]


async def _answers(context: Context, question: Question, hear: OnCheck) -> list[Check]:
    try:
        async with asyncio.timeout(CHECK_DEADLINE_S):
            answers = await question.ask(context)
    except (FerryError, TimeoutError) as error:
        words = str(error) or "no answer in time"
        answers = [Check(question.id, question.title, Verdict.UNKNOWN, words)]
    if question.about_start and context.request.mode is MoveMode.OFFLINE:
        answers = [soften(answer) for answer in answers]
    for answer in answers:
        hear(answer)
    return answers


def soften(check: Check) -> Check:
    """What keeps a guest from starting there keeps no definition from moving there. Pure."""
    if check.verdict is not Verdict.REFUSE:
        return check
    return replace(check, verdict=Verdict.WARNING, evidence=f"it would not start there: {check.evidence}")


async def _preflight(context: Context, checks: tuple[Check, ...]) -> Preflight:
    """What the checks have found on their way is not asked again."""
    request = context.request
    way = await _or_nothing(peer.find(context)) if context.carried_by_libvirt else None
    way = way or Peer("", Check("", "", Verdict.UNKNOWN, ""))
    planned = await _or_nothing(copies.plan(context))
    seen = await _or_nothing(context.seen())
    found = Preflight(
        request,
        checks,
        command="",
        peer_uri=way.uri,
        route=way.route,
        copies=planned.copies if planned else (),
        was_paused=seen is not None and seen.state is GuestState.PAUSED,
    )
    specs = context.source_view.spec, context.destination_view.spec
    return replace(found, command=virsh.command(found, *specs, persistent=context.guest.persistent))


async def _or_nothing(asked: Awaitable[T]) -> T | None:
    """The check that asked the same has told already why there is no answer."""
    try:
        async with asyncio.timeout(CHECK_DEADLINE_S):
            return await asked
    except (FerryError, TimeoutError):
        return None


def worst_first(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Stable within one verdict."""
    return tuple(sorted(checks, key=lambda check: -check.verdict.severity))


def refused(request: MoveRequest, check: Check) -> Preflight:
    """The answer when nothing else can be asked."""
    return Preflight(request, (check,), command="")

"""Mends unfinished business. What was seen when it was listed counts for nothing: the hosts are asked anew first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from backends.errors import ActionError, FerryError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor import lifecycle, migrate
from backends.hypervisor.connection import Connection
from backends.hypervisor.inventory import read_definitions, read_guests
from backends.hypervisor.job_sweep import JobSweep
from backends.hypervisor.saving import restore
from backends.hypervisor.whereabouts import Whereabouts, whereabouts
from backends.migration.ending import own_images
from backends.migration.ending.own_images import Removal
from backends.migration.ending.saved_state import (
    is_all_there,
    is_being_read,
    is_older_than_disks,
    may_have_run_since,
)
from backends.migration.ending.verdict import POSTCOPY_FAILED
from backends.migration.host_files import files_of
from backends.migration.virsh import peer_uris
from backends.model.guest import GuestAction, GuestKey, GuestState
from backends.model.host import HostName
from backends.model.unfinished import Mend, Unfinished, UnfinishedKind
from backends.probes.markers import IN_ENGLISH, reason
from backends.remote.shell import Shell
from backends.untrusted import clean

_REGULAR = "regular"
"""How stat(1) begins to describe a plain file, in the C locale."""


async def mend(unfinished: Unfinished, supervisors: Mapping[HostName, Supervisor]) -> str:
    """Do it, if it is still right, and say what was done.

    `supervisors`: all hosts that could have the guest. Raises ActionError when it would be wrong now, or when a host
    that must be asked does not answer; LinkError, DeadlineError and ActionError as the hosts give them.
    """
    act = _ACTS.get(unfinished.mend) if unfinished.mend else None
    if act is None:
        raise ActionError(
            "only a person can decide this",
            host=unfinished.guest.host,
            operation="mend",
            hint=unfinished.text,
        )
    try:
        return await act(_Case(unfinished, supervisors))
    finally:
        for name, supervisor in supervisors.items():
            supervisor.mark(unfinished.guest._replace(host=name))


@dataclass(frozen=True, slots=True)
class _Case:
    """One unfinished business, and the hosts to ask about it."""

    unfinished: Unfinished
    supervisors: Mapping[HostName, Supervisor]

    @property
    def key(self) -> GuestKey:
        """The guest, on the host where it is to be mended."""
        return self.unfinished.guest

    @property
    def host(self) -> HostName:
        """Where it is to be mended."""
        return self.key.host

    @property
    def name(self) -> str:
        """The guest's."""
        return self.unfinished.name

    @property
    def here(self) -> Supervisor:
        """Of that host."""
        supervisor = self.supervisors.get(self.host)
        if supervisor is None:
            raise ActionError("no such host in this fleet", host=self.host, operation=self._operation)
        return supervisor

    @property
    def connection(self) -> Connection:
        """To that host. Raises LinkError."""
        return self.here.current().connection(self.key.driver)

    async def ask_here(self) -> Whereabouts:
        """Raises FerryError."""
        return await self.ask(self.here)

    async def has_job(self) -> bool:
        """A transfer that comes in is no job to those who ask about this guest alone. Raises FerryError."""
        jobs = await JobSweep(self.connection, self.host, self.key.driver).run()
        return any(job.guest == self.key for job in jobs)

    async def ask_others(self) -> dict[HostName, Whereabouts | None]:
        """All other hosts at once; None for one that does not answer."""

        async def answer(supervisor: Supervisor) -> Whereabouts | None:
            try:
                return await self.ask(supervisor)
            except FerryError:
                return None

        others = [supervisor for name, supervisor in self.supervisors.items() if name != self.host]
        answers = await asyncio.gather(*map(answer, others))
        return {supervisor.name: seen for supervisor, seen in zip(others, answers, strict=True)}

    async def ask(self, supervisor: Supervisor) -> Whereabouts:
        """A host whose libvirt answers without this guest's driver has none of its guests. Raises FerryError."""
        session = supervisor.current()
        if self.key.driver not in session.connections and not session.trouble:
            return Whereabouts(defined=False)
        return await whereabouts(session.connection(self.key.driver), self.key.uuid)

    async def must_not_be_elsewhere(self) -> dict[HostName, Whereabouts]:
        """Raises ActionError unless every other host says that it does not have the guest running, or half.

        Returns what they say.
        """
        answers = await self.ask_others()
        for host, seen in answers.items():
            if seen is not None and _may_run(seen):
                raise self.wrong(f"{self.name} is {seen.state.value} on {host}")
        silent = [host for host, seen in answers.items() if seen is None]
        if silent:
            raise self.wrong(
                f"{self.name} may run on {' or '.join(silent)}, which {_does_not(silent)} answer",
                hint=f"where you know that it does not: {self.unfinished.command}",
            )
        return {host: seen for host, seen in answers.items() if seen is not None}

    async def must_not_have_run(self, here: Whereabouts) -> None:
        """Raises ActionError unless its saved state is as new as its disks, as far as any host can tell."""
        others = await self.must_not_be_elsewhere()
        active = next((host for host, seen in others.items() if seen.state.active), None)
        if active is not None:
            raise self.wrong(f"{self.name} is {others[active].state.value} on {active}")
        ran = [(host, seen) for host, seen in others.items() if may_have_run_since(seen.state, seen.reason)]
        if is_older_than_disks(here.state, here.reason):
            ran.insert(0, (self.host, here))
        if ran:
            host, seen = ran[0]
            raise self.wrong(
                f"{self.name} is {seen.state.value} on {host} ({seen.reason}), and may have run there since it was"
                " saved: its state is older than its disks then",
                hint=f"where you know that it has not: {self.unfinished.command}",
            )

    async def must_be_somewhere(self) -> None:
        """Raises FerryError unless a host has all of the guest: else a saved state may be all that is left of it."""
        here, others = await asyncio.gather(self.ask_here(), self.ask_others())
        answers = (here, *others.values())
        if not any(seen is not None and is_all_there(seen.state, seen.reason) for seen in answers):
            raise self.wrong(f"no host has {self.name} now: its memory may be in that file alone")

    async def must_be_elsewhere(self) -> None:
        """Raises FerryError unless another host runs the guest, from another file than the copy here."""
        others = await self.ask_others()
        running = [host for host, seen in others.items() if seen is not None and seen.state.executing]
        if not running:
            raise self.wrong(f"no other host runs {self.name} now: its newest disk may be that file")
        for host in running:
            if await own_images.is_there(files_of(self.supervisors[host]), self.mark):
                raise self.wrong(f"{host} runs {self.name} and sees the same files: it may be its disk")

    def wrong(self, cause: str, hint: str = "") -> ActionError:
        """It must not be done."""
        return ActionError(cause, host=self.host, operation=self._operation, hint=hint)

    @property
    def mark(self) -> str:
        """Of a copied disk, beside it."""
        assert self.unfinished.move is not None, "a copy is known by the trace of a move"
        return own_images.mark_of(self.unfinished.move, self.unfinished.path)

    @property
    def _operation(self) -> str:
        return self.unfinished.mend.value if self.unfinished.mend else "mend"


def _may_run(seen: Whereabouts) -> bool:
    """Now, or in a moment."""
    return seen.state.executing or seen.job_running or is_being_read(seen.state, seen.reason)


def _does_not(hosts: list[HostName]) -> str:
    return "does not" if len(hosts) == 1 else "do not"


async def _undefine(case: _Case) -> str:
    """Right only while the guest is off here, and runs and is defined on another host."""
    here, others = await asyncio.gather(case.ask_here(), case.ask_others())
    if not here.defined:
        return f"{case.host} has no definition of {case.name} any more"
    if here.state.active or here.job_running:
        raise case.wrong(f"{case.name} is {here.state.value} here")
    there = next(
        (host for host, seen in others.items() if seen and seen.state.executing and seen.persistent), None
    )
    if there is None:
        raise case.wrong(f"no other host is proved to run {case.name} and to have it defined")
    if not await migrate.undefine(case.connection, case.key.uuid):
        raise case.wrong(f"{case.name} has been started here meanwhile")
    return f"the definition of {case.name} on {case.host} was removed: it runs on {there}"


async def _resume(case: _Case) -> str:
    """Right only while no other host runs it. A half of a post-copy transfer can never be resumed by itself."""
    here = await case.ask_here()
    if here.state.executing:
        return f"{case.name} runs on {case.host} already"
    if here.state is not GuestState.PAUSED:
        raise case.wrong(f"{case.name} is {here.state.value} here")
    if here.job_running or here.reason == POSTCOPY_FAILED or await case.has_job():
        raise case.wrong(f"{case.name} is in the middle of a transfer")
    await case.must_not_be_elsewhere()
    await lifecycle.act(case.connection, case.key.uuid, GuestAction.RESUME)
    now = await case.ask_here()
    if not now.state.executing:
        raise case.wrong(
            f"{case.name} is {now.state.value} again at once: {now.reason or 'libvirt does not say why'}"
        )
    return f"{case.name} runs on {case.host}"


async def _resume_postcopy(case: _Case) -> str:
    """Right only between two halves that both wait for it. Returns when all memory is there."""
    here, others = await asyncio.gather(case.ask_here(), case.ask_others())
    if here.reason != POSTCOPY_FAILED or here.state.executing:
        raise case.wrong(
            f"{case.name} does not wait for its post-copy transfer: it is {here.state.value} here"
        )
    waiting = [host for host, seen in others.items() if seen is not None and seen.reason == POSTCOPY_FAILED]
    if len(waiting) != 1:
        raise case.wrong("the other half is not proved to wait on one other host")
    await _transfer_the_rest(case, case.supervisors[waiting[0]])
    there = await case.ask(case.supervisors[waiting[0]])
    return f"{case.name} has all of its memory on {waiting[0]} now, and is {there.state.value} there"


async def _transfer_the_rest(case: _Case, destination: Supervisor) -> None:
    """Over the first of the addresses by which the source reaches the destination."""
    facts = await destination.current().facts()
    error: ActionError | None = None
    for uri in peer_uris(destination.spec, facts, case.key.driver):
        try:
            async with case.here.current().another(case.key.driver) as worker:
                await migrate.resume_postcopy(worker, case.key.uuid, uri)
        except ActionError as caught:
            error = error or caught
        else:
            return
    assert error is not None, "there is always an address to try"
    raise error


async def _restore(case: _Case) -> str:
    """Right only while no host has it active, and none has let it run since: its memory must fit to its disks."""
    here = await case.ask_here()
    if here.state.active:
        raise case.wrong(f"{case.name} is {here.state.value} here")
    await case.must_not_have_run(here)
    await restore(case.connection, case.unfinished.path, paused=case.unfinished.was_paused)
    now = await case.ask_here()
    return f"{case.name} was restored on {case.host}, and is {now.state.value}"


# -- files ----------------------------------------------------------------------------------------------


async def _remove_file(case: _Case) -> str:
    """Right only for a plain file that no guest of that host has as a disk, or below one."""
    if case.unfinished.kind is UnfinishedKind.STATE_FILE:
        await case.must_be_somewhere()
    is_copy = case.unfinished.kind is UnfinishedKind.DISK_FILE
    if is_copy:
        await case.must_be_elsewhere()
    path, shown = case.unfinished.path, clean(case.unfinished.path, limit=1024)
    if not path.startswith("/"):
        raise case.wrong(f"{shown} is no whole path")
    shell = files_of(case.here)
    seen = await shell.run((*IN_ENGLISH, "stat", "-c", "%d:%i %F", "--", path))
    if seen.status != 0:
        if "No such file" in seen.err:
            if is_copy:
                await _remove_copy(case, shell)  # its mark may be left
            return f"{shown} was gone from {case.host} already"
        raise case.wrong(reason(seen))
    number, _, what = seen.out.strip().partition(" ")
    if not what.startswith(_REGULAR):
        raise case.wrong(f"{shown} is no plain file: {clean(what)}")
    await _must_be_unused(case, shell, path, number)
    if is_copy:
        return await _remove_copy(case, shell)
    removed = await shell.run((*IN_ENGLISH, "rm", "-f", "--", path))
    if removed.status != 0:
        raise case.wrong(reason(removed), hint=case.unfinished.command)
    return f"{shown} was removed from {case.host}"


async def _remove_copy(case: _Case, shell: Shell) -> str:
    """Only what is proved to be the image that the move has made."""
    assert case.unfinished.move is not None, "a copy is known by the trace of a move"
    shown = clean(case.unfinished.path, limit=1024)
    match await own_images.remove(shell, case.unfinished.move, case.unfinished.path):
        case Removal.REMOVED:
            return f"{shown} was removed from {case.host}"
        case Removal.GONE:
            return f"{shown} was gone from {case.host} already"
        case Removal.FOREIGN:
            return f"{shown} on {case.host} is not what the move has made: left alone"
        case Removal.UNPROVED:
            hint = "see whose it is; this is over once it is removed or renamed by hand"
            raise case.wrong(f"no proof that {shown} is what the move has made", hint=hint)


async def _must_be_unused(case: _Case, shell: Shell, path: str, number: str) -> None:
    """A link, or another mount, may give one file two paths: device and inode tell."""
    disks = await _disks_of_all_guests(case)
    if path in disks:
        raise case.wrong(f"it is a disk of {disks[path]}")
    if not disks:
        return
    seen = await shell.run((*IN_ENGLISH, "stat", "-L", "-c", "%d:%i", "--", *disks))
    if number in seen.out.split():
        raise case.wrong("it is a disk of a guest under another path")


async def _disks_of_all_guests(case: _Case) -> dict[str, str]:
    """Path -> guest, of every image of every guest of the host, as its libvirt says now."""
    found: dict[str, str] = {}
    for driver, connection in case.here.current().connections.items():
        guests = await read_guests(connection, case.host, driver)
        definitions = await read_definitions(connection, (guest.key.uuid for guest in guests))
        unread = [guest.name for guest in guests if guest.key.uuid not in definitions]
        if unread:
            raise case.wrong(f"the disks of {unread[0]} could not be read", hint="try again")
        for guest in guests:
            for disk in definitions[guest.key.uuid].disks:
                for path in (disk.path, *(layer.path for layer in disk.layers)):
                    if path:
                        found[path] = guest.name
    return found


_ACTS: dict[Mend, Callable[[_Case], Awaitable[str]]] = {
    Mend.UNDEFINE: _undefine,
    Mend.RESUME: _resume,
    Mend.RESUME_POSTCOPY: _resume_postcopy,
    Mend.RESTORE: _restore,
    Mend.REMOVE_FILE: _remove_file,
}

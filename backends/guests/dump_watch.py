"""A dump that is under way: how far it is, how it is ended before its time, and what has become of it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

from backends.errors import ActionError, DeadlineError, FerryError, LinkError, UnsupportedError
from backends.fleet.supervisor import Supervisor
from backends.guests.dump_look import room_now, shell_of
from backends.guests.dump_plan import size
from backends.hypervisor import jobs
from backends.hypervisor.connection import Connection
from backends.hypervisor.dumping import DUMP, Aborting, abort_dump
from backends.hypervisor.whereabouts import whereabouts
from backends.model.dump import DumpPhase, DumpPlan, DumpProgress, WhileDumping
from backends.model.guest import virsh_name
from backends.probes.dump_kinds import READ_HEAD, head_from, kind_of
from backends.remote.carry import FileAt
from backends.remote.shell import Shell
from backends.untrusted import clean

ROOM_INTERVAL_S = 1.0
LEAST_ROOM_BYTES = 16 * 2**20
"""A dump that would take even this is ended: others write to the same file system."""
GIVE_UP_S = 20.0
"""So long it is waited for the end of a dump that is not wanted any more."""
ABORT_INTERVAL_S = 0.5


@dataclass(frozen=True, slots=True)
class Found:
    """What a dump has left, as the file itself tells."""

    size_bytes: int
    """0: not known."""
    what: str
    """Size and form, in words; and how the guest is, where that is not as it should be."""


class DumpWatch:
    """Of one dump. `control` is a connection of its own, beside the one that waits for libvirt's call."""

    def __init__(
        self, plan: DumpPlan, supervisor: Supervisor, control: Connection, *, was_running: bool
    ) -> None:
        self._plan = plan
        self._supervisor = supervisor
        self._control = control
        self._was_running = was_running
        self._uuid = plan.wish.guest.uuid
        self._shown = clean(plan.path, limit=1024)
        self._has_figures = True
        self._progress = DumpProgress(plan, DumpPhase.DUMPING)
        self._room_asked_s = 0.0

    # -- while it goes on --------------------------------------------------------------------------

    async def sample(self) -> DumpProgress:
        """How far it is. Raises ActionError where the host's room comes to its end."""
        with contextlib.suppress(FerryError):  # that figures are missing ends no dump
            await self._read_figures()
        now_s = asyncio.get_running_loop().time()
        if now_s - self._room_asked_s >= ROOM_INTERVAL_S:
            self._room_asked_s = now_s
            await self._must_have_room()
        return self._progress

    async def _read_figures(self) -> None:
        if not self._has_figures:
            file = self._file()
            if file is not None:
                self._progress = DumpProgress(self._plan, DumpPhase.DUMPING, await file.size_bytes())
            return
        try:
            job = await jobs.read_statistics(self._control, self._uuid)
        except UnsupportedError:
            self._has_figures = False
            return
        if not job.runs(DUMP):
            return
        total, left = (job.total, job.remaining) if job.total else (job.memory_total, job.memory_remaining)
        self._progress = DumpProgress(self._plan, DumpPhase.DUMPING, max(0, total - left), total)

    async def _must_have_room(self) -> None:
        shell = self._shell()
        free = None if shell is None else await room_now(shell, self._plan.path)
        left = self._progress.total_bytes - self._progress.done_bytes
        if free is None or free >= LEAST_ROOM_BYTES or free >= left > 0:
            return
        raise self._error(
            f"no room left: {size(free)} are free beside {self._shown}, so the dump was given up",
            "others write to the same file system; make room there, or name another folder",
        )

    # -- ended before its time ---------------------------------------------------------------------

    async def give_up(self, task: asyncio.Future[Any]) -> None:
        """Nothing of it is wanted any more. Raises ActionError where it is not over, or the guest does not run on."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + GIVE_UP_S
        while not task.done() and loop.time() < until_s:
            aborting = Aborting.NOTHING
            with contextlib.suppress(FerryError):
                aborting = await abort_dump(self._control, self._uuid)
            if aborting is Aborting.REFUSED:
                self._must_be_harmless(task, is_refused=True)
                await self._empty()
            await asyncio.wait((task,), timeout=ABORT_INTERVAL_S)
        is_over = task.done()
        is_whole = is_over and task.exception() is None
        self._must_be_harmless(task)
        _let_go(task)
        is_removed = await self._remove()
        if not is_over:
            left = "is removed already; its room is free once QEMU has ended with it"
            raise self._error(
                "the dump is not over yet: libvirt goes on with it, and the guest may stand still until then. "
                f"{self._shown} {left if is_removed else 'could not be removed'}",
                f"see: virsh domjobinfo {virsh_name(self._plan.name, self._plan.wish.guest)}",
            )
        if is_whole and not is_removed:
            raise self._error(
                f"it was too late to abort this dump, and it cannot be removed here: {self._shown}"
            )
        if trouble := await self._trouble_of_the_guest():
            raise self._error(f"the dump is over, but {trouble}", self._resume_hint())

    def _must_be_harmless(self, task: asyncio.Future[Any], *, is_refused: bool = False) -> None:
        """A guest that is ended or reset all the same is not to lose its dump, too."""
        then = self._plan.wish.then
        is_whole = task.done() and task.exception() is None
        if then in (WhileDumping.CRASH, WhileDumping.RESET) and (is_refused or is_whole):
            _let_go(task)
            raise self._error(
                f"it was too late to abort this dump: the guest {then.value}. The dump stays: {self._shown}"
            )

    async def _empty(self) -> None:
        """Its room is free again at once, and the guest waits for no disk."""
        await self._on_file("truncate", "-c", "-s", "0")

    async def _remove(self) -> bool:
        """The file was not there before this dump, and has a name of its own."""
        return await self._on_file("rm", "-f")

    async def _on_file(self, *argv: str) -> bool:
        """Was it done?"""
        shell = self._shell()
        if shell is not None:
            with contextlib.suppress(FerryError):  # what cannot be done here is told by what is left
                return (await shell.run((*argv, "--", self._plan.path))).status == 0
        return False

    # -- what has become of it ---------------------------------------------------------------------

    async def explained(self, error: FerryError, task: asyncio.Future[Any]) -> FerryError:
        """Why there is no dump, with what is left of it, and how the guest is."""
        if not task.done():  # our own word: it is still to be ended
            try:
                await self.give_up(task)
            except FerryError as further:
                error.cause = f"{error.cause}; {further.cause}"
            return error
        if isinstance(error, LinkError | DeadlineError):
            name = virsh_name(self._plan.name, self._plan.wish.guest)
            hint = f"on {self._supervisor.name}: virsh domjobinfo {name}; ls -l {self._shown}"
            cause = f"{error.cause}: it is not known what became of the dump; libvirt goes on with what it has begun"
            return type(error)(cause, host=error.host, operation=error.operation, hint=hint)
        trouble = await self._trouble_of_the_guest()
        left = await self._size()
        words = [
            error.cause,
            *([f"what was written is left: {self._shown}"] if left is not None else []),
            *([trouble] if trouble else []),
        ]
        hint = self._resume_hint() if trouble else _hint_for(error)
        return ActionError("; ".join(words), host=error.host, operation=error.operation, hint=hint)

    async def found(self) -> Found:
        """Of a dump that libvirt calls complete."""
        trouble = await self._trouble_of_the_guest()
        after = f"; {trouble}" if trouble else ""
        bytes_there = await self._size()
        if bytes_there is None:
            return Found(0, f"written; this account cannot look at it{after}")
        kind = await self._kind()
        return Found(bytes_there, f"{size(bytes_there)}, {kind}{after}")

    async def _kind(self) -> str:
        shell = self._shell()
        if shell is not None:
            with contextlib.suppress(FerryError):
                answer = await shell.run((*READ_HEAD, self._plan.path))
                if answer.status == 0:
                    return kind_of(head_from(answer.out)) or "of no form that is known here"
        return "which this account cannot read"

    async def _size(self) -> int | None:
        file = self._file()
        if file is None:
            return None
        try:
            return await file.size_bytes()
        except FerryError:
            return None

    async def _trouble_of_the_guest(self) -> str:
        """Empty where it is as it should be after a dump, and where nobody says."""
        if not self._was_running or self._plan.wish.then is WhileDumping.CRASH:
            return ""
        try:
            seen = await whereabouts(self._control, self._uuid)
        except FerryError:
            return ""
        if seen.state.executing:
            return ""
        reason = f" ({seen.reason})" if seen.reason else ""
        return f"the guest ran before, and is {seen.state.value}{reason} now"

    def _resume_hint(self) -> str:
        return f"virsh resume {virsh_name(self._plan.name, self._plan.wish.guest)}"

    def _shell(self) -> Shell | None:
        """None: reached by libvirt alone, or not at all now."""
        try:
            return shell_of(self._supervisor)
        except FerryError:
            return None

    def _file(self) -> FileAt | None:
        shell = self._shell()
        return None if shell is None else FileAt(self._supervisor.name, shell, self._plan.path)

    def _error(self, cause: str, hint: str = "") -> ActionError:
        return ActionError(cause, host=self._supervisor.name, operation="dump the guest", hint=hint)


def _let_go(task: asyncio.Future[Any]) -> None:
    """Nobody waits for it any more."""
    if task.done():
        task.exception()
    else:
        task.cancel()


def _hint_for(error: FerryError) -> str:
    if "dumpformat" in error.cause or "win-dump" in error.cause:
        return "take it as ELF, which every QEMU writes"
    if "No space left" in error.cause:
        return "make room there, or name another folder"
    return error.hint or "see the log of the guest, and of libvirt's daemon"

"""What a move has put on hosts is taken back, or left for good, once it is certain where the guest is."""

from __future__ import annotations

import shlex

from backends.errors import ActionError, FerryError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor import lifecycle
from backends.hypervisor.migrate import undefine
from backends.hypervisor.whereabouts import Whereabouts, whereabouts
from backends.migration.ending import own_images
from backends.migration.ending.own_images import Removal, removal_command
from backends.migration.ending.verdict import Place
from backends.migration.host_files import files_of
from backends.migration.record import MoveRecord
from backends.model.guest import GuestAction, GuestState, virsh_name
from backends.model.move import MoveMode, Trace, TraceKind
from backends.probes.markers import IN_ENGLISH, reason
from backends.untrusted import clean


class Tidying:
    """Of one move. Nothing is removed on the word of an old answer: hosts are asked anew, right before."""

    def __init__(self, record: MoveRecord, source: Supervisor, destination: Supervisor) -> None:
        self._record = record
        self._source = source
        self._destination = destination
        self._key = record.move.request.guest
        self._left: list[str] = []
        self.seen_there: Whereabouts | None = None
        """What the destination said last of a guest that has arrived; None where it was not asked or did not answer."""

    async def run(self, place: Place) -> tuple[str, ...]:
        """Returns what is left to do, with commands."""
        match place:
            case Place.ARRIVED:
                await self._after_arrival()
            case Place.STAYED:
                await self._after_staying()
            case _:
                self._left += [self._keep(trace) for trace in self._record.move.traces]
        return tuple(self._left)

    # -- it is on the destination --------------------------------------------------------------------

    async def _after_arrival(self) -> None:
        there = await self.ask(self._destination)
        if there is not None and there.state is GuestState.PAUSED and self._record.traces(TraceKind.PAUSE):
            there = await self._resume(self._destination)
        self.seen_there = there
        proved = there is not None and self._is_whole(there)
        await self._remove_source_definition(is_proved=proved and there is not None and there.persistent)
        for trace in self._record.move.traces:
            if trace.kind is TraceKind.PAUSE and there is not None and there.state is GuestState.PAUSED:
                continue  # it is told by its state, and stays in the books
            if trace.kind is TraceKind.DISK_FILE:
                await self._let_go(trace)
            elif trace.kind is not TraceKind.STATE_FILE:
                self._record.cleared(trace)  # the definition and the state there are now the guest's own
            elif proved:
                await self._remove_file(trace)
            else:
                self._left.append(self._leave_alone(trace))

    def _is_whole(self, there: Whereabouts) -> bool:
        """Is it there as it was before? Then the source's remains are of no more use."""
        if self._record.move.request.mode is MoveMode.OFFLINE:
            return there.defined
        preflight = self._record.move.preflight
        was_paused = preflight is not None and preflight.was_paused
        return there.state.executing or (was_paused and there.state is GuestState.PAUSED)

    async def _remove_source_definition(self, *, is_proved: bool) -> None:
        """A definition left on the source invites a second start."""
        here = await self.ask(self._source)
        if here is not None and not (here.defined and here.persistent):
            return
        source, destination = self._source.name, self._destination.name
        command = self._virsh(self._source, "undefine")
        if here is None or not is_proved:
            lives = f"when it is sure that it lives on {destination}"
            self._left.append(f"{lives}, remove the definition on {source}: {command}")
            return
        await self._record.kept()
        try:
            removed = await undefine(self._source.current().connection(self._key.driver), self._key.uuid)
        except FerryError as error:
            known = isinstance(error, ActionError)
            words = "could not be removed" if known else "may not have been removed"
            self._record.log(f"the definition on {source} {words}: {error.cause}")
            self._left.append(f"remove the definition on {source}: {command}")
            return
        if removed:
            self._record.log(f"{source}: definition removed after {destination} was proved to have the guest")
        else:
            self._left.append(f"{source} still holds the guest: make sure that it does not run there too")

    # -- it is on the source -------------------------------------------------------------------------

    async def _after_staying(self) -> None:
        for trace in self._record.move.traces:
            match trace.kind:
                case TraceKind.PAUSE:
                    await self._undo_pause(trace)
                case TraceKind.DEFINITION:
                    await self._undo_definition(trace)
                case TraceKind.DEFINED:
                    self._record.cleared(trace)
                case TraceKind.DISK_FILE:
                    await self._undo_copy(trace)
                case TraceKind.STATE_FILE:
                    await self._undo_state(trace)

    async def _undo_pause(self, trace: Trace) -> None:
        here = await self.ask(self._source)
        if here is not None and here.state is GuestState.PAUSED:
            here = await self._resume(self._source)
        if here is None or here.state is GuestState.PAUSED:
            self._left.append(self._leave_alone(trace))
        else:
            self._record.cleared(trace)

    async def _undo_definition(self, trace: Trace) -> None:
        there = await self.ask(self._destination)
        try:
            if there is not None and there.defined and not trace.was_there:
                await self._record.kept()
                await undefine(self._destination.current().connection(self._key.driver), self._key.uuid)
                there = await self.ask(self._destination)
        except FerryError as error:
            self._record.log(f"the definition on {trace.host} could not be removed: {error.cause}")
        if there is None or there.defined:
            self._left.append(self._leave_alone(trace))
        else:
            self._record.cleared(trace)

    async def _undo_copy(self, trace: Trace) -> None:
        """An image that the destination's guest has open is not ours to remove."""
        there = await self.ask(self._destination)
        if there is None:
            self._left.append(self._leave_alone(trace))
        elif there.state.active:
            self._left.append(self._keep(trace))
        else:
            await self._remove_copy(trace)

    async def _undo_state(self, trace: Trace) -> None:
        """The saved state is the guest's memory: it stays until the guest has it back."""
        here = await self.ask(self._source)
        if here is not None and here.state.active:
            await self._remove_file(trace)
        else:
            self._left.append(self._leave_alone(trace))

    # -- tools ---------------------------------------------------------------------------------------

    async def ask(self, supervisor: Supervisor) -> Whereabouts | None:
        """None when the host does not answer."""
        try:
            return await whereabouts(supervisor.current().connection(self._key.driver), self._key.uuid)
        except FerryError:
            return None

    async def _resume(self, supervisor: Supervisor) -> Whereabouts | None:
        """We have paused it, so we let it run on."""
        await self._record.kept()
        try:
            connection = supervisor.current().connection(self._key.driver)
            await lifecycle.act(connection, self._key.uuid, GuestAction.RESUME)
            self._record.log(f"the guest runs on, on {supervisor.name}")
        except FerryError as error:
            self._record.log(f"the guest could not be resumed on {supervisor.name}: {error.cause}")
        return await self.ask(supervisor)

    async def _remove_copy(self, trace: Trace) -> None:
        """Only what is proved to be the image that this move has made."""
        path = clean(trace.path, limit=1024)
        await self._record.kept()
        try:
            removal = await own_images.remove(files_of(self._destination), self._record.id, trace.path)
        except FerryError as error:
            self._record.log(f"{trace.host}: {path} could not be removed: {error.cause}")
            self._left.append(self._leave_alone(trace))
            return
        match removal:
            case Removal.UNPROVED:
                words = "there is a file in the place of the copy, and no proof that it is ours"
                self._left.append(f"{trace.host}: {words}: {path}")
                return
            case Removal.FOREIGN:
                self._record.log(f"{trace.host}: {path} is not what this move has made: left alone")
            case Removal.REMOVED:
                self._record.log(f"{trace.host}: {path} removed")
            case Removal.GONE:
                pass
        self._record.cleared(trace)

    async def _let_go(self, trace: Trace) -> None:
        """The copy is the guest's own disk now: with a trace, it could be removed as a remnant one day."""
        try:
            await own_images.let_go(files_of(self._destination), self._record.id, trace.path)
        except FerryError as error:
            mark = clean(own_images.mark_of(self._record.id, trace.path), limit=1024)
            self._record.log(f"{trace.host}: {mark} could not be removed: {error.cause}")
            words = f"a second name of its disk is left on {trace.host}"
            self._left.append(f"{words}: {shlex.join(['rm', '--', mark])}")
        self._record.cleared(trace)

    async def _remove_file(self, trace: Trace) -> None:
        supervisor = self._source if trace.host == self._source.name else self._destination
        await self._record.kept()
        try:
            answer = await files_of(supervisor).run((*IN_ENGLISH, "rm", "-f", "--", trace.path))
            trouble = "" if answer.status == 0 else reason(answer)
        except FerryError as error:
            trouble = error.cause
        if trouble:
            self._record.log(f"{trace.host}: {clean(trace.path)} could not be removed: {trouble}")
            self._left.append(self._leave_alone(trace))
        else:
            self._record.cleared(trace)
            self._record.log(f"{trace.host}: {clean(trace.path)} removed")

    def _keep(self, trace: Trace) -> str:
        """As `_leave_alone`, while it is not sure where the guest is: its newest disk may be the copy."""
        if trace.kind is not TraceKind.DISK_FILE:
            return self._leave_alone(trace)
        words = f"{trace.host} has a copy of its disk: keep it until it is sure where the guest is"
        return f"{words}: {clean(trace.path, limit=1024)}"

    def _leave_alone(self, trace: Trace) -> str:
        """In words, with the command, for a person who knows more than we do."""
        host = self._source if trace.host == self._source.name else self._destination
        path = clean(trace.path, limit=1024)
        match trace.kind:
            case TraceKind.PAUSE:
                sure = "when it is sure that it runs nowhere else"
                return f"it was paused for the move; to let it run on, {sure}: {self._virsh(host, 'resume')}"
            case TraceKind.DEFINITION if trace.was_there:
                return f"{trace.host} has a definition of it, an older one or ours: {self._virsh(host, 'dumpxml')}"
            case TraceKind.DEFINITION | TraceKind.DEFINED:
                return f"{trace.host} may hold a definition of it: {self._virsh(host, 'undefine')}"
            case TraceKind.DISK_FILE:
                command = shlex.join(
                    clean(word, limit=1024) for word in removal_command(self._record.id, trace.path)
                )
                return f"a partial copy may be left on {trace.host}: {command}"
            case TraceKind.STATE_FILE if host is self._destination:
                return f"a copy of its saved state is left on {trace.host}: rm {shlex.quote(path)}"
            case TraceKind.STATE_FILE:
                uri = host.spec.virsh_uri(self._key.driver)
                preflight = self._record.move.preflight
                paused = ("--paused",) if preflight is not None and preflight.was_paused else ()
                restore = shlex.join(["virsh", "-c", uri, "restore", path, *paused])
                return f"its saved state is kept on {trace.host}; if it has run nowhere since: {restore}"

    def _virsh(self, host: Supervisor, verb: str) -> str:
        name = virsh_name(self._record.move.request.name, self._key)
        return shlex.join(["virsh", "-c", host.spec.virsh_uri(self._key.driver), verb, name])

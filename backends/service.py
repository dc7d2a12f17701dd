"""The Fleet of backends.api: supervisors, the board, and the moves, under one roof."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from platformdirs import user_state_path

from backends.capabilities import posture
from backends.capabilities.baseline import find_baseline
from backends.capabilities.compare import compare_hosts
from backends.capabilities.survey import survey
from backends.config import require_unique
from backends.errors import ActionError, FerryError, GuestMissingError, JournalError, LinkError
from backends.fleet.mailbox import Board
from backends.fleet.supervisor import Supervisor
from backends.hypervisor import jobs, lifecycle
from backends.hypervisor.inventory import read_xml
from backends.journal.journal import Journal
from backends.migration.engine import Engine, act_of
from backends.model.capability import HostCapabilities
from backends.model.comparison import Baseline, Comparison
from backends.model.fleet import Changes, FleetState, HostView, Surveyed
from backends.model.guest import Guest, GuestAction, GuestKey
from backends.model.history import AuditLine
from backends.model.host import HostName, HostSpec, Link, LinkStatus
from backends.model.move import Check, Move, MoveId, MoveRequest, Preflight, RunningJob
from backends.model.posture import Posture
from backends.model.question import Asker
from backends.model.storage import (
    Chain,
    GrowPlan,
    GrowProgress,
    IscsiLogin,
    IscsiTarget,
    SharingProof,
    StorageMap,
)
from backends.model.unfinished import Unfinished
from backends.storage import iscsi
from backends.storage.chain import read_chain
from backends.storage.growth.plan import plan_growth
from backends.storage.growth.run import grow
from backends.storage.prove import prove
from backends.storage.survey import read_storage
from backends.storage.watched import Watched
from backends.untrusted import clean

_log = logging.getLogger(__name__)

START_INTERVAL_S = 0.01
"""Hosts are opened one after another: a hundred lanes that all log in at once would starve the first paint."""
MAX_RUNTIME_PATH = 60
"""Bytes. A socket's path may have 107 (unix(7)), and ours adds folders and names below it."""
_DESCRIBED_S = 10.0
"""For the definitions of all guests of a host that has just been reached: ten thousand take a few seconds."""
_SETTLED = (Link.UP, Link.DEGRADED, Link.DOWN, Link.STALE)


class FleetService:
    """See backends.api.Fleet."""

    def __init__(
        self, specs: Sequence[HostSpec], ask: Asker | None, folder: Path, journal: Journal | JournalError
    ) -> None:
        connecting = LinkStatus(Link.CONNECTING, datetime.now(UTC))
        self._board = Board(FleetState(hosts={spec.name: HostView(spec, connecting) for spec in specs}))
        self._supervisors: dict[HostName, Supervisor] = {}
        for number, spec in enumerate(specs):
            sockets = folder / str(number)
            sockets.mkdir(mode=0o700)
            self._supervisors[spec.name] = Supervisor(spec, self._board, ask, sockets)
        self._journal = journal
        self._engine = Engine(self._supervisors, self._board, journal)
        self._watched = Watched()

    @classmethod
    @asynccontextmanager
    async def open(cls, specs: Sequence[HostSpec], ask: Asker | None) -> AsyncIterator[FleetService]:
        """Run the supervisors while the block lasts."""
        require_unique(specs)
        _allow_many_files()
        async with _open_journal() as journal, cls._open(specs, ask, journal) as service:
            yield service

    @classmethod
    @asynccontextmanager
    async def _open(
        cls, specs: Sequence[HostSpec], ask: Asker | None, journal: Journal | JournalError
    ) -> AsyncIterator[FleetService]:
        folder = _runtime_folder()
        try:
            service = cls(specs, ask, folder, journal)
            from_block: Exception | None = None
            async with asyncio.TaskGroup() as group:
                supervisors = enumerate(service._supervisors.values())
                tasks = [group.create_task(s.run(n * START_INTERVAL_S)) for n, s in supervisors]
                tasks.append(group.create_task(service._engine.run()))
                try:
                    yield service
                except Exception as error:  # noqa: BLE001 - the caller's own: it must not come back inside a group
                    from_block = error
                finally:
                    for task in tasks:
                        task.cancel()
            if from_block is not None:
                raise from_block
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def state(self) -> FleetState:
        """The newest picture."""
        return self._board.state

    def watch(self) -> AsyncIterator[Changes]:
        """The state now, then each change."""
        return self._board.watch()

    async def settled(self, timeout_s: float, *, described: bool = False) -> FleetState:
        """Wait until no host is connecting any more."""
        try:
            async with asyncio.timeout(timeout_s):
                async for changes in self.watch():
                    if all(view.link.link in _SETTLED for view in changes.state.hosts.values()):
                        break
                if described:
                    await asyncio.gather(*(each.described() for each in self._supervisors.values()))
        except TimeoutError:
            pass
        return self.state

    async def act(self, guest: GuestKey, action: GuestAction) -> None:
        """Do something to the life of a guest. Not while it moves: libvirt would hold the call until the move ends."""
        if any(
            move.request.guest.uuid == guest.uuid
            for move in self.state.moves.values()
            if not move.phase.final
        ):
            raise ActionError(
                "the guest is being moved",
                host=guest.host,
                operation=action.value,
                hint="wait, or abort the move",
            )
        supervisor = self._supervisor(guest.host)
        known = self.state.guest(guest)
        _log.info("%s: %s guest %s", guest.host, action.value, guest.uuid)
        with self._audited(f"{action.value} {known.name if known else guest.uuid} on {guest.host}"):
            try:
                await lifecycle.act(supervisor.current().connection(guest.driver), guest.uuid, action)
            finally:
                supervisor.mark(guest)

    def reconnect(self, host: HostName) -> None:
        """Try again now."""
        self._supervisor(host).retry_now()

    async def definition(self, guest: GuestKey) -> str:
        """The guest's XML."""
        return await read_xml(self._supervisor(guest.host).current().connection(guest.driver), guest.uuid)

    async def survey(self, host: HostName) -> HostCapabilities:
        """Ask what it can do."""
        found = await survey(self._supervisor(host).reached())
        self._board.publish(Surveyed(host, found))
        return found

    async def compare(self, hosts: Sequence[HostName] = ()) -> Comparison:
        """Which can take whose guests."""
        return await compare_hosts(self._chosen(hosts), self.state)

    async def baseline(self, hosts: Sequence[HostName] = ()) -> Baseline:
        """The processor that all can give."""
        return await find_baseline(self._chosen(hosts), self.state)

    async def posture(self, host: HostName) -> Posture:
        """How safe it is set up."""
        return await posture.read(self._supervisor(host).reached(), self.state.hosts[host])

    async def storage(self, hosts: Sequence[HostName] = ()) -> StorageMap:
        """All storage, by identity."""
        return await read_storage(self._chosen(hosts), self.state, self._watched)

    async def prove(self, subject: str, hosts: Sequence[HostName] = ()) -> SharingProof:
        """Do hosts see one storage?"""
        chosen = await self._described(self._chosen(hosts))
        with self._audited(f"prove that {clean(subject)} is shared"):
            return await prove(subject, chosen, self.state)

    async def chain(self, guest: GuestKey, target: str) -> Chain:
        """From a guest's disk down to the bytes."""
        return await read_chain(self._supervisor(guest.host), self._guest(guest), target)

    async def plan_growth(self, guest: GuestKey, target: str, size_bytes: int) -> GrowPlan:
        """How the disk would grow."""
        return await plan_growth(self._supervisor(guest.host), self._guest(guest), target, size_bytes)

    async def grow(self, plan: GrowPlan) -> AsyncGenerator[GrowProgress, None]:
        """Carry a plan out."""
        supervisor = self._supervisor(plan.guest.host)
        end = "broken off before its first step"
        try:
            async for progress in grow(plan, supervisor):
                said = progress.words or "not begun"
                end = said if progress.finished else f"broken off: {said}"
                yield progress
        except FerryError as error:
            end = str(error)
            raise
        finally:
            act = f"grow {plan.target} of {plan.name} to {plan.after_bytes} bytes"
            self._engine.note(act, end)
            supervisor.mark(plan.guest)

    async def iscsi_targets(self, host: HostName, portal: str) -> tuple[IscsiTarget, ...]:
        """What a portal offers to a host."""
        return await iscsi.discover(self._supervisor(host), portal)

    async def iscsi_login(self, host: HostName, login: IscsiLogin) -> None:
        """Log a host in to a target."""
        with self._audited(f"log {host} in to {clean(login.iqn)}"):
            await iscsi.log_in(self._supervisor(host), login)

    async def iscsi_logout(self, host: HostName, login: IscsiLogin) -> None:
        """Log it out."""
        with self._audited(f"log {host} out of {clean(login.iqn)}"):
            await iscsi.log_out(self._supervisor(host), login, self.state)

    async def iscsi_rescan(self, host: HostName, iqn: str = "") -> tuple[str, ...]:
        """Look anew at its LUNs."""
        with self._audited(f"let {host} look at the LUNs of {clean(iqn) or 'all targets'}"):
            return await iscsi.rescan(self._supervisor(host), iqn)

    async def preflight(
        self, request: MoveRequest, on_check: Callable[[Check], None] | None = None
    ) -> Preflight:
        """Ask before moving."""
        return await self._engine.preflight(request, on_check)

    def start_move(self, preflight: Preflight, *, accept_doubts: bool = False) -> MoveId:
        """Start it."""
        with self._audited(act_of(preflight.request)):
            return self._engine.start(preflight, accept_doubts=accept_doubts)

    async def abort_move(self, move: MoveId) -> None:
        """Ask for the end of the transfer."""
        with self._audited_move("abort", move):
            await self._engine.abort(move)

    async def set_bandwidth(self, move: MoveId, mib_s: int) -> None:
        """Limit the transfer."""
        with self._audited_move(f"limit to {mib_s} MiB/s", move):
            await self._engine.knobs(move).set_bandwidth(mib_s)

    async def set_max_downtime(self, move: MoveId, downtime_ms: int) -> None:
        """Change the downtime limit."""
        with self._audited_move(f"allow {downtime_ms} ms of downtime to", move):
            await self._engine.knobs(move).set_max_downtime(downtime_ms)

    async def start_postcopy(self, move: MoveId) -> None:
        """No way back from then on."""
        with self._audited_move("switch to post-copy", move):
            await self._engine.knobs(move).start_postcopy()

    async def pause_guest(self, move: MoveId) -> None:
        """So that the transfer ends soon."""
        with self._audited_move("pause the guest of", move):
            await self._engine.knobs(move).pause_guest()

    async def mend(self, unfinished: Unfinished) -> None:
        """Do what mends it."""
        what = unfinished.mend.value if unfinished.mend else unfinished.kind.value
        act = f"{what}: {unfinished.name} on {unfinished.guest.host}"
        try:
            done = await self._engine.mend(unfinished)
        except FerryError as error:
            self._engine.note(act, str(error), unfinished.move)
            raise
        self._engine.note(act, done, unfinished.move)

    async def history(self, text: str = "", *, limit: int = 200) -> tuple[Move, ...]:
        """Of the journal."""
        return await self._the_journal().history(text, limit=limit)

    async def past_move(self, move: MoveId) -> Move | None:
        """Of the journal."""
        return await self._the_journal().past_move(move)

    async def audit(self, text: str = "", *, limit: int = 200) -> tuple[AuditLine, ...]:
        """Of the journal."""
        return await self._the_journal().audit(text, limit=limit)

    def _the_journal(self) -> Journal:
        if isinstance(self._journal, JournalError):
            raise self._journal
        return self._journal

    def _audited_move(self, act: str, id_: MoveId) -> AbstractContextManager[None]:
        move = self.state.moves.get(id_)
        return self._audited(f"{act} the move of {move.request.name}" if move else f"{act} move {id_}", id_)

    @contextmanager
    def _audited(self, act: str, move: MoveId | None = None) -> Iterator[None]:
        """Whatever comes of it goes into the journal."""
        try:
            yield
        except FerryError as error:
            self._engine.note(act, str(error), move)
            raise
        self._engine.note(act, "done", move)

    async def running_jobs(self) -> tuple[RunningJob, ...]:
        """All hosts that answer are asked at once; one that fails meanwhile counts as not answering."""

        async def of(supervisor: Supervisor) -> tuple[RunningJob, ...]:
            if supervisor.session is None:
                return ()
            guests = self.state.hosts[supervisor.name].guests.values()
            found: tuple[RunningJob, ...] = ()
            try:
                for driver, connection in supervisor.session.connections.items():
                    active = [g for g in guests if g.state.active and g.key.driver == driver]
                    found += await jobs.running(connection, active)
            except FerryError:
                return found
            return found

        found = await asyncio.gather(*(of(supervisor) for supervisor in self._supervisors.values()))
        return tuple(job for host in found for job in host)

    def _guest(self, key: GuestKey) -> Guest:
        guest = self.state.guest(key)
        if guest is None:
            raise GuestMissingError("no such guest (any more)", host=key.host)
        return guest

    def _chosen(self, hosts: Sequence[HostName]) -> tuple[Supervisor, ...]:
        return tuple(self._supervisor(host) for host in hosts or self._supervisors)

    async def _described(self, supervisors: tuple[Supervisor, ...]) -> tuple[Supervisor, ...]:
        """The same, once the disks of their guests are known: a little later than that they are up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_DESCRIBED_S):
                await asyncio.gather(*(supervisor.described() for supervisor in supervisors))
        return supervisors

    def _supervisor(self, host: HostName) -> Supervisor:
        supervisor = self._supervisors.get(host)
        if supervisor is None:
            raise LinkError("no such host in this fleet", host=host)
        return supervisor


@asynccontextmanager
async def _open_journal() -> AsyncIterator[Journal | JournalError]:
    """Without a journal hosts can still be watched: the error is told to whoever needs it."""
    async with AsyncExitStack() as stack:
        try:
            folder = user_state_path("virt-ferry", appauthor=False)
            journal: Journal | JournalError = await stack.enter_async_context(Journal.open(folder))
        except JournalError as error:
            _log.warning("%s", error)
            journal = error
        yield journal


def _runtime_folder() -> Path:
    """A new folder that only we can enter, for the near ends of forwarded sockets; short, as socket paths must be."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    usable = 0 < len(runtime) <= MAX_RUNTIME_PATH and os.access(runtime, os.W_OK)
    return Path(tempfile.mkdtemp(prefix="virt-ferry-", dir=runtime if usable else "/tmp"))  # noqa: S108 - mode 0700


def _allow_many_files() -> None:
    """Each host takes about ten descriptors, and libvirt's event loop ends the process when there are none left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

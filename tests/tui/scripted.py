"""A fleet that does what a test says: the real store and mailboxes, without hosts behind them.

Only for what libvirt's in-process test driver cannot do (migrate, ask for host keys, fall silent); everything
else is tested on that driver.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_DNS, uuid5

from backends.api import ActionError, FerryError, LinkError
from backends.fleet.mailbox import Board
from backends.model.capability import HostCapabilities
from backends.model.comparison import Baseline, Comparison
from backends.model.fleet import (
    Changes,
    FleetEvent,
    FleetState,
    HostView,
    JobsChanged,
    LinkChanged,
    MoveChanged,
    MoveGone,
    Sampled,
    Snapshot,
    Surveyed,
    UnfinishedChanged,
)
from backends.model.guest import Disk, DiskKind, Guest, GuestAction, GuestKey, GuestSample, GuestState, Nic
from backends.model.history import AuditLine
from backends.model.host import Driver, HostFacts, HostLoad, HostName, HostSpec, Link, LinkStatus, Reach
from backends.model.move import (
    Check,
    DiskCopy,
    Gap,
    LogKind,
    Move,
    MoveId,
    MoveLogLine,
    MoveMode,
    MoveProgress,
    MoveRequest,
    Origin,
    Outcome,
    Outlook,
    Phase,
    Preflight,
    Result,
    Route,
    RunningJob,
    Verdict,
)
from backends.model.posture import Posture
from backends.model.unfinished import Mend, Unfinished, UnfinishedKind
from tests.tui.capable import answer
from tests.tui.scripted_crashes import ScriptedCrashes
from tests.tui.scripted_storage import ScriptedStorage

GIB = 1024**3
MIB = 1024**2
NOW = datetime.now(UTC)

FINE = (
    Check("guest.state", "guest state", Verdict.OK, "running on h1"),
    Check("disk.vda.shared", "disk vda is shared", Verdict.OK, "a marker written on h1 was read on h2"),
)
DOUBT = Check(
    "host.cpu", "processor", Verdict.WARNING, "h2 lacks avx2", mend="give the guest a common CPU model"
)
NO = Check(
    "host.memory", "memory", Verdict.REFUSE, "the guest needs 4 GiB, h2 has 1 GiB", mend="free some on h2"
)


def guest(host: str, name: str, state: GuestState = GuestState.RUNNING, **changes: object) -> Guest:
    """A guest with usual values; its UUID comes from its name."""
    key = GuestKey(HostName(host), "qemu", str(uuid5(NAMESPACE_DNS, name)))
    usual = Guest(
        key,
        name,
        state,
        reason="booted" if state is GuestState.RUNNING else "",
        vcpus=2,
        memory_bytes=2 * GIB,
        since=NOW - timedelta(days=3),
        disks=(Disk("vda", DiskKind.FILE, f"/var/lib/libvirt/shared/images/{name}.qcow2", format="qcow2"),),
        nics=(Nic("52:54:00:12:34:56", "br0", "virtio"),),
        machine="q35",
        kind="kvm",
    )
    return replace(usual, **changes)  # type: ignore[arg-type]  # fields by name


def host_spec(name: str) -> HostSpec:
    """A host over SSH."""
    return HostSpec(HostName(name), Reach.SSH, f"root@{name}")


class ScriptedFleet(ScriptedStorage, ScriptedCrashes):
    """Implements backends.api.Fleet. Its methods record what they were asked in `asked`."""

    def __init__(self, *hosts: str) -> None:
        super().__init__()
        connecting = LinkStatus(Link.CONNECTING, NOW)
        views = {HostName(name): HostView(host_spec(name), connecting) for name in hosts}
        self.board = Board(FleetState(hosts=views))
        self.asked: list[tuple[object, ...]] = []
        self.checks: tuple[Check, ...] = FINE
        self.refuses: FerryError | None = None
        self.route = Route.PEER_TO_PEER
        self.copies: tuple[DiskCopy, ...] = ()
        self.past: tuple[Move, ...] = ()
        self.acts: tuple[AuditLine, ...] = ()
        self.surveys: dict[str, HostCapabilities | FerryError] = {}
        self.comparison: Comparison | FerryError | None = None
        self.common: Baseline | FerryError | None = None
        self.postures: dict[str, Posture | FerryError] = {}
        self.xml = "<domain type='kvm'>\n  <uuid>{uuid}</uuid>\n</domain>"

    # -- what the test does -------------------------------------------------------------------------

    def tell(self, event: FleetEvent) -> None:
        """Something happened."""
        self.board.publish(event)

    def up(self, host: str, *guests: Guest) -> None:
        """A host answers, with these guests."""
        name = HostName(host)
        facts = HostFacts(
            host, "", "x86_64", "EPYC-Rome", 16, 24 * GIB, (Driver("qemu", "QEMU", "9.0.0", "10.0.2"),)
        )
        self.tell(LinkChanged(name, LinkStatus(Link.UP, NOW)))
        self.tell(Snapshot(name, 1, facts, guests, NOW))

    def sample(self, host: str, cpu: float, samples: dict[GuestKey, GuestSample]) -> None:
        """New figures of a host."""
        history = tuple(abs((i * 37 % 11) / 20 + cpu / 3) for i in range(20))
        self.tell(Sampled(HostName(host), 1, HostLoad(cpu, 12 * GIB, cpu_history=history), samples, NOW))

    def link(self, host: str, link: Link, reason: str = "", hint: str = "") -> None:
        """A host's link changes."""
        self.tell(LinkChanged(HostName(host), LinkStatus(link, NOW, reason, hint)))

    def has(self, *moves: Move) -> None:
        """Moves that this program did not start are found: in the journal, or on a host."""
        for move in moves:
            self.tell(MoveChanged(move, step=True))

    def forget(self, move: MoveId) -> None:
        """A move of somebody else is over."""
        self.tell(MoveGone(move))

    def has_jobs(self, *jobs: RunningJob) -> None:
        """Jobs that libvirt reports and that are no moves."""
        self.tell(JobsChanged(jobs))

    def has_unfinished(self, *unfinished: Unfinished) -> None:
        """What moves have left behind."""
        self.tell(UnfinishedChanged(unfinished))

    def step(
        self,
        move: MoveId,
        phase: Phase,
        words: str = "",
        *,
        progress: MoveProgress | None = None,
        kind: LogKind = LogKind.STEP,
    ) -> None:
        """The move goes on."""
        old = self.state.moves[move]
        log = (*old.log, MoveLogLine(datetime.now(UTC), words, kind)) if words else old.log
        history = (*old.history, progress) if progress else old.history
        new = replace(old, phase=phase, log=log, progress=progress or old.progress, history=history)
        self.tell(MoveChanged(new, step=phase is not old.phase or bool(words)))

    def end(
        self,
        move: MoveId,
        result: Result,
        where: str,
        reason: str = "",
        *left_to_do: str,
        gap: Gap | None = None,
    ) -> None:
        """The move is over."""
        old = self.state.moves[move]
        outcome = Outcome(
            result, HostName(where), GuestState.RUNNING, reason, 11.8, 26, int(2.6 * GIB), left_to_do, gap
        )
        phase = Phase(result.value)
        self.tell(MoveChanged(replace(old, phase=phase, outcome=outcome), step=True))

    # -- backends.api.Fleet --------------------------------------------------------------------------

    @property
    def state(self) -> FleetState:
        """The newest picture."""
        return self.board.state

    def watch(self) -> AsyncIterator[Changes]:
        """As the real one."""
        return self.board.watch()

    async def settled(self, timeout_s: float, *, described: bool = False) -> FleetState:
        """There is nothing to wait for."""
        return self.state

    async def act(self, guest: GuestKey, action: GuestAction) -> None:
        """Remember it, or fail as told."""
        self.asked.append(("act", guest, action))
        if self.refuses:
            raise self.refuses

    def reconnect(self, host: HostName) -> None:
        """Remember it."""
        self.asked.append(("reconnect", host))

    async def definition(self, guest: GuestKey) -> str:
        """Some XML."""
        return self.xml.format(uuid=guest.uuid)

    async def survey(self, host: HostName) -> HostCapabilities:
        """What the test has set for this host; one that it has not set does not answer."""
        self.asked.append(("survey", host))
        capabilities = answer(self.surveys.get(host), LinkError(f"{host} does not answer"))
        self.tell(Surveyed(host, capabilities))
        return capabilities

    async def compare(self, hosts: Sequence[HostName] = ()) -> Comparison:
        """What the test has set."""
        self.asked.append(("compare", tuple(hosts)))
        return answer(self.comparison, ActionError("no host answers"))

    async def baseline(self, hosts: Sequence[HostName] = ()) -> Baseline:
        """What the test has set."""
        self.asked.append(("baseline", tuple(hosts)))
        return answer(self.common, ActionError("these hosts have no processor in common"))

    async def posture(self, host: HostName) -> Posture:
        """What the test has set for this host; one that it has not set does not answer."""
        self.asked.append(("posture", host))
        return answer(self.postures.get(host), LinkError(f"{host} does not answer"))

    async def preflight(
        self, request: MoveRequest, on_check: Callable[[Check], None] | None = None
    ) -> Preflight:
        """The checks that the test has set."""
        self.asked.append(("preflight", request))
        for check in self.checks:
            if on_check:
                on_check(check)
        worst_first = sorted(self.checks, key=lambda check: -check.verdict.severity)
        return Preflight(
            request,
            tuple(worst_first),
            f"virsh migrate --live {request.name} {request.destination} && virsh undefine {request.name}",
            route=self.route,
            copies=self.copies if request.copy_disks else (),
        )

    def start_move(self, preflight: Preflight, *, accept_doubts: bool = False) -> MoveId:
        """A move that waits for the test's `step`."""
        self.asked.append(("start", preflight.request, accept_doubts))
        move = MoveId(f"move-{len(self.state.moves) + 1}")
        self.tell(
            MoveChanged(
                Move(move, preflight.request, Phase.PREPARING, datetime.now(UTC), preflight), step=True
            )
        )
        return move

    async def abort_move(self, move: MoveId) -> None:
        """Remember it."""
        self.asked.append(("abort", move))

    async def set_bandwidth(self, move: MoveId, mib_s: int) -> None:
        """Remember it."""
        self.asked.append(("bandwidth", move, mib_s))

    async def set_max_downtime(self, move: MoveId, downtime_ms: int) -> None:
        """Remember it."""
        self.asked.append(("downtime", move, downtime_ms))

    async def start_postcopy(self, move: MoveId) -> None:
        """Remember it."""
        self.asked.append(("post-copy", move))

    async def pause_guest(self, move: MoveId) -> None:
        """Remember it."""
        self.asked.append(("pause", move))

    async def mend(self, unfinished: Unfinished) -> None:
        """Remember it, or fail as told."""
        self.asked.append(("mend", unfinished.id))
        if self.refuses:
            raise self.refuses

    async def history(self, text: str = "", *, limit: int = 200) -> tuple[Move, ...]:
        """The past moves whose guest's name has the text, without samples; or fail as told."""
        self.asked.append(("history", text))
        if self.refuses:
            raise self.refuses
        found = (move for move in self.past if text in move.request.name)
        return tuple(replace(move, history=()) for move in found)[:limit]

    async def past_move(self, move: MoveId) -> Move | None:
        """With its samples."""
        return next((each for each in self.past if each.id == move), None)

    async def audit(self, text: str = "", *, limit: int = 200) -> tuple[AuditLine, ...]:
        """The acts that have the text; or fail as told."""
        if self.refuses:
            raise self.refuses
        return tuple(line for line in self.acts if text in line.what)[:limit]

    async def running_jobs(self) -> tuple[RunningJob, ...]:
        """Those that the test has told of."""
        return self.state.jobs


def transfer(second: float, *, total: int = 2 * GIB, dirty_mib_s: float | None = 31) -> MoveProgress:
    """A sample of a usual transfer, `second` seconds after its start."""
    remaining = max(0, int(total - second * 112 * MIB))
    outruns = dirty_mib_s is not None and dirty_mib_s >= 112
    return MoveProgress(
        elapsed_s=second,
        total_bytes=total,
        processed_bytes=total - remaining,
        remaining_bytes=remaining,
        rate_bytes_s=min(112.0, 20 + second * 30) * MIB,
        dirty_bytes_s=dirty_mib_s * MIB if dirty_mib_s else None,
        iteration=1 + int(second // 5),
        throttle_percent=0,
        downtime_limit_ms=30,
        eta_s=None if outruns else (4.2, 7.9),
        stop_ms=None if outruns else (24, 41),
        outlook=Outlook.WILL_NOT if outruns else Outlook.WILL_CONVERGE,
    )


def found_move(name: str, origin: Origin, who: str = "root@bastion, process 4711") -> Move:
    """A move of somebody else, or of an earlier program, from h1 to h2."""
    request = MoveRequest(guest("h1", name).key, name, HostName("h2"))
    return Move(
        MoveId(f"{origin.value}-{name}"),
        request,
        Phase.COPYING,
        NOW - timedelta(seconds=8),
        progress=transfer(8),
        history=tuple(transfer(second) for second in range(1, 9)),
        log=(MoveLogLine(NOW, "found on h1"),),
        origin=origin,
        who=who,
    )


def past_move(name: str, result: Result = Result.SUCCEEDED, *, hours_ago: float = 2) -> Move:
    """A move that the journal knows."""
    where = HostName("h2" if result is Result.SUCCEEDED else "h1")
    request = MoveRequest(guest("h1", name).key, name, HostName("h2"))
    return Move(
        MoveId(f"past-{name}"),
        request,
        Phase(result.value),
        datetime.now(UTC) - timedelta(hours=hours_ago),
        preflight=Preflight(request, FINE, f"virsh migrate --live {name}"),
        progress=transfer(17),
        history=tuple(transfer(second) for second in range(1, 18)),
        log=(MoveLogLine(NOW, "started"), MoveLogLine(NOW, "limit 60 ms: it fits then", LogKind.POLICY)),
        outcome=Outcome(result, where, GuestState.RUNNING, "", 18.4, 41, int(2.2 * GIB)),
        origin=Origin.EARLIER,
        who="root@bastion, process 4711",
    )


def left_over(
    name: str, kind: UnfinishedKind = UnfinishedKind.DEFINED_TWICE, mend: Mend | None = Mend.UNDEFINE
) -> Unfinished:
    """Something that a move of this guest has left on h1."""
    key = guest("h1", name).key
    return Unfinished(
        f"{kind.value.replace(' ', '-')}/h1/qemu/{key.uuid}",
        kind,
        key,
        name,
        f"{name} runs on h2 and is still defined on h1",
        mend,
        f"virsh -c qemu+ssh://root@h1/system undefine {name}" if mend else "",
    )


def request_of(move: Move, mode: MoveMode) -> Move:
    """The same move in another mode."""
    return replace(move, request=replace(move.request, mode=mode))

"""The only door for the terminal: open a fleet, read it, act on it.

    async with open_fleet(specs, asker=asker) as fleet:
        async for changes in fleet.watch():
            ...

Everything that comes out is a frozen value of backends.model; everything that goes wrong in a way a user can act on is
a FerryError. All calls are made on the event loop's thread and none blocks it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from backends.config import Config, load_config, parse_host, require_unique
from backends.errors import (
    ActionError,
    ConfigError,
    DeadlineError,
    FerryError,
    LinkError,
)
from backends.lab.commands import app as lab_commands
from backends.model.capability import HostCapabilities
from backends.model.comparison import Baseline, Comparison
from backends.model.crash import CrashRecord, Evidence, HostCrashes
from backends.model.crash_setting import CrashSetting, CrashWish
from backends.model.dump import DumpPlan, DumpProgress, DumpWish
from backends.model.fleet import Changes, FleetState
from backends.model.guest import GuestAction, GuestKey
from backends.model.history import AuditLine
from backends.model.host import HostName, HostSpec
from backends.model.log import LogLine, LogMatches, Saving
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

__all__ = [
    "ActionError",
    "Asker",
    "Config",
    "ConfigError",
    "DeadlineError",
    "FerryError",
    "Fleet",
    "LinkError",
    "Log",
    "embedded_hosts",
    "lab_commands",
    "lab_hosts",
    "load_config",
    "open_fleet",
    "parse_host",
    "require_unique",
]


class Log(Protocol):
    """A log on a host, read piece by piece and from its end; of a compressed one, its text.

    All calls raise FerryError.
    """

    @property
    def place(self) -> str:
        """Host and path, safe to show."""
        ...

    @property
    def size_bytes(self) -> int:
        """Of the text, as far as it is known: what `refresh` has found last."""
        ...

    async def refresh(self) -> int:
        """Ask for the size anew: more than before where lines have come, less where the log began anew."""
        ...

    async def before(self, offset: int, count: int) -> tuple[LogLine, ...]:
        """Up to `count` lines that end at this byte or before it, oldest first; empty at the beginning."""
        ...

    async def after(self, offset: int, count: int) -> tuple[LogLine, ...]:
        """Up to `count` lines that begin at this byte, or at the next beginning of a line; empty at the end."""
        ...

    def search(self, text: str) -> AsyncGenerator[LogMatches, None]:
        """All lines with this text, small and capital letters alike; ends early when it is closed."""
        ...

    def save(self, path: Path, *, overwrite: bool = False) -> AsyncGenerator[Saving, None]:
        """All of it into a file of this machine, as it is on the host; there only when it is whole.

        Raises ActionError where the file is there already and may not be overwritten.
        """
        ...


class Fleet(Protocol):
    """All hosts, their guests and the moves between them."""

    @property
    def state(self) -> FleetState:
        """The newest picture of everything."""
        ...

    def watch(self) -> AsyncIterator[Changes]:
        """The state now, then each change; samples are conflated while the reader is busy, transitions kept."""
        ...

    async def settled(self, timeout_s: float, *, described: bool = False) -> FleetState:
        """The state once each host is up, down or stale, or when the time has passed.

        `described`: and once the guests' definitions, which tell their disks, have been read, too.
        """
        ...

    async def act(self, guest: GuestKey, action: GuestAction) -> None:
        """Do it. Raises ActionError, LinkError or DeadlineError."""
        ...

    def reconnect(self, host: HostName) -> None:
        """Do not wait for the next attempt: try now, and ask again what was refused. Raises LinkError if unknown."""
        ...

    async def definition(self, guest: GuestKey) -> str:
        """The guest's libvirt XML, safe to show and without secrets."""
        ...

    async def survey(self, host: HostName) -> HostCapabilities:
        """Ask a host anew what it can do; the state keeps the answer. Raises FerryError where it does not answer."""
        ...

    async def compare(self, hosts: Sequence[HostName] = ()) -> Comparison:
        """Which of these hosts (none named: all) can take whose guests. Hosts that do not answer are left out."""
        ...

    async def baseline(self, hosts: Sequence[HostName] = ()) -> Baseline:
        """The processor that all of these hosts can give. Raises ActionError when they have none in common."""
        ...

    async def posture(self, host: HostName) -> Posture:
        """How safe a host and its guests are set up, asked anew. Raises FerryError where the host does not answer."""
        ...

    async def storage(self, hosts: Sequence[HostName] = ()) -> StorageMap:
        """All storage that these hosts (none named: all) see, by identity, asked anew. Those that fail are left out."""
        ...

    async def prove(self, subject: str, hosts: Sequence[HostName] = ()) -> SharingProof:
        """Do hosts see one storage? The first host writes a marker, or is only compared with where it is a LUN.

        `subject`: a path, the name of a pool, or the key of a storage's id. No host named: all that answer.
        Raises ActionError when nothing of that name is there.
        """
        ...

    async def chain(self, guest: GuestKey, target: str) -> Chain:
        """From a guest's disk down to the bytes. Raises FerryError."""
        ...

    async def plan_growth(self, guest: GuestKey, target: str, size_bytes: int) -> GrowPlan:
        """How the disk would grow to this size; nothing is done. Raises FerryError."""
        ...

    def grow(self, plan: GrowPlan) -> AsyncGenerator[GrowProgress, None]:
        """Carry a plan out, step by step; the first failure stops, and says what is done. Raises FerryError.

        Who closes it stops it before the next step; a step that has begun is ended first.
        """
        ...

    async def iscsi_targets(self, host: HostName, portal: str) -> tuple[IscsiTarget, ...]:
        """What a portal (`address` or `address:port`) offers to a host, by discovery. Raises FerryError."""
        ...

    async def iscsi_login(self, host: HostName, login: IscsiLogin) -> None:
        """Log a host in to a target. Raises FerryError."""
        ...

    async def iscsi_logout(self, host: HostName, login: IscsiLogin) -> None:
        """Log it out. Raises ActionError while a guest that is active has a disk there."""
        ...

    async def iscsi_rescan(self, host: HostName, iqn: str = "") -> tuple[str, ...]:
        """Let a host look how large the LUNs of a target are now, or of all; what was done, in words.

        Raises FerryError.
        """
        ...

    async def crashes(self, host: HostName, since: datetime | None = None) -> HostCrashes:
        """Look anew for what crashes have left on a host; the state keeps the answer.

        `since`: so far back; None: for a week. Raises FerryError where the host does not answer.
        """
        ...

    def follow_crashes(self) -> AbstractAsyncContextManager[None]:
        """While the block lasts, what happens on the hosts comes into the state within three seconds.

        What libvirt tells by itself comes in any case. Hosts are looked at once when they come up, and then when a log
        of theirs has grown. May be entered more than once.
        """
        ...

    def open_log(self, host: HostName, path: str) -> AbstractAsyncContextManager[Log]:
        """A log of the host, by the path of an evidence, open while the block lasts. Raises FerryError."""
        ...

    def fetch(self, host: HostName, evidence: Evidence, path: Path) -> AsyncGenerator[Saving, None]:
        """Bring a dump or a core here, with the same manners as Log.save. Raises FerryError."""
        ...

    async def plan_dump(self, wish: DumpWish) -> DumpPlan:
        """Can the guest be dumped so, and where to? Nothing is done. Raises FerryError."""
        ...

    def dump(self, plan: DumpPlan) -> AsyncGenerator[DumpProgress, None]:
        """Take the dump. Who closes it aborts it, and what it had written is removed. Raises FerryError."""
        ...

    async def crash_setting(self, guest: GuestKey) -> CrashSetting:
        """What happens when the guest crashes, and what would be left of it. Raises FerryError."""
        ...

    async def change_crash_setting(self, guest: GuestKey, wish: CrashWish) -> str:
        """Change it; what was done and from when it holds, in words. Raises FerryError."""
        ...

    def crash_of_move(self, move: Move) -> CrashRecord | None:
        """The crash that a move has met, as far as the state knows: of its guest, on either host, while it lasted."""
        ...

    async def preflight(
        self, request: MoveRequest, on_check: Callable[[Check], None] | None = None
    ) -> Preflight:
        """Ask all the questions at once; `on_check` hears each answer as it comes."""
        ...

    def start_move(self, preflight: Preflight, *, accept_doubts: bool = False) -> MoveId:
        """Start it; it then lives in `state.moves` and goes on without any reader.

        Raises ActionError if the checks refuse it, or are doubtful and that was not accepted.
        """
        ...

    async def abort_move(self, move: MoveId) -> None:
        """Ask the hypervisor to stop the transfer; the move tells what came of it."""
        ...

    async def set_bandwidth(self, move: MoveId, mib_s: int) -> None:
        """Limit the transfer to this many MiB a second, from now on."""
        ...

    async def set_max_downtime(self, move: MoveId, downtime_ms: int) -> None:
        """Let the guest stand still for this long at the switch: the new limit, at once and for the policy."""
        ...

    async def start_postcopy(self, move: MoveId) -> None:
        """Switch over now and fetch the rest of the memory over the network: from then on there is no way back."""
        ...

    async def pause_guest(self, move: MoveId) -> None:
        """Pause the guest, so that it writes no more and the transfer ends soon; it runs on when it has arrived."""
        ...

    async def mend(self, unfinished: Unfinished) -> None:
        """Do what mends this unfinished business. Raises ActionError when there is nothing that a program may do."""
        ...

    async def history(self, text: str = "", *, limit: int = 200) -> tuple[Move, ...]:
        """Moves of the journal, newest first, without samples; `text` filters by guest, host, mode, result or words."""
        ...

    async def past_move(self, move: MoveId) -> Move | None:
        """A move of the journal, with its samples."""
        ...

    async def audit(self, text: str = "", *, limit: int = 200) -> tuple[AuditLine, ...]:
        """Who did what, when, and what came of it; newest first."""
        ...

    async def running_jobs(self) -> tuple[RunningJob, ...]:
        """The jobs that libvirt reports now on all hosts that answer, whoever started them."""
        ...


def open_fleet(
    specs: Sequence[HostSpec], *, asker: Asker | None = None
) -> AbstractAsyncContextManager[Fleet]:
    """Connect to the hosts, each in its own time. Leaving the block closes all links and does not stop moves."""
    from backends.service.fleet import FleetService

    return FleetService.open(specs, asker)


def lab_hosts() -> tuple[HostSpec, ...]:
    """The hosts of the lab on this machine. Raises ConfigError when there is no lab."""
    from backends.lab.layout import Layout
    from backends.lab.specs import lab_specs

    layout = Layout.from_environment()
    if not layout.ssh_config.exists():
        raise ConfigError("there is no lab on this machine", hint="virt-ferry lab up (as root)")
    return lab_specs(layout)


def embedded_hosts(count: int = 3, guests: int = 8) -> AbstractAsyncContextManager[tuple[HostSpec, ...]]:
    """libvirt's in-process test hosts, for trying the program where no real host is. They cannot migrate."""
    from backends.embedded import embedded_specs

    return embedded_specs(count, guests)

"""The random cases of `./dev bench faults`: a guest, a way to move it, a fault, and the moment of the fault. Pure.

A case follows from the seed and its number alone, so that one can be tried again without those before it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum

from backends.lab.guest_xml import Disk, GuestSpec


class Kind(Enum):
    """What sort of guest."""

    IDLE = "idle"
    DIRTY = "dirty"
    WRITER = "disk writer"
    PAUSED = "paused"
    TRANSIENT = "transient"
    LOCAL = "local disk"
    OFF = "off"


class Way(Enum):
    """How it is moved."""

    LIVE = "live"
    POSTCOPY = "live, post-copy"
    PAUSED = "paused"
    SAVED = "saved"
    OFFLINE = "offline"
    COPY = "live, disk copied"


class Fault(Enum):
    """What goes wrong. S is the source, D the destination."""

    NONE = "nothing"
    CLIENT = "program killed, started again"
    DAEMON_S = "libvirtd killed, S"
    DAEMON_D = "libvirtd killed, D"
    QEMU_S = "QEMU killed, S"
    QEMU_D = "QEMU killed, D"
    CUT_HEALS = "D cut off, heals"
    CUT_STAYS = "D cut off, stays"
    CUT_S = "S cut off, heals"
    RESET = "channel reset"
    CHANNEL = "channel silent, heals"
    CONTROL = "daemons cut from each other"
    FREEZE_S = "S hangs for a while"
    FREEZE_D = "D hangs for a while"
    POWER_S = "power loss, S"
    POWER_D = "power loss, D"
    POWEROFF = "guest powers off"
    REBOOT = "guest reboots"
    PANIC = "guest panics"
    ABORT = "user aborts"
    SLOW = "link slow for a while"


NEEDS_RUNNING = (Fault.QEMU_S, Fault.POWEROFF, Fault.REBOOT, Fault.PANIC)
"""Only a guest that runs when the move begins can suffer these."""
NEEDS_TRANSFER = (Fault.QEMU_D, Fault.RESET, Fault.CHANNEL)
"""Only where QEMU itself transfers."""
ENDS_GUEST = (Fault.QEMU_S, Fault.POWER_S, Fault.POWEROFF, Fault.PANIC)
"""After these the guest may rightly be off wherever it was."""
ENDS_IF_ARRIVED = (Fault.QEMU_D, Fault.POWER_D)
"""After these, too, if it had been switched over when the fault came: so it is off on D, or its halves are lost."""

_WAYS = {
    Kind.IDLE: (Way.LIVE, Way.LIVE, Way.POSTCOPY, Way.PAUSED, Way.SAVED),
    Kind.DIRTY: (Way.LIVE, Way.POSTCOPY, Way.POSTCOPY, Way.PAUSED),
    Kind.WRITER: (Way.LIVE, Way.POSTCOPY, Way.PAUSED, Way.SAVED),
    Kind.PAUSED: (Way.PAUSED, Way.SAVED),
    Kind.TRANSIENT: (Way.LIVE, Way.POSTCOPY),
    Kind.LOCAL: (Way.COPY,),
    Kind.OFF: (Way.OFFLINE,),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One trial."""

    number: int
    kind: Kind
    way: Way
    fault: Fault
    moment: float
    """How much of the transfer is done when the fault comes, 0..1."""
    pause_s: float
    """A further wait, so that the fault does not always follow a sample at once."""

    @property
    def name(self) -> str:
        """Of its guest. A lab has addresses for 99 guests in all its life, so names come again."""
        return f"case-{self.number % 90}"

    @property
    def words(self) -> str:
        """For the table and for who looks on."""
        return f"case {self.number}: {self.kind.value} guest, {self.way.value}; {self.fault.value} at {self.moment:.0%}"

    def spec(self, heartbeat: str) -> GuestSpec:
        """The guest to be made."""
        dirty = {Kind.DIRTY: 24, Kind.WRITER: 2}.get(self.kind, 0)
        writes = {Kind.WRITER: 512, Kind.LOCAL: 512}.get(self.kind, 0)
        return GuestSpec(
            name=self.name,
            dirty_mib_s=dirty,
            write_kib_s=writes,
            disk=Disk.LOCAL if self.kind is Kind.LOCAL else Disk.SHARED,
            arguments=(heartbeat,),
        )

    @property
    def options(self) -> tuple[str, ...]:
        """Of `virt-ferry migrate`."""
        slowly = ("--bandwidth", "24")
        match self.way:
            case Way.LIVE:
                return ("--mode", "live", *slowly)
            case Way.POSTCOPY:
                return ("--mode", "live", "--last-resort", "post-copy", "--max-downtime", "60", *slowly)
            case Way.PAUSED:
                return ("--mode", "paused", *slowly)
            case Way.SAVED:
                return ("--mode", "saved")
            case Way.OFFLINE:
                return ("--mode", "offline")
            case Way.COPY:
                return ("--mode", "live", "--copy-disks", *slowly)


def case(seed: int, number: int) -> Case:
    """The case of this number. Every fault comes once in as many cases as there are faults, in a random order."""
    faults = list(Fault)
    turn, place = divmod(number, len(faults))
    random.Random(f"{seed}/{turn}").shuffle(faults)  # noqa: S311
    fault = faults[place]
    chosen = random.Random(f"{seed}/{turn}/{place}")  # noqa: S311
    kind, way = chosen.choice([pair for pair in _pairs() if _makes_sense(*pair, fault)])
    return Case(number, kind, way, fault, chosen.uniform(0, 0.9), chosen.uniform(0, 0.5))


def _pairs() -> list[tuple[Kind, Way]]:
    return [(kind, way) for kind, ways in _WAYS.items() for way in ways]


def _makes_sense(kind: Kind, way: Way, fault: Fault) -> bool:
    if fault in NEEDS_RUNNING and kind in (Kind.OFF, Kind.PAUSED):
        return False
    return not (fault in NEEDS_TRANSFER and way in (Way.SAVED, Way.OFFLINE))

"""The truth about a guest, found without the engine, and whether what the engine told agrees with it.

Knows nothing of backends.hypervisor and backends.migration. It looks at both hosts' processes, asks virsh on each, and
hears the guest itself: console, disk, heartbeat.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from backends.lab.errors import LabError
from backends.lab.host import Host
from backends.lab.lab import Lab
from backends.lab.process import wait_until
from tests.faults.console import complaints
from tests.faults.sight import Sight, look

SETTLE_S = 20.0
INCOMING = "migrating"
"""The reason that virsh gives for a guest whose memory is still coming, or that is stopped for the switch."""
POSTCOPY = ("post-copy", "post-copy failed")
_ENDED = re.compile(r"^(\S+ \S+): shutting down, reason=", re.MULTILINE)
"""The last line that libvirt writes into the log of a QEMU process (qemuProcessStop)."""


class Place(Enum):
    """Where and how a guest is."""

    RUNS = "runs"
    PAUSED = "paused"
    OFF = "off"
    """No process anywhere, and at least one host has its definition."""
    LOST = "lost"
    """No process and no definition anywhere."""
    DOUBLED = "doubled"
    """It executes on two hosts."""
    SPLIT = "split"
    """Its memory is on two hosts, in the middle of post-copy."""
    UNSETTLED = "unsettled"
    """Two processes, and no sign which is the guest: a transfer is under way, or was given up this very moment."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The place, with what it was read from."""

    place: Place
    hosts: tuple[str, ...]
    """The host of RUNS and PAUSED; all hosts with a definition for OFF; all hosts concerned for the others."""
    sights: tuple[Sight, ...]
    complaints: tuple[str, ...] = ()
    """What the guest said that it should not have: ticks lost or done again, errors of its disk."""

    @property
    def host(self) -> str:
        """The only host concerned, or nothing."""
        return self.hosts[0] if len(self.hosts) == 1 else ""

    def on(self, host: str) -> Sight:
        """What was seen on one host."""
        return next(sight for sight in self.sights if sight.host == host)

    @property
    def defined_on(self) -> tuple[str, ...]:
        """Hosts whose libvirt has a stored definition."""
        return tuple(sight.host for sight in self.sights if sight.persistent)

    def __str__(self) -> str:
        seen = "; ".join(sight.words for sight in self.sights if sight.known or sight.processes)
        return f"{self.place.value} on {', '.join(self.hosts) or 'no host'} ({seen}) {list(self.complaints)}"


def judge(sights: Sequence[Sight]) -> tuple[Place, tuple[str, ...]]:
    """What these sights add up to. Pure."""
    executing = tuple(sight.host for sight in sights if sight.executing)
    alive = [sight for sight in sights if sight.processes]
    if len(executing) > 1 or any(sight.processes > 1 for sight in sights):
        return Place.DOUBLED, executing
    names = tuple(sight.host for sight in alive)
    if any(sight.reason in POSTCOPY for sight in alive):
        return Place.SPLIT, names
    if executing:
        return Place.RUNS, executing
    # A half that comes in, or is left over from a transfer, is no guest; without another it is all there is.
    whole = [sight for sight in alive if sight.reason != INCOMING] or alive
    if len(whole) == 1:
        return Place.PAUSED, (whole[0].host,)
    if whole:
        return Place.UNSETTLED, names
    defined = tuple(sight.host for sight in sights if sight.known)
    return (Place.OFF if defined else Place.LOST), defined


class Oracle:
    """Of one guest in one lab."""

    def __init__(self, lab: Lab, guest: str) -> None:
        self._lab = lab
        self._guest = guest

    def look(self) -> Truth:
        """As of now."""
        sights = look(self._hosts, self._guest)
        place, hosts = judge(sights)
        console = self._lab.layout.console(self._guest)
        said = complaints(console.read_bytes()) if console.exists() else []
        return Truth(place, hosts, sights, tuple(said))

    def settled(self, timeout_s: float = SETTLE_S, *, ignoring: Collection[str] = ()) -> Truth:
        """As soon as it is certain and no transfer is under way; else the last that was seen.

        `ignoring`: hosts that are cut off, and may keep a half that came in for long.
        """
        truth: Truth | None = None

        def is_settled() -> bool:
            nonlocal truth
            truth = self.look()
            incoming = any(
                sight.reason == INCOMING and sight.processes and sight.host not in ignoring
                for sight in truth.sights
            )
            return truth.place is not Place.UNSETTLED and not incoming

        with contextlib.suppress(LabError):
            wait_until(is_settled, timeout_s=timeout_s, what="the guest to settle")
        assert truth is not None
        return truth

    def ended_at(self, host: str) -> datetime | None:
        """When its newest QEMU process on a host ended, by libvirt's log there."""
        log = self._lab.layout.node(host) / f"var/log/libvirt/qemu/{self._guest}.log"
        ends = _ENDED.findall(log.read_text(errors="replace")) if log.exists() else []
        return datetime.fromisoformat(ends[-1]) if ends else None

    @property
    def _hosts(self) -> list[Host]:
        return self._lab.hosts


# What the engine told --------------------------------------------------------------------------

_STATES = {
    Place.RUNS: ("running", "shutting down"),
    Place.PAUSED: ("paused",),
    Place.OFF: ("off", "crashed"),
}


def agrees(
    outcome: Mapping[str, Any], truth: Truth, *, source: str, destination: str, unasked: Collection[str] = ()
) -> list[str]:
    """In what an outcome line contradicts the truth; nothing when it is true.

    `unasked`: hosts that could not be asked when the outcome was told (off, cut off, frozen, without a daemon): only
    then "nobody knows" is an honest answer.
    """
    verdict, where, state = outcome["verdict"], outcome["where"], outcome["state"]
    if verdict == "indeterminate":
        return _unknown(outcome, truth, unasked)
    wrong = []
    if truth.place in (Place.DOUBLED, Place.SPLIT, Place.LOST, Place.UNSETTLED):
        return [f"said {verdict} on {where}, and it is {truth}"]
    if where not in truth.hosts:
        wrong.append(f"said that it is on {where}, and it is on {', '.join(truth.hosts)}")
    if state not in _STATES[truth.place]:
        wrong.append(f"said that it is {state}, and it {truth.place.value}")
    if verdict == "succeeded" and where != destination:
        wrong.append(f"said succeeded, with the guest on {where} and not on {destination}")
    if verdict in ("failed", "cancelled", "refused") and where != source:
        wrong.append(f"said {verdict}, with the guest on {where} and not on {source}")
    if truth.place is Place.RUNS and not outcome["left_to_do"]:
        twice = set(truth.defined_on) - set(truth.hosts)
        wrong += [f"said nothing of the definition left on {host}" for host in sorted(twice - set(unasked))]
    return wrong


def _unknown(outcome: Mapping[str, Any], truth: Truth, unasked: Collection[str]) -> list[str]:
    """Is it right to say that nobody knows?"""
    wrong = []
    if truth.place in (Place.RUNS, Place.PAUSED, Place.OFF) and not unasked:
        wrong.append(f"said that nobody knows, and it {truth}")
    if outcome["where"] is not None and outcome["where"] not in truth.hosts:
        wrong.append(f"was not sure, and said {outcome['where']} all the same: {truth}")
    if not outcome["left_to_do"]:
        wrong.append("nobody knows, and nothing is said of what to do next")
    return wrong

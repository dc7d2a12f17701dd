"""What can be seen of a guest on one host without the engine: its processes, whether they execute, virsh's word.

Processes are looked at from the machine, through the lab's cgroups, so a host that is cut off, whose daemon is dead or
whose network hangs is seen as well as any other. Only virsh's word needs a libvirtd that answers.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backends.lab.errors import LabError
from backends.lab.host import Host
from backends.lab.node import Power

WATCH_S = 0.45
"""A guest that runs ticks ten times a second, so its virtual processor is busy within this time."""
BUSY_NS = 100_000
"""What a processor that only sleeps in a stopped guest does not reach, and one tick does (0.3 ms and more)."""
VIRSH_TIMEOUT_S = 8.0
_VCPU_THREAD = re.compile(r"CPU \d+/")
"""How QEMU calls the threads of virtual processors (-name ...,debug-threads=on)."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One guest on one host, as of one moment."""

    host: str
    power: Power
    processes: int = 0
    """QEMU processes of this guest."""
    executing: bool = False
    """Its virtual processors have just used processor time."""
    answered: bool = False
    """Could libvirtd be asked?"""
    state: str = ""
    """virsh's word, `running`; empty where libvirt does not know the guest or could not be asked."""
    reason: str = ""
    persistent: bool = False

    @property
    def known(self) -> bool:
        """Does libvirt there know the guest?"""
        return bool(self.state)

    @property
    def words(self) -> str:
        """For a failed test."""
        said = f"{self.state} ({self.reason})" if self.known else "unknown" if self.answered else "no answer"
        return f"{self.host} [{self.power}]: virsh {said}, {self.processes} processes, executing {self.executing}"


def look(hosts: list[Host], guest: str) -> tuple[Sight, ...]:
    """Look at all hosts over the same span of time, then ask each libvirtd."""
    powers = {host.name: host.power() for host in hosts}
    before = {host.name: _vcpu_times(host, guest) for host in hosts}
    time.sleep(WATCH_S)
    after = {host.name: _vcpu_times(host, guest) for host in hosts}
    sights = []
    for host in hosts:
        old, new = before[host.name], after[host.name]
        busy = any(spent - old.get(thread, spent) > BUSY_NS for thread, spent in new.items())
        answered, state, reason, persistent = _ask(host, powers[host.name], guest)
        processes = len({pid for pid, _ in new} | set(_processes(host, guest)))
        sights.append(
            Sight(host.name, powers[host.name], processes, busy, answered, state, reason, persistent)
        )
    return tuple(sights)


def _processes(host: Host, guest: str) -> Iterator[int]:
    """The machine's numbers of the guest's QEMU processes on a host."""
    for pid in host.cgroup.pids():
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "qemu-system" in arguments[0] and any(word.startswith(f"guest={guest},") for word in arguments):
            yield pid


def _vcpu_times(host: Host, guest: str) -> dict[tuple[int, str], int]:
    """Nanoseconds that each virtual processor's thread has run (Documentation/scheduler/sched-stats.rst)."""
    times = {}
    for pid in _processes(host, guest):
        for thread in Path(f"/proc/{pid}/task").glob("*"):
            try:
                if _VCPU_THREAD.match((thread / "comm").read_text()):
                    times[pid, thread.name] = int((thread / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue
    return times


def _ask(host: Host, power: Power, guest: str) -> tuple[bool, str, str, bool]:
    """Did libvirtd answer; and the guest's state, the reason of it, and whether it is defined there."""
    if power is not Power.RUNNING:
        return False, "", "", False
    try:
        listed = host.virsh("list --all --name", timeout_s=VIRSH_TIMEOUT_S).split()
        if guest not in listed:
            return True, "", "", False
        said = host.virsh(f"domstate --reason {guest}", timeout_s=VIRSH_TIMEOUT_S, check=False)
        stored = host.virsh("list --all --name --persistent", timeout_s=VIRSH_TIMEOUT_S).split()
    except LabError:
        return False, "", "", False
    found = re.fullmatch(r"(.+?) \((.+)\)", said.strip())
    if found is None:  # it went away between the questions
        return True, "", "", False
    return True, found[1], found[2], guest in stored

"""What a host of the lab has been made to do: bytes on its cable and time on its processors, as the kernel counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backends.lab.cgroups import MOUNT, unified
from backends.lab.host import Host


@dataclass(frozen=True, slots=True)
class Cost:
    """Since the host was switched on, or between two moments."""

    bytes: float
    """Both ways, headers of all layers included; also of libvirt's own questions."""
    cpu_ms: float
    """Of all its processes, guests included."""

    def __sub__(self, before: Cost) -> Cost:
        return Cost(self.bytes - before.bytes, self.cpu_ms - before.cpu_ms)

    def __truediv__(self, share: float) -> Cost:
        return Cost(self.bytes / share, self.cpu_ms / share)


def cost_of(host: Host) -> Cost:
    """As of now."""
    counters = Path("/sys/class/net", host.layout.link(host.name), "statistics")
    count = sum(int((counters / f"{way}_bytes").read_text()) for way in ("rx", "tx"))
    return Cost(count, _cpu_ms(host.layout.cgroup(host.name)))


def _cpu_ms(group: str) -> float:
    """cpuacct.usage is in nanoseconds (cgroup-v1/cpuacct), cpu.stat's in microseconds (cgroup-v2)."""
    if not unified():
        return int((MOUNT / "cpuacct" / group / "cpuacct.usage").read_text()) / 1e6
    lines = (MOUNT / group / "cpu.stat").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("usage_usec ")) / 1e3

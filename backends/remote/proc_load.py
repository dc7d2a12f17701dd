"""How busy a Linux host is, from /proc/stat and /proc/meminfo (proc(5)). Pure: text in, model out."""

from __future__ import annotations

import re

from backends.model.counters import HostCounters

FILES = ("/proc/stat", "/proc/meminfo")
_NS_PER_TICK = 10_000_000
"""USER_HZ is 100 on every Linux architecture of today."""


def parse(text: str) -> HostCounters:
    """Both files, one after the other. What is missing or broken is None."""
    cpu = re.search(r"^cpu +((?:\d+ ?)+)", text, re.MULTILINE)
    busy = total = None
    if cpu:
        ticks = [int(word) for word in cpu[1].split()][:8]  # guest time is counted in user time already
        total = sum(ticks) * _NS_PER_TICK
        busy = total - sum(ticks[3:5]) * _NS_PER_TICK
    memory = {name: int(kib) * 1024 for name, kib in re.findall(r"^(\w+): +(\d+) kB", text, re.MULTILINE)}
    total_memory, used = memory.get("MemTotal"), None
    if "MemTotal" in memory and "MemAvailable" in memory:
        used = memory["MemTotal"] - memory["MemAvailable"]
    return HostCounters(busy, total, used, total_memory)

"""Counters of one host, from which rates are made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostCounters:
    """One reading. The processor times count over all processors; None where nothing tells."""

    cpu_busy_ns: int | None
    cpu_total_ns: int | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None

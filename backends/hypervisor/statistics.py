"""What guests and hosts use, from one bulk call a host, as counters; rates are made by fleet.rates."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import libvirt

from backends.hypervisor.connection import Connection
from backends.hypervisor.inventory import KIB, supported_statistics
from backends.hypervisor.states import guest_state
from backends.model.counters import HostCounters
from backends.model.guest import GuestState

_GROUPS = (
    libvirt.VIR_DOMAIN_STATS_STATE
    | libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
    | libvirt.VIR_DOMAIN_STATS_BALLOON
    | libvirt.VIR_DOMAIN_STATS_INTERFACE
    | libvirt.VIR_DOMAIN_STATS_BLOCK
)
SAMPLE_DEADLINE_S = 6.0
"""With the interval between samples, the time after which a silent host is known to be silent."""


@dataclass(frozen=True, slots=True)
class GuestCounters:
    """Counters of one guest since it started; None where the driver has none."""

    at_s: float
    """When they were read, on the monotonic clock: guests that are read one by one differ in it."""
    state: GuestState
    cpu_ns: int | None
    memory_bytes: int | None
    disk_bytes: int | None
    net_bytes: int | None


@dataclass(frozen=True, slots=True)
class Counters:
    """One reading of a host and all its guests."""

    host: HostCounters
    guests: Mapping[str, GuestCounters]
    """By UUID, all guests that are defined or running."""
    in_bulk: bool = True
    """Does the driver support one call for all guests?"""


async def read_counters(connection: Connection) -> Counters:
    """Raises DeadlineError when the host is silent: the sign that it is stale.

    A driver that does not support bulk statistics is asked for them once: libvirtd's log keeps a line of each refusal.
    """
    in_bulk = not connection.without_bulk
    counters = await connection.call(
        "read statistics", lambda conn: _read(conn, in_bulk=in_bulk), deadline_s=SAMPLE_DEADLINE_S
    )
    connection.without_bulk = not counters.in_bulk
    return counters


def _read(conn: Any, *, in_bulk: bool) -> Counters:
    found = supported_statistics(conn, _GROUPS) if in_bulk else None
    statistics = found or {}
    at_s = time.monotonic()
    guests = {
        uuid: _from_bulk(at_s, s) for uuid, s in statistics.items() if "cpu.time" in s or not _active(s)
    }
    if len(guests) < len(statistics) or not statistics:
        for domain in conn.listAllDomains(0):
            uuid = domain.UUIDString()
            if uuid not in guests:
                with contextlib.suppress(libvirt.libvirtError):  # gone since the list was made
                    guests[uuid] = _from_info(domain)
    return Counters(_read_host(conn), guests, in_bulk=found is not None)


def _active(statistics: Mapping[str, int]) -> bool:
    return guest_state(statistics.get("state.state", 0)).active


def _from_bulk(at_s: float, statistics: Mapping[str, int]) -> GuestCounters:
    state = guest_state(statistics.get("state.state", 0), statistics.get("state.reason", 0))
    if not state.active:
        return GuestCounters(at_s, state, None, None, None, None)
    memory = statistics.get("balloon.current")
    return GuestCounters(
        at_s,
        state,
        cpu_ns=statistics.get("cpu.time"),
        memory_bytes=None if memory is None else memory * KIB,
        disk_bytes=_sum(statistics, "block", ("rd.bytes", "wr.bytes")),
        net_bytes=_sum(statistics, "net", ("rx.bytes", "tx.bytes")),
    )


def _sum(statistics: Mapping[str, int], group: str, fields: Iterable[str]) -> int | None:
    count = statistics.get(f"{group}.count")
    if count is None:
        return None
    return sum(statistics.get(f"{group}.{n}.{field}", 0) for n in range(count) for field in fields)


def _from_info(domain: Any) -> GuestCounters:
    """For drivers whose bulk statistics lack the processor time (test, LXC)."""
    state, _, memory_kib, _, cpu_ns = domain.info()
    at_s = time.monotonic()
    words = guest_state(state)
    if not words.active:
        return GuestCounters(at_s, words, None, None, None, None)
    return GuestCounters(at_s, words, cpu_ns, memory_kib * KIB, None, None)


def _read_host(conn: Any) -> HostCounters:
    busy = total = used = memory_total = None
    with contextlib.suppress(libvirt.libvirtError):  # not every driver counts its host's processors
        cpu = conn.getCPUStats(libvirt.VIR_NODE_CPU_STATS_ALL_CPUS)
        idle = cpu.get("idle", 0) + cpu.get("iowait", 0)
        busy = sum(cpu.get(name, 0) for name in ("kernel", "user", "intr"))
        total = busy + idle
    with contextlib.suppress(libvirt.libvirtError):
        memory = conn.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS)
        free = sum(memory.get(name, 0) for name in ("free", "buffers", "cached"))
        memory_total = memory["total"] * KIB
        used = memory_total - free * KIB
    return HostCounters(busy, total, used, memory_total)

"""Rates from two readings of counters. Pure."""

from __future__ import annotations

from backends.hypervisor.statistics import Counters, GuestCounters
from backends.model.counters import HostCounters
from backends.model.guest import GuestSample
from backends.model.host import HostLoad

_NS = 1_000_000_000


def guest_sample(old: GuestCounters | None, new: GuestCounters) -> GuestSample:
    """What a guest used between two readings. A counter that fell belongs to a new life: no rate then."""
    seconds = new.at_s - old.at_s if old else 0.0
    cpu_ns_s = _rate(old.cpu_ns if old else None, new.cpu_ns, seconds)
    return GuestSample(
        cpu=None if cpu_ns_s is None else cpu_ns_s / _NS,
        memory_bytes=new.memory_bytes,
        disk_bytes_s=_rate(old.disk_bytes if old else None, new.disk_bytes, seconds),
        net_bytes_s=_rate(old.net_bytes if old else None, new.net_bytes, seconds),
    )


def guest_samples(old: Counters | None, new: Counters) -> dict[str, GuestSample]:
    """By UUID, for the guests that are active."""
    return {
        uuid: guest_sample(old.guests.get(uuid) if old else None, counters)
        for uuid, counters in new.guests.items()
        if counters.state.active
    }


def host_load(old: HostCounters | None, new: HostCounters, before: HostLoad | None) -> HostLoad:
    """How busy the host was between two readings; the history goes on from the load before."""
    cpu = None
    if (
        old is not None
        and old.cpu_busy_ns is not None
        and old.cpu_total_ns is not None
        and new.cpu_busy_ns is not None
        and new.cpu_total_ns is not None
        and new.cpu_total_ns > old.cpu_total_ns
    ):
        cpu = (new.cpu_busy_ns - old.cpu_busy_ns) / (new.cpu_total_ns - old.cpu_total_ns)
        cpu = min(1.0, max(0.0, cpu))
    history = before.cpu_history if before else ()
    if cpu is not None:
        history = (*history, cpu)[-HostLoad.HISTORY :]
    return HostLoad(cpu, new.memory_used_bytes, new.memory_total_bytes, history)


def _rate(old: int | None, new: int | None, seconds: float) -> float | None:
    if old is None or new is None or seconds <= 0 or new < old:
        return None
    return (new - old) / seconds

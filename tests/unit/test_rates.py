"""Rates come from two readings, and are never guessed from one."""

from __future__ import annotations

from dataclasses import replace

from backends.fleet.rates import guest_sample, host_load
from backends.hypervisor.statistics import GuestCounters
from backends.model.counters import HostCounters
from backends.model.guest import GuestState
from backends.model.host import HostLoad
from backends.remote import proc_load

S = 1_000_000_000
FIRST = GuestCounters(
    100.0, GuestState.RUNNING, cpu_ns=10 * S, memory_bytes=2**27, disk_bytes=1000, net_bytes=0
)
SECOND = GuestCounters(
    102.0, GuestState.RUNNING, cpu_ns=13 * S, memory_bytes=2**27, disk_bytes=5000, net_bytes=None
)


def test_one_reading_gives_sizes_but_no_rates() -> None:
    sample = guest_sample(None, FIRST)
    assert sample.memory_bytes == 2**27
    assert (sample.cpu, sample.disk_bytes_s, sample.net_bytes_s) == (None, None, None)


def test_two_readings_give_rates_for_what_both_know() -> None:
    sample = guest_sample(FIRST, SECOND)
    assert sample.cpu == 1.5
    assert sample.disk_bytes_s == 2000
    assert sample.net_bytes_s is None


def test_a_guest_that_was_restarted_has_no_rate_until_the_next_reading() -> None:
    assert guest_sample(replace(SECOND, at_s=98.0), FIRST).cpu is None


def test_the_load_of_a_host_is_a_share_of_all_its_processors() -> None:
    load = host_load(HostCounters(0, 0, None, None), HostCounters(3 * S, 4 * S, 2**30, 2**31), None)
    assert load.cpu == 0.75
    assert (load.memory_used_bytes, load.memory_total_bytes) == (2**30, 2**31)
    assert load.cpu_history == (0.75,)


def test_the_history_of_a_load_keeps_the_newest_only() -> None:
    load: HostLoad | None = None
    old = HostCounters(0, 0, None, None)
    for number in range(1, 100):
        new = HostCounters(number * S, number * 2 * S, None, None)
        load = host_load(old, new, load)
        old = new
    assert load is not None
    assert load.cpu_history == (0.5,) * HostLoad.HISTORY


# The form of proc(5), with the numbers of a two-processor machine.
PROC = """cpu  100 0 50 800 50 0 0 0 0 0
cpu0 50 0 25 400 25 0 0 0 0 0
intr 1
MemTotal:       24689084 kB
MemFree:        20000000 kB
MemAvailable:   22689084 kB
"""


def test_proc_files_give_the_same_counters_as_libvirt() -> None:
    counters = proc_load.parse(PROC)
    assert counters.cpu_total_ns == 10 * S
    assert counters.cpu_busy_ns == 1.5 * S
    assert counters.memory_used_bytes == 2_000_000 * 1024
    assert counters.memory_total_bytes == 24_689_084 * 1024


def test_broken_proc_files_give_unknown() -> None:
    assert proc_load.parse("cpu  x\nMemTotal: lots") == HostCounters(None, None, None, None)

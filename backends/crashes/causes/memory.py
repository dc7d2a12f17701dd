"""Memory that ran out: on the whole host, within a guest's limit, or before the guest could be started.

Linux mm/oom_kill.c; systemd's manager and oomd; QEMU softmmu/physmem.c, util/oslib-posix.c; libvirt qemu_conf.c.
"""

from __future__ import annotations

import re

from backends.crashes.causes.rule import HOST_KERNEL, HYPERVISOR, LIBVIRT, STARTS, Rule

_VICTIM = r"[Kk]ill(?:ed)? process (?P<pid>\d{1,9}) \((?P<name>[^)]{1,64})\)"
_RSS = r"(?:,? total-vm:(?P<vm_kib>\d{1,15})kB)?(?:, ?anon-rss:(?P<rss_kib>\d{1,15})kB)?"

_LIMIT = "raise the limit (<memtune>, or the cgroup's): QEMU needs more than the guest's memory"
_HOST = "free memory on the host: move guests away, make them smaller, or add swap"

RULES = (
    Rule(
        "oom-limit",
        re.compile(rf"Memory cgroup out of memory: {_VICTIM}{_RSS}"),
        "OOM kill: {name} reached its cgroup memory limit[ ({rss_kib} in use)]",
        _LIMIT,
        HOST_KERNEL,
    ),
    Rule(
        "oom-limit",
        re.compile(r"oom-kill:constraint=CONSTRAINT_MEMCG"),
        "OOM kill: cgroup memory limit reached",
        _LIMIT,
        HOST_KERNEL,
    ),
    Rule(
        "oom-limit",
        re.compile(r"Task in /\S{1,1000} killed as a result of limit of (?P<group>/\S{1,1000})"),
        "OOM kill: memory limit reached of {group}",
        _LIMIT,
        HOST_KERNEL,
    ),
    Rule(
        "oom-node",
        re.compile(
            r"oom-kill:constraint=CONSTRAINT_(?:MEMORY_POLICY|CPUSET)(?:,nodemask=(?P<nodes>[\d,-]{1,64}?),)?"
        ),
        "OOM kill: no memory free on the NUMA nodes it is bound to[ ({nodes})]",
        "bind it to more nodes (<numatune>), or move guests off these nodes",
        HOST_KERNEL,
    ),
    Rule(
        "oom-host",
        re.compile(rf"Out of memory: {_VICTIM}{_RSS}"),
        "OOM kill: the host was out of memory[ ({name} had {rss_kib})]",
        _HOST,
        HOST_KERNEL,
    ),
    Rule(
        "oom-host",
        re.compile(r"oom-kill:constraint=CONSTRAINT_NONE"),
        "OOM kill: the host was out of memory",
        _HOST,
        HOST_KERNEL,
    ),
    Rule(
        "oom-pressure",
        re.compile(r"Killed (?P<group>/\S{1,1000}) due to memory (?P<why>pressure|used)"),
        "killed by systemd-oomd for memory {why}: {group}",
        "free memory on the host, or set ManagedOOMPreference=avoid for machine.slice",
        LIBVIRT,
    ),
    Rule(
        "oom-kill",
        re.compile(r"A process of this unit has been killed by the OOM killer|Failed with result 'oom-kill'"),
        "OOM kill by the host's kernel",
        "see the kernel's log: was the whole host out of memory, or was it a limit?",
        LIBVIRT,
    ),
    Rule(
        "no-hugepages",
        re.compile(
            r"unable to map backing store for guest RAM: |can't open backing store (?P<path>\S{1,1000}) for guest RAM|"
            r"Insufficient free host memory pages available to allocate guest RAM|"
            r"preallocat\w+ memory failed|hugetlbfs filesystem is not mounted|"
            r"Unable to find any usable hugetlbfs mount for (?P<kib>\d{1,15}) KiB"
        ),
        "not enough free huge pages[: {path}][: none of {kib} mounted]",
        "raise vm.nr_hugepages (of the right size and node), or let the guest do without them",
        HYPERVISOR,
        STARTS,
    ),
    Rule(
        "memory-not-locked",
        re.compile(
            r"cannot limit locked memory|VFIO_MAP_DMA\w* ?[^:]{0,40}: Cannot allocate memory|VFIO_MAP_DMA failed"
        ),
        "guest memory could not be locked for its devices",
        "raise its hard_limit (<memtune>), or the daemon's LimitMEMLOCK",
        HYPERVISOR,
    ),
    Rule(
        "no-memory",
        re.compile(r"cannot set up guest memory '(?P<what>[^']{1,200})'"),
        "no memory on the host for the guest ({what})",
        _HOST,
        HYPERVISOR,
    ),
    Rule(
        "no-memory",
        re.compile(r"Cannot allocate memory|failed to allocate [\d,]{1,30} bytes|Failed to allocate memory"),
        "no memory on the host for the guest",
        _HOST,
        HYPERVISOR,
    ),
)

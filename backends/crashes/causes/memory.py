"""Memory that ran out: on the whole host, within a guest's limit, or before the guest could be started.

Linux mm/oom_kill.c; systemd's manager and oomd; QEMU softmmu/physmem.c, util/oslib-posix.c; libvirt qemu_conf.c.
"""

from __future__ import annotations

import re

from backends.crashes.causes.rule import HOST_KERNEL, HYPERVISOR, LIBVIRT, STARTS, Rule

_VICTIM = r"[Kk]ill(?:ed)? process (?P<pid>\d{1,9}) \((?P<name>[^)]{1,64})\)"
_RSS = r"(?:,? total-vm:(?P<vm_kib>\d{1,15})kB)?(?:, ?anon-rss:(?P<rss_kib>\d{1,15})kB)?"

_LIMIT = (
    "raise the guest's memory limit (<memtune>, or its cgroup's): QEMU needs more than the guest's memory"
)
_HOST = "free memory on the host: fewer or smaller guests, swap, or move some of them away"

RULES = (
    Rule(
        "oom-limit",
        re.compile(rf"Memory cgroup out of memory: {_VICTIM}{_RSS}"),
        "killed by the host's kernel: {name} met the limit of its control group[, with {rss_kib} in memory]",
        _LIMIT,
        HOST_KERNEL,
    ),
    Rule(
        "oom-limit",
        re.compile(r"oom-kill:constraint=CONSTRAINT_MEMCG"),
        "killed by the host's kernel: it met the memory limit of its control group",
        _LIMIT,
        HOST_KERNEL,
    ),
    Rule(
        "oom-limit",
        re.compile(r"Task in /\S{1,1000} killed as a result of limit of (?P<group>/\S{1,1000})"),
        "killed by the host's kernel: it met the memory limit of {group}",
        _LIMIT,
        HOST_KERNEL,
    ),
    Rule(
        "oom-node",
        re.compile(
            r"oom-kill:constraint=CONSTRAINT_(?:MEMORY_POLICY|CPUSET)(?:,nodemask=(?P<nodes>[\d,-]{1,64}?),)?"
        ),
        "killed by the host's kernel: no memory was free on the NUMA nodes that it is bound to[ ({nodes})]",
        "bind it to more nodes (<numatune>), or move guests off these nodes",
        HOST_KERNEL,
    ),
    Rule(
        "oom-host",
        re.compile(rf"Out of memory: {_VICTIM}{_RSS}"),
        "killed by the host's kernel: the host was out of memory[; {name} had {rss_kib} of it]",
        _HOST,
        HOST_KERNEL,
    ),
    Rule(
        "oom-host",
        re.compile(r"oom-kill:constraint=CONSTRAINT_NONE"),
        "killed by the host's kernel: the host was out of memory",
        _HOST,
        HOST_KERNEL,
    ),
    Rule(
        "oom-pressure",
        re.compile(r"Killed (?P<group>/\S{1,1000}) due to memory (?P<why>pressure|used)"),
        "killed by systemd-oomd, for memory {why}: {group}",
        "free memory on the host, or set ManagedOOMPreference=avoid for machine.slice",
        LIBVIRT,
    ),
    Rule(
        "oom-kill",
        re.compile(r"A process of this unit has been killed by the OOM killer|Failed with result 'oom-kill'"),
        "killed by the host's kernel for lack of memory",
        "see the kernel's lines: was it the whole host, or a limit?",
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
        "not enough huge pages are free[: {path}][: none of {kib} are mounted]",
        "raise vm.nr_hugepages (of the right size and node), or let the guest do without them",
        HYPERVISOR,
        STARTS,
    ),
    Rule(
        "memory-not-locked",
        re.compile(
            r"cannot limit locked memory|VFIO_MAP_DMA\w* ?[^:]{0,40}: Cannot allocate memory|VFIO_MAP_DMA failed"
        ),
        "the guest's memory could not be locked for its devices",
        "raise its hard_limit (<memtune>), or the daemon's LimitMEMLOCK",
        HYPERVISOR,
    ),
    Rule(
        "no-memory",
        re.compile(r"cannot set up guest memory '(?P<what>[^']{1,200})'"),
        "the host had no memory for the guest ({what})",
        _HOST,
        HYPERVISOR,
    ),
    Rule(
        "no-memory",
        re.compile(r"Cannot allocate memory|failed to allocate [\d,]{1,30} bytes|Failed to allocate memory"),
        "the host had no memory for the guest",
        _HOST,
        HYPERVISOR,
    ),
)

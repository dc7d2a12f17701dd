"""Domains that Xen ended, or that libxl and xend could not start.

xen/common/domain.c (__domain_crash), arch/x86/{traps,hvm}, mm/p2m-pod.c; tools/xl/xl_vmcontrol.c;
tools/libs/light/libxl_*.c; tools/python/xen/xend/XendDomainInfo.py (up to 4.4).
"""

from __future__ import annotations

import re

from backends.crashes.causes.rule import Rule
from backends.model.crash import CrashKind, Source

_XEN = frozenset({Source.XEN_LOG, Source.LIBXL_LOG})
_AT_START = r"^(?:\[[^\]]{1,40}\] )?\(XEN\) (?:\[[^\]]{1,40}\] )?"
"""What a guest says through Xen's console begins with `(d7)` instead."""
_STARTS = frozenset({CrashKind.NOT_STARTED, CrashKind.INCOMING})
_LIBXL = r"libxl_\w{1,40}\.c:\d{1,6}:\w{1,64}: (?:Domain \d{1,9}:)?"

RULES = (
    Rule(
        "xen-pod",
        re.compile(r"Dom(?:ain )?(?P<domid>\d{1,9}) out of PoD memory"),
        "Xen ended it: domain {domid} used more memory than it has (populate on demand)",
        "raise its memory towards maxmem, or check that its balloon driver runs",
        _XEN,
    ),
    Rule(
        "xen-vm-entry",
        re.compile(
            _AT_START
            + r".{0,100}?Failed vm entry \(exit reason (?P<reason>0x[\da-f]{1,16})\)(?: caused by (?P<why>[^(]{1,60}))?"
        ),
        "Xen could not enter the guest: exit reason {reason}[, {why}]",
        "update Xen and the microcode; check whether it is nested",
        _XEN,
    ),
    Rule(
        "xen-triple-fault",
        re.compile(_AT_START + r"d(?P<domid>\d{1,9})v\d{1,5} Triple fault"),
        "guest triple fault (domain {domid})",
        "its kernel or boot loader is broken, or does not fit this host's processor",
        _XEN,
    ),
    Rule(
        "xen-fault",
        re.compile(_AT_START + r"d(?P<domid>\d{1,9}):?v\d{1,5}:? (?P<why>[Uu]nhandled[^\x00]{1,80})"),
        "Xen ended it after a guest kernel fault: {why}",
        "look up RIP from Xen's log in the guest's kernel (addr2line)",
        _XEN,
    ),
    Rule(
        "xen-mapping",
        re.compile(
            _AT_START + r"d(?P<domid>\d{1,9}): (?P<why>GFN 0x[\da-f]{1,16} [^\x00]{1,80} not permitted)"
        ),
        "Xen ended it: memory not mapped ({why})",
        "a device that is passed through overlaps the guest's memory: see its BARs and RMRRs",
        _XEN,
    ),
    Rule(
        "xen-crash",
        re.compile(_AT_START + r"domain_crash(?:_sync)? called from (?P<where>\S{1,80})"),
        "Xen ended it: domain_crash called from {where}",
        "see the lines above that in xl dmesg",
        _XEN,
    ),
    Rule(
        "xen-start-disk",
        re.compile(r"unable to add disk devices"),
        "disks not attached to the domain",
        "see /var/log/xen/xen-hotplug.log: is the image there and free?",
        _XEN,
        _STARTS,
    ),
    Rule(
        "xen-start-network",
        re.compile(r"unable to add (?:nic|vif|vtpm) devices"),
        "network interfaces not attached to the domain",
        "see /var/log/xen/xen-hotplug.log: is the bridge there?",
        _XEN,
        _STARTS,
    ),
    Rule(
        "xen-start-pci",
        re.compile(
            r"unable to add pci devices|libxl__device_pci_add failed for PCI device (?P<device>[\da-fA-F:.]{1,16})"
        ),
        "PCI device not attached to the domain[: {device}]",
        "xl pci-assignable-add it first; check that the IOMMU is on (xl dmesg)",
        _XEN,
        _STARTS,
    ),
    Rule(
        "xen-start-iommu",
        re.compile(r"passthrough not supported on this platform"),
        "no passthrough on this host: no IOMMU, or it is off",
        "turn VT-d or AMD-Vi on in the firmware",
        _XEN,
        _STARTS,
    ),
    Rule(
        "xen-start-memory",
        re.compile(
            r"failed to free memory for the domain|Failed to allocate memory|xc_domain_populate_physmap|"
            r"not enough (?:free )?memory|panic: xc_dom_boot.{0,200}Cannot allocate"
        ),
        "no memory on the host for the domain",
        "free memory on the host (xl info: free_memory), or let dom0 balloon down",
        _XEN,
        _STARTS,
    ),
    Rule(
        "xen-start-kernel",
        re.compile(
            r"xc_dom_\w{1,40}: (?P<why>[^\x00]{0,100}?"
            r"(?:Invalid kernel|not capable of booting|no loader found)[^\x00]{0,40})"
        ),
        "kernel does not boot on this Xen: {why}",
        "check its kernel and its type (pv, pvh, hvm)",
        _XEN,
        _STARTS,
    ),
    Rule(
        "xen-start-model",
        re.compile(r"[Dd]evice [Mm]odel (?:did not start|already exited)|device model did not start"),
        "device model (QEMU) did not start",
        "see /var/log/xen/qemu-dm-NAME.log",
        _XEN,
        _STARTS,
    ),
    Rule(
        "xen-start",
        re.compile(
            _LIBXL
            + r"(?P<why>(?:cannot \(re-\)build domain|cannot make domain|unable to|failed to|Failed to)[^\x00]{1,140})"
        ),
        "libxl: {why}",
        "see the lines above that in the log",
        _XEN,
        _STARTS,
    ),
)

CRASHED = (
    Rule(
        "xen-crashed",
        re.compile(
            r"Domain (?P<domid>\d{1,9}) has shut down, reason code 3|"
            r"Domain has crashed: name=(?P<name>[^\s]{1,255}) id=|"
            + _AT_START
            + r"Domain (?P<number>\d{1,9}) \(vcpu#\d{1,5}\) crashed"
        ),
        "guest crashed, by its own word or as Xen saw; no log says why",
        "log its console (XENCONSOLED_TRACE=guest), or set on_crash=coredump-restart",
        _XEN,
    ),
)
"""Asked last: only that it crashed is known. SHUTDOWN_crash is 3 (xen/include/public/sched.h)."""

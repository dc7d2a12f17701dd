"""All rules, in the order in which they are asked: what explains more comes before what only follows from it."""

from __future__ import annotations

from backends.crashes.causes import (
    confinement,
    files,
    host,
    kernel_panic,
    kvm,
    locks,
    lxc,
    machine,
    memory,
    migration,
    network,
    panic_devices,
    process_end,
    storage,
    xen,
)
from backends.crashes.causes.rule import Rule

RULES: tuple[Rule, ...] = (
    *host.HARDWARE,
    *kernel_panic.HOST,
    *host.WATCHDOG,
    *kernel_panic.GUEST,
    *panic_devices.RULES,
    *memory.RULES,
    *storage.NO_SPACE,
    *locks.RULES,
    *files.RULES,
    *network.RULES,
    *machine.RULES,
    *storage.BROKEN_IMAGES,
    *migration.RULES,
    *kvm.RULES,
    *lxc.RULES,
    *xen.RULES,
    *confinement.SANDBOX,
    *process_end.FAULTS,
    *confinement.RULES,
    *storage.IO_ERRORS,
    *process_end.SIGNALS,
    *panic_devices.LAST,
    *xen.CRASHED,
)

"""What panic devices tell: pvpanic by libvirt's events, Hyper-V's and s390's by what libvirt adds to QEMU's log.

libvirt qemu_domain.c (qemuProcessGuestPanicEventInfo ..., `panic hyper-v: arg1=...`), conf/domain_conf.h.
"""

from __future__ import annotations

import re

from backends.crashes.causes.rule import TOLD, Rule
from backends.model.crash import CrashKind, Source

_STOP_CODES = {
    0x0A: "IRQL_NOT_LESS_OR_EQUAL",
    0x1A: "MEMORY_MANAGEMENT",
    0x1E: "KMODE_EXCEPTION_NOT_HANDLED",
    0x24: "NTFS_FILE_SYSTEM",
    0x3B: "SYSTEM_SERVICE_EXCEPTION",
    0x3E: "MULTIPROCESSOR_CONFIGURATION_NOT_SUPPORTED",
    0x50: "PAGE_FAULT_IN_NONPAGED_AREA",
    0x5A: "CRITICAL_SERVICE_FAILED",
    0x5C: "HAL_INITIALIZATION_FAILED",
    0x7A: "KERNEL_DATA_INPAGE_ERROR",
    0x7B: "INACCESSIBLE_BOOT_DEVICE",
    0x7E: "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED",
    0x7F: "UNEXPECTED_KERNEL_MODE_TRAP",
    0x80: "NMI_HARDWARE_FAILURE",
    0x9F: "DRIVER_POWER_STATE_FAILURE",
    0xA5: "ACPI_BIOS_ERROR",
    0xAC: "HAL_MEMORY_ALLOCATION",
    0xC2: "BAD_POOL_CALLER",
    0xD1: "DRIVER_IRQL_NOT_LESS_OR_EQUAL",
    0xE2: "MANUALLY_INITIATED_CRASH",
    0xEF: "CRITICAL_PROCESS_DIED",
    0xF4: "CRITICAL_OBJECT_TERMINATION",
    0x101: "CLOCK_WATCHDOG_TIMEOUT",
    0x109: "CRITICAL_STRUCTURE_CORRUPTION",
    0x124: "WHEA_UNCORRECTABLE_ERROR",
    0x133: "DPC_WATCHDOG_VIOLATION",
    0x139: "KERNEL_SECURITY_CHECK_FAILURE",
}
"""Microsoft, Windows drivers, Bug Check Code Reference."""
_LOG = frozenset({Source.QEMU_LOG, Source.XEN_LOG})


def _stop(match: re.Match[str]) -> str:
    code = match["code"]
    name = _STOP_CODES.get(int(code, 16), "")
    return f"Windows stop code 0x{code}" + (f": {name}" if name else "")


RULES = (
    Rule(
        "windows-stop",
        re.compile(r"panic hyper-v: arg1='0x(?P<code>[\da-fA-F]{1,16})'"),
        _stop,
        "look the code up in Microsoft's Bug Check Code Reference; the guest's memory dump names the driver",
        _LOG,
    ),
    Rule(
        "s390-stop",
        re.compile(r"panic s390: core='(?P<core>\d{1,9})'.{0,120}? reason='(?P<why>[^']{1,64})'"),
        "guest processor {core} stopped: {why}",
        "see its console: s390 kernels end in a disabled wait state after a panic",
        _LOG,
    ),
)

LAST = (
    Rule(
        "panic-kdump",
        re.compile(r"its own crash kernel runs"),
        "guest kernel panic; its own crash kernel is dumping it",
        "wait until it has restarted, then see /var/crash in it",
        TOLD,
        frozenset({CrashKind.PANIC}),
    ),
    Rule(
        "panic-told",
        re.compile(
            r"\bpanicked\b|\(crashed\)|^(?:paused|crashed|off|shut off): crashed|reason='crashed'|state='crashed'"
        ),
        "guest panic, told by its panic device; no console says why",
        "log its console (<console><log file=.../>), or set on_crash=coredump-restart",
        TOLD,
        frozenset({CrashKind.PANIC}),
    ),
    Rule(
        "panic-ended",
        re.compile(r"terminating on signal 15 from pid \d{1,9} \(\S{0,100}(?:libvirtd|virtqemud)\)"),
        "ended by libvirt as crashed: a guest panic, or a crash dump taken; no console says why",
        "log its console (<console><log file=.../>), or set on_crash=coredump-restart",
        _LOG,
        frozenset({CrashKind.PANIC}),
    ),
)
"""Asked last: only that it was a panic is known.

libvirt ends a guest so after a panic (processGuestPanicEvent) and after a crash dump (VIR_DUMP_CRASH)."""

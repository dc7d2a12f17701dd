"""Kernels that gave up: the guest's, by its console, and the host's, by what kdump and pstore have kept.

Linux kernel/panic.c, kernel/exit.c, kernel/hung_task.c, kernel/watchdog.c, mm/oom_kill.c, init/do_mounts.c,
arch/x86/kernel/cpu/mce, drivers/tty/sysrq.c; Xen PV and HVM guests say the same on their consoles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backends.crashes.causes.rule import Rule
from backends.model.crash import CrashKind, Source

_PANIC = r"[Kk]ernel [Pp]anic ?- not syncing: ?"

_REASONS = (
    (
        "panic-asked",
        r"sysrq: (?:SysRq : )?Trigger a crash|SysRq : Trigger a crash",
        "kernel panic, asked for by SysRq",
        "",
    ),
    (
        "panic-hardware",
        _PANIC
        + r"(?P<why>(?:Fatal (?:local )?machine check|[Mm]achine check|Timeout: Not all CPUs entered|NMI: (?:IOCK|PCI)|"
        r"Memory failure|Uncorrected|Fatal hardware error)[^\x00]{0,100})",
        "kernel panic, hardware error: {why}",
        "see the machine's own event log (ipmitool sel list), and rasdaemon's or mcelog's",
    ),
    (
        "panic-no-root",
        r"VFS: ?Unable to mount root fs on (?P<device>[^\s\]]{1,64})",
        "kernel panic: no root file system ({device})",
        "check root= and the initrd: the disk's driver is missing, or the disk has another name",
    ),
    (
        "panic-no-init",
        _PANIC + r"(?P<why>(?:No working init found|Requested init \S{1,200} failed)[^\x00]{0,60})",
        "kernel panic: {why}",
        "check init= and the root file system",
    ),
    (
        "panic-init-died",
        r"[Aa]ttempted to kill (?:init|the idle task)!?(?: exitcode=0x(?P<code>[\da-f]{1,16}))?",
        "kernel panic: init ended[ (exit code 0x{code})]",
        "look above that line in the console: what did init say last?",
    ),
    (
        "panic-hung-task",
        r"hung_task: blocked tasks",
        "kernel panic: a task was blocked too long",
        "its storage may not have answered; see kernel.hung_task_timeout_secs and hung_task_panic",
    ),
    (
        "panic-lockup",
        _PANIC
        + r"(?P<why>(?:softlockup: hung tasks|[Hh]ard LOCKUP|Watchdog detected hard LOCKUP on cpu)[^\x00]{0,60})",
        "kernel panic: a processor was stuck ({why})",
        "an overloaded host can starve its guests' processors",
    ),
    (
        "panic-memory",
        _PANIC + r"(?P<why>(?:Out of memory|System is deadlocked on memory)[^\x00]{0,80})",
        "kernel panic: out of memory ({why})",
        "give it more memory or swap; or see vm.panic_on_oom",
    ),
    (
        "panic-bug",
        r"(?P<why>kernel BUG at [^\x00]{1,120}|BUG: (?:unable to handle|kernel NULL pointer)[^\x00]{1,100}|"
        r"Unable to handle kernel [^\x00]{1,100}|general protection fault[^\x00]{0,60})",
        "kernel panic after a fault: {why}",
        "update its kernel or the module that the call trace names",
    ),
    (
        "panic",
        _PANIC + r"(?P<why>[^\x00]{1,140})",
        "kernel panic: {why}",
        "look above that line for what led to it",
    ),
)
_GUESTS = frozenset({CrashKind.PANIC, CrashKind.ENDED})
_CONSOLE = frozenset({Source.CONSOLE})
_HOSTS = frozenset({CrashKind.HOST_PANIC, CrashKind.HOST_UNCLEAN})
_KEPT = frozenset({Source.KDUMP, Source.PSTORE, Source.KERNEL, Source.JOURNAL, Source.XEN_LOG})


def _rules(whose: str, sources: frozenset[Source], kinds: frozenset[CrashKind]) -> Iterator[Rule]:
    for id_, pattern, words, mend in _REASONS:
        yield Rule(id_, re.compile(pattern), f"{whose} {words}", mend, sources, kinds)


GUEST = tuple(_rules("guest", _CONSOLE, _GUESTS))
"""A guest writes what it likes on its console: so this is never asked of other text, and explains nothing else."""
HOST = (
    Rule(
        "xen-panic",
        re.compile(r"(?P<why>Panic on CPU \d{1,5}|Hardware Dom0 crashed[^\x00]{0,60})"),
        "Xen or its dom0 crashed: {why}",
        "see the lines below that: FATAL TRAP, Assertion or BUG name the place in Xen",
        _KEPT,
        _HOSTS,
    ),
    *_rules("host", _KEPT, _HOSTS),
)

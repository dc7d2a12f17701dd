"""How a process ended: by a fault of its own, or by a signal.

QEMU softmmu/runstate.c (qemu_kill_report); glib's and glibc's last words; Linux arch/x86/mm/fault.c, kernel/traps.c;
systemd src/core/service.c, coredumpctl(1).
"""

from __future__ import annotations

import re

from backends.crashes.causes.rule import HOST_KERNEL, HYPERVISOR, Rule
from backends.model.crash import CrashKind, Source

_DUMPS = frozenset({Source.CORE_DUMP, Source.JOURNAL})
_UNIT = r"(?<![\w@.:\\-])(?P<unit>[\w@.:\\-]{1,128}\.service): [Mm]ain process exited, "
_REPORT = "update it; if it goes on, report it with the core dump's backtrace (coredumpctl info)"
_SIGNALS = {"1": "SIGHUP", "2": "SIGINT", "15": "SIGTERM"}
"""Those that QEMU takes as a wish to end (qemu_system_killed)."""
_LIBVIRT = re.compile(r"libvirtd|virtqemud|virtxend|libvirt")
_ENDS = frozenset({CrashKind.ENDED, CrashKind.NOT_STARTED, CrashKind.INCOMING})


def _asked(match: re.Match[str]) -> str:
    signal = _SIGNALS.get(match["signal"], f"signal {match['signal']}")
    who = match["who"]
    if who and _LIBVIRT.search(who):
        return f"ended by libvirt ({signal} from {who.rpartition('/')[2]}): somebody, or a program, had it destroyed"
    whom = f" from process {match['pid']}" + (f" ({who})" if who else "") if match["pid"] else ""
    return f"ended from outside: {signal}{whom}"


FAULTS = (
    Rule(
        "assertion",
        re.compile(
            r"(?<![\w./-])(?P<where>[\w./-]{1,200}:\d{1,7}): [\w ]{1,100}: [Aa]ssertion [`']?"
            r"(?P<what>[^'\x00]{1,300}?)'? failed"
        ),
        "QEMU found a fault of its own: assertion {what} failed in {where}",
        _REPORT,
        HYPERVISOR,
    ),
    Rule(
        "assertion",
        re.compile(
            r"ERROR:(?P<where>[\w./-]{1,200}:\d{1,7}):[\w ]{1,100}: "
            r"(?P<what>assertion failed[^\x00]{0,200}|code should not be reached)"
        ),
        "QEMU found a fault of its own: {what} in {where}",
        _REPORT,
        HYPERVISOR,
    ),
    Rule(
        "hardware-error",
        re.compile(r"qemu: hardware error: (?P<what>[^\x00]{1,140})"),
        "QEMU gave up on a device: {what}",
        _REPORT,
        HYPERVISOR,
    ),
    Rule(
        "memory-broken",
        re.compile(
            r"(?P<what>double free or corruption|stack smashing detected|corrupted size vs\. prev_size|"
            r"(?:malloc|free|realloc)\(\): [\w ,()]{1,80})"
        ),
        "QEMU's own memory was broken: {what}",
        _REPORT,
        HYPERVISOR,
    ),
    Rule(
        "program-missing",
        re.compile(
            r"error while loading shared libraries: (?P<library>[^:\s]{1,200})|"
            r"symbol lookup error: (?P<path>[^:\s]{1,200})"
        ),
        "a library is missing or does not fit[: {library}][: {path}]",
        "install the packages of one release together",
        HYPERVISOR,
    ),
    Rule(
        "segfault",
        re.compile(
            r"(?<![^\s])(?P<name>[^\s\[]{1,32})\[\d{1,9}\]: segfault at [\da-f]{1,16} ip \S{1,32} sp \S{1,32} "
            r"error \d{1,5}(?: in (?P<where>[^\s\[]{1,128}))?"
        ),
        "{name} crashed: segmentation fault[ in {where}]",
        _REPORT,
        HOST_KERNEL,
    ),
    Rule(
        "segfault",
        re.compile(r"traps: (?P<name>[^\[]{1,32})\[(?P<pid>\d{1,9})\] (?P<what>[a-z ]{1,40}) ip:\S{1,32}"),
        "{name} crashed: {what}",
        _REPORT,
        HOST_KERNEL,
    ),
    Rule(
        "core-dumped",
        re.compile(
            r"Process \d{1,9} \((?P<name>[^)]{1,64})\) of user \d{1,10} (?P<how>dumped core|terminated abnormally)"
        ),
        "{name} crashed and {how}",
        _REPORT,
        _DUMPS,
    ),
    Rule(
        "core-dumped",
        re.compile(r"^(?P<name>\S{1,100})(?: \(\d{1,10}\))? dumped core(?:: (?P<signal>SIG\w{1,10}))?"),
        "{name} crashed[: {signal}]",
        _REPORT,
        frozenset({Source.CORE_DUMP}),
    ),
    Rule(
        "core-dumped",
        re.compile(
            r"\b(?:Signal: (?P<number>\d{1,3}) \((?P<signal>\w{1,10})\)|SIG(?P<short>SEGV|ABRT|BUS|ILL|FPE|TRAP|SYS)\b)"
        ),
        "it crashed[: SIG{signal}][: SIG{short}]",
        _REPORT,
        frozenset({Source.CORE_DUMP}),
    ),
    Rule(
        "service-crashed",
        re.compile(_UNIT + r"code=dumped, status=\d{1,3}/(?P<signal>\w{1,10})"),
        "{unit} crashed: SIG{signal}",
        _REPORT,
        HYPERVISOR,
    ),
    Rule(
        "service-killed",
        re.compile(_UNIT + r"code=killed, status=\d{1,3}/(?P<signal>\w{1,10})"),
        "{unit} was killed from outside: SIG{signal}",
        "see who did it: an administrator, a script, or the OOM killer in the kernel's log",
        HYPERVISOR,
    ),
    Rule(
        "service-failed",
        re.compile(_UNIT + r"code=exited, status=(?P<status>\d{1,3})"),
        "{unit} ended by itself, with status {status}",
        "see its last lines in the journal",
        HYPERVISOR,
        frozenset({CrashKind.PROCESS}),
    ),
)

SIGNALS = (
    Rule(
        "killed",
        re.compile(
            r"terminating on signal (?P<signal>\d{1,3})(?: from pid (?P<pid>\d{1,9})(?: \((?P<who>[^)]{0,200})\))?)?"
        ),
        _asked,
        "see who did it: an administrator, a script, the host's shutdown",
        HYPERVISOR,
        _ENDS,
    ),
)
"""Asked last: libvirt ends QEMU so after whatever else went wrong."""

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
_REPORT = "update it; if it comes again, report it with the backtrace (coredumpctl info)"
_SIGNALS = {"1": "SIGHUP", "2": "SIGINT", "15": "SIGTERM"}
"""Those that QEMU takes as a wish to end (qemu_system_killed)."""
_LIBVIRT = re.compile(r"libvirtd|virtqemud|virtxend|libvirt")
_ENDS = frozenset({CrashKind.ENDED, CrashKind.NOT_STARTED, CrashKind.INCOMING})


def _asked(match: re.Match[str]) -> str:
    signal = _SIGNALS.get(match["signal"], f"signal {match['signal']}")
    who = match["who"]
    if who and _LIBVIRT.search(who):
        return f"destroyed through libvirt ({signal} from {who.rpartition('/')[2]})"
    whom = f" from process {match['pid']}" + (f" ({who})" if who else "") if match["pid"] else ""
    return f"ended from outside by {signal}{whom}"


FAULTS = (
    Rule(
        "assertion",
        re.compile(
            r"(?<![\w./-])(?P<where>[\w./-]{1,200}:\d{1,7}): [\w ]{1,100}: [Aa]ssertion [`']?"
            r"(?P<what>[^'\x00]{1,300}?)'? failed"
        ),
        "QEMU assertion failed: {what} ({where})",
        _REPORT,
        HYPERVISOR,
    ),
    Rule(
        "assertion",
        re.compile(
            r"ERROR:(?P<where>[\w./-]{1,200}:\d{1,7}):[\w ]{1,100}: "
            r"(?P<what>assertion failed[^\x00]{0,200}|code should not be reached)"
        ),
        "QEMU aborted: {what} ({where})",
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
        "QEMU memory corrupted: {what}",
        _REPORT,
        HYPERVISOR,
    ),
    Rule(
        "program-missing",
        re.compile(
            r"error while loading shared libraries: (?P<library>[^:\s]{1,200})|"
            r"symbol lookup error: (?P<path>[^:\s]{1,200})"
        ),
        "library missing or unfit[: {library}][: {path}]",
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
        "crashed[: SIG{signal}][: SIG{short}]",
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
        "{unit} killed from outside: SIG{signal}",
        "find who did it: an administrator, a script, or the OOM killer (kernel log)",
        HYPERVISOR,
    ),
    Rule(
        "service-failed",
        re.compile(_UNIT + r"code=exited, status=(?P<status>\d{1,3})"),
        "{unit} exited with status {status}",
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
        "find who did it: an administrator, a script, a shutdown of the host",
        HYPERVISOR,
        _ENDS,
    ),
)
"""Asked last: libvirt ends QEMU so after whatever else went wrong."""

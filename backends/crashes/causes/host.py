"""Hosts that went down. Linux arch/x86/kernel/cpu/mce/core.c, drivers/firmware/efi/cper.c, drivers/thermal; wdmd(8)."""

from __future__ import annotations

import re

from backends.crashes.causes.rule import Rule
from backends.model.crash import CrashKind, Source

_HOSTS = frozenset({CrashKind.HOST_PANIC, CrashKind.HOST_UNCLEAN})
_TOLD = frozenset({Source.KERNEL, Source.JOURNAL, Source.KDUMP, Source.PSTORE})
_MACHINE = "see the machine's own event log (ipmitool sel list), and rasdaemon's or mcelog's"

HARDWARE = (
    Rule(
        "machine-check",
        re.compile(
            r"\[Hardware Error\]: CPU (?P<cpu>\d{1,5}): Machine Check(?: Exception)?: "
            r"(?P<code>[\da-f]{1,16}(?: Bank \d{1,4}: [\da-f]{1,16})?)"
        ),
        "host hardware failed: machine check on processor {cpu} ({code})",
        _MACHINE,
        _TOLD,
        _HOSTS,
    ),
    Rule(
        "hardware-failed",
        re.compile(
            r"\[Hardware Error\]: {1,8}(?:event severity: (?P<severity>fatal)|"
            r"(?P<what>Hardware error from APEI[^\x00]{0,80}))"
        ),
        "host hardware failed[: {what}][: the firmware reports a {severity} error]",
        _MACHINE,
        _TOLD,
        _HOSTS,
    ),
    Rule(
        "overheated",
        re.compile(r"[Cc]ritical temperature reached[^\x00]{0,80}"),
        "host overheated and shut itself down",
        "check its fans and the room",
        _TOLD,
        _HOSTS,
    ),
)

WATCHDOG = (
    Rule(
        "watchdog",
        re.compile(
            r"wdmd\[?\d{0,9}\]?: (?:\d{1,12} )?test failed|watchdog: watchdog\d: watchdog did not stop"
        ),
        "host reset by its watchdog, which was not renewed in time",
        "see sanlock and wdmd: they reset a host whose storage does not answer",
        _TOLD,
        frozenset({CrashKind.HOST_UNCLEAN}),
    ),
    Rule(
        "power-button",
        re.compile(r"[Pp]ower (?:key|button) pressed"),
        "power button of the host pressed",
        "",
        _TOLD,
        frozenset({CrashKind.HOST_UNCLEAN}),
    ),
)

"""Evidence as parsers make it, for tests of causes."""

from __future__ import annotations

from backends.crashes.causes.cause import cause_of
from backends.model.crash import Cause, CrashKind, Evidence, Source

PLACES = {
    Source.QEMU_LOG: "/var/log/libvirt/qemu/vm1.log",
    Source.CONSOLE: "/var/log/libvirt/qemu/vm1-console.log",
    Source.KERNEL: "journalctl -k",
    Source.JOURNAL: "journalctl -u libvirtd",
}


def said(source: Source, *lines: str, trouble: str = "") -> Evidence:
    """What one place tells."""
    return Evidence(source, PLACES.get(source, source.value), lines, trouble=trouble)


def cause(kind: CrashKind, source: Source, *lines: str) -> Cause:
    """Where only one place tells of it."""
    return cause_of(kind, (said(source, *lines),))

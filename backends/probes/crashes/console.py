"""What guests' own kernels have written to their consoles when they gave up.

Guests write no time of day there: the file's own time is all there is, and it is the panic's only where the guest has
not been started again since. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backends.model.crash import CrashKind, Evidence, Source
from backends.probes.crashes import kernel_text
from backends.probes.crashes.kernel_text import End, KernelLine
from backends.probes.crashes.looked import LogEnd, Looked
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.wanted import LogsWanted, Wanted
from backends.untrusted import clean

HYPERVISOR = "/var/log/xen/console/hypervisor.log"
PATTERNS = (
    "/var/log/xen/console/guest-*.log",
    "/var/log/libvirt/qemu/*[-.]console*.log",
    "/var/log/libvirt/qemu/*[-.]serial*.log",
    "/var/log/libvirt/console/*.log",
    "/var/lib/libvirt/qemu/*console*.log",
    "/var/lib/nova/instances/*/console.log",
)
"""xenconsoled's (xenconsoled(8), --log-dir), customs of administrators, and OpenStack's."""
_KEPT = rf"{kernel_text.KEPT}|Xen version|Booting Linux on|panic\(cpu|PANIC: "
GUESTS = LogsWanted(PATTERNS, keep=_KEPT, before=1, after=10, end_bytes=64 * 1024, consoles=True)
"""A host may have a thousand guests that write there all the time."""
XEN = LogsWanted((HYPERVISOR,), end_bytes=64 * 1024)
WANTED = Wanted(logs=(GUESTS, XEN))

_OF_XEN = re.compile(r"/guest-(.+)\.log")
_OF_NAME = re.compile(r"/([^/]+?)[-.](?:console|serial)\d{0,3}\.log")
_UUID = re.compile(r"/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/console\.log")


def sightings(looked: Looked) -> Iterator[Sighting]:
    """Each console's last panic. Pure."""
    for log in looked.logs_like(HYPERVISOR):
        yield from _of_log(log, CrashKind.HOST_PANIC, Source.XEN_LOG)
    for log in looked.logs:
        if log.path != HYPERVISOR and (log.is_console or _is_console(log.path)):
            yield from _of_log(log, CrashKind.PANIC, Source.CONSOLE)


def guest_of(path: str) -> tuple[str, str]:
    """(name, UUID) as a console's path tells them, each empty where it does not."""
    if match := _UUID.search(path):
        return "", match[1]
    match = _OF_XEN.search(path) or _OF_NAME.search(path)
    return (match[1], "") if match else ("", "")


def _is_console(path: str) -> bool:
    return guest_of(path) != ("", "")


def _of_log(log: LogEnd, kind: CrashKind, source: Source) -> Iterator[Sighting]:
    pairs = [(offset, text) for offset, text in log.lines() if not _OF_A_GUEST.match(_printed(text))]
    lines = [kernel_text.read(_printed(text)) for _, text in pairs]
    panics = [end for end in kernel_text.ends(lines) if end.is_panic]
    if not panics:
        return
    end = panics[-1]
    name, uuid = guest_of(log.path) if kind is CrashKind.PANIC else ("", "")
    yield Sighting(
        kind,
        Evidence(
            source,
            clean(log.path, limit=1024),
            end.lines,
            path=log.path,
            offset=pairs[end.first][0],
            size_bytes=log.size_bytes,
            trouble=log.unread,
            mend=log.mend,
        ),
        _when(log, lines, end),
        exact=False,
        guest=name,
        uuid=uuid,
        path=log.path,
    )


def _when(log: LogEnd, lines: list[KernelLine], end: End) -> float | None:
    """The file's time; nothing tells where the guest has started again since."""
    return None if kernel_text.boots_after(lines, end.last) else log.mtime_s


_CONTROL = re.compile(r"\x1b(?:\[[0-9;?]{0,32}[A-Za-z]|[()][A-Z0-9])|[\r\b]")
_OF_A_GUEST = re.compile(r"\(d[1-9]\d{0,5}\) ")
"""Guests' own words in the hypervisor's log."""
_XENCONSOLED = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] ")


def _printed(line: str) -> str:
    """Without what only moves a terminal's cursor, and without xenconsoled's own stamp (--timestamp)."""
    text = _CONTROL.sub("", line[:4096])
    match = _XENCONSOLED.match(text)
    return text[match.end() :] if match else text

"""What the hypervisor itself says of domains that it saw crash: its console's log, and `xl dmesg`.

xen/common/domain.c (__domain_crash), xen/drivers/char/console.c. A guest's own words stand there behind `(d7) `, dom0's
kernel writes there without anything before its lines; Xen's own lines begin with `(XEN) `. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backends.model.crash import CrashKind, Evidence, Source
from backends.probes.crashes import console, host_time, xen_names
from backends.probes.crashes.looked import LogEnd, Looked
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.wanted import Wanted
from backends.probes.survey.asking import Command, Questions
from backends.untrusted import clean

DMESG = Command(("xl", "dmesg"))
WANTED = Wanted(
    questions=Questions(files=(host_time.UPTIME,), commands=(host_time.ZONE, xen_names.LIST, DMESG)),
    logs=(console.XEN,),
)

_LINE = re.compile(
    r"(?:\[(?P<local>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\] )?\(XEN\) "
    r"(?:\[ {0,12}(?:(?P<utc>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d{1,6})?|(?P<up>\d{1,10}\.\d{1,9}))\] )?(?P<said>.*)"
)
"""xenconsoled's stamp (--timestamp=hv, local time); Xen's own (console_timestamps: UTC, or since its start)."""
_CRASHED = re.compile(
    r"Domain (?P<domid>\d{1,5}) (?:\(vcpu#\d{1,5}\) crashed|reported crashed by domain \d{1,5}) on cpu#\d{1,5}:?$"
)
_LED_TO_IT = re.compile(
    r"domain_crash|out of PoD memory|[Uu]nhandled|not permitted|Triple fault|Failed vm entry|Pagetable walk|"
    r"EPT violation|[Ee]rror|[Ff]ail"
)
_WHERE = re.compile(r"RIP: |EIP: |PC: |CONTEXT: ")
_BEFORE, _AFTER = 16, 8
_MOST = 64
"""Crashes of one log."""
_LINE_LIMIT = 400
_LONGEST = 1024


@dataclass(frozen=True, slots=True)
class _Said:
    """A line of Xen's own."""

    text: str
    """As it stands."""
    said: str
    at_s: float | None
    exact: bool
    offset: int | None


def sightings(looked: Looked) -> Iterator[Sighting]:
    """The log tells more than the ring, which holds the same: a domain of which the log tells is not told again.

    Nothing of a look that only follows what is new: it does not bring the names.
    """
    if not looked.readings.there(host_time.UPTIME):
        return
    names = xen_names.names(looked)
    told: set[str] = set()
    ahead_s, boot_s = host_time.zone_s(looked.readings), host_time.boot_s(looked.readings)
    for log in looked.logs_like(console.HYPERVISOR):
        lines = [
            _said(text, offset, ahead_s, None) for offset, text in log.lines()
        ]  # it may be of older starts
        yield from _crashes([each for each in lines if each], log, names, told)
    ring = looked.readings.text(DMESG.name).split("\n")
    lines = [_said(text, None, ahead_s, boot_s) for text in ring]
    yield from _crashes([each for each in lines if each], None, names, told)


def _said(text: str, offset: int | None, ahead_s: float, boot_s: float | None) -> _Said | None:
    match = _LINE.match(text[:_LONGEST].rstrip("\r"))
    if match is None:
        return None
    at_s: float | None = None
    exact = False
    if match["utc"] or match["local"]:
        at_s = host_time.in_name(match["utc"] or match["local"], ahead_s=0.0 if match["utc"] else ahead_s)
        exact = at_s is not None
    elif match["up"] and boot_s is not None:
        at_s = boot_s + float(match["up"])  # Xen started some seconds before dom0: it happened then or before
    return _Said(match[0], match["said"], at_s, exact, offset)


def _crashes(
    lines: Sequence[_Said], log: LogEnd | None, names: Mapping[str, str], told: set[str]
) -> Iterator[Sighting]:
    before = frozenset(told)
    found = [
        (index, match["domid"])
        for index, line in enumerate(lines)
        if (match := _CRASHED.match(line.said)) and match["domid"] not in before
    ]
    for index, domid in found[-_MOST:]:
        told.add(domid)
        yield _sighting(lines, index, domid, log, names)


def _sighting(
    lines: Sequence[_Said], index: int, domid: str, log: LogEnd | None, names: Mapping[str, str]
) -> Sighting:
    first = (
        next((n for n in range(index - 1, max(-1, index - _BEFORE), -1) if _CRASHED.match(lines[n].said)), -1)
        + 1
    )
    chosen = [
        *(each for each in lines[max(first, index - _BEFORE) : index] if _LED_TO_IT.search(each.said)),
        lines[index],
        *(each for each in lines[index + 1 : index + _AFTER] if _WHERE.search(each.said)),
    ]
    evidence = Evidence(
        Source.XEN_LOG,
        clean(log.path, limit=1024) if log else DMESG.name,
        tuple(clean(each.text, limit=_LINE_LIMIT) for each in chosen),
        path=log.path if log else "",
        offset=chosen[0].offset,
        size_bytes=log.size_bytes if log else None,
        trouble=log.trouble if log else "",
    )
    line = lines[index]
    at_s = line.at_s if line.at_s is not None or log is None else log.mtime_s
    kind = CrashKind.HOST_PANIC if domid == "0" else CrashKind.PANIC
    name = "" if domid == "0" else names.get(domid, "")
    return Sighting(kind, evidence, at_s, line.exact, guest=name)

"""Which names domains have, by the numbers that Xen calls them by. Pure.

Xen counts domains from its start on, so that after a restart of the host the same number is another guest's: a number
that several logs give to several guests tells of none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from backends.probes.crashes.looked import Looked
from backends.probes.survey.asking import Command

LIST = Command(("xl", "list"))
"""xl(1): `Name ID Mem VCPUs State Time(s)`."""
XL_LOGS = "/var/log/xen/xl-*"

_LISTED = re.compile(
    r"(?P<name>\S.{0,254}?) +(?P<domid>\d{1,5}) +\d{1,12} +\d{1,6} +(?P<state>[rbpscd-]{6}) +[\d.]{1,20}"
)
_WAITING = re.compile(r"Waiting for domain (?P<name>.{1,255}) \(domid (?P<domid>\d{1,5})\) to die")
"""tools/xl/xl_vmcontrol.c."""


def listed(looked: Looked) -> Iterator[tuple[str, str, str, str]]:
    """(name, number, state, line) of each domain but dom0."""
    for line in looked.readings.text(LIST.name).split("\n"):
        match = _LISTED.fullmatch(line[:512].rstrip())
        if match and match["domid"] != "0":
            yield match["name"], match["domid"], match["state"], line[:512].rstrip()


def names(looked: Looked) -> Mapping[str, str]:
    """Number -> name, NOT yet safe to show. What runs now counts more than what logs tell."""
    claimed: dict[str, set[str]] = {}
    for log in looked.logs_like(XL_LOGS):
        for _, text in log.lines():
            if match := _WAITING.match(text[:512]):
                claimed.setdefault(match["domid"], set()).add(match["name"])
    alone = {domid: next(iter(several)) for domid, several in claimed.items() if len(several) == 1}
    return alone | {domid: name for name, domid, _, _ in listed(looked)}

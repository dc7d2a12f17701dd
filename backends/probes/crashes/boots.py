"""Was the host shut down before it was started again?

By the records of starts and shutdowns (`last -x`, wtmp(5)): a start that follows a start with no shutdown between them.
Else by the journal: a boot that has none of the entries that a shutdown leaves. When it went down is not told: it was
before the next start, and after the journal's last entry of the boot. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from backends.model.crash import CrashKind, Evidence, Source
from backends.probes.crashes import host_time, journal_entries
from backends.probes.crashes.journal_entries import BOOTS
from backends.probes.crashes.looked import Looked
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.wanted import SINCE, Wanted
from backends.probes.survey.asking import Command, Questions
from backends.untrusted import clean

LAST = Command(("last", "-x", "-n", "80", "--time-format", "iso", "reboot", "shutdown"))
"""util-linux since 2.24; times with their zone."""
LAST_FULL = Command(("last", "-x", "-F", "-n", "80", "reboot", "shutdown"))
"""As older ones and sysvinit's take it; local times."""
STOPPED, SHUTTING_DOWN = "d93fb3c9c24d451a97cea615ce59c00b", "98268866d1d54a499c4e98921d93bc40"
"""SD_MESSAGE_JOURNAL_STOP, SD_MESSAGE_SHUTDOWN (sd-messages.h)."""
ENDS = Command(
    (
        *("journalctl", "-q", "--no-pager", "-o", "json", "--output-fields=_BOOT_ID", f"--since={SINCE}"),
        *(f"MESSAGE_ID={STOPPED}", f"MESSAGE_ID={SHUTTING_DOWN}", "+", "_PID=1", "UNIT=shutdown.target"),
    )
)
WANTED = Wanted(questions=Questions(commands=(host_time.ZONE, LAST, LAST_FULL, BOOTS, ENDS)), only_whole=True)

_ISO = re.compile(
    r"(reboot|shutdown) +system (?:boot|down) +(?:\S+ +)?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)([+-]\d\d:?\d\d)"
)
_FULL = re.compile(
    r"(reboot|shutdown) +system (?:boot|down) +(?:\S+ +)?"
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4})"
)
_LISTED = re.compile(
    r" *(-?\d{1,5}) ([0-9a-f]{32}) [A-Z][a-z]{2} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (\S+?)[ —]+"
    r"[A-Z][a-z]{2} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (\S+)"
)
_NEAR_S = 300.0
"""Between the record of a start and the first entry of the journal of that boot."""


@dataclass(frozen=True, slots=True)
class Boot:
    """One start of the host, as the journal knows it."""

    id: str
    first_s: float
    last_s: float
    """Of its entries."""


@dataclass(frozen=True, slots=True)
class Start:
    """One start of the host, as wtmp knows it."""

    at_s: float
    was_down_before: bool
    """There is a shutdown between the start before it and this one."""
    before_s: float
    """The start before it."""
    line: str


def sightings(looked: Looked) -> Iterator[Sighting]:
    """Each start that no shutdown came before, but for the oldest that is known. Pure."""
    boots = known_boots(looked)
    starts = known_starts(looked)
    for start in starts:
        if not start.was_down_before and not _has_ended(looked, _boot_before(boots, start.at_s)):
            yield _unclean(start.at_s, start.line, "last -x", _boot_before(boots, start.at_s))
    oldest = min((start.before_s for start in starts), default=None)
    for boot, following in pairwise(boots):
        is_known = oldest is not None and following.first_s > oldest + _NEAR_S
        if not is_known and _asks_journal(looked, boot) and not _has_ended(looked, boot):
            line = f"boot {boot.id}: no entry tells of a shutdown"
            yield _unclean(following.first_s, line, "journalctl --list-boots", boot)


def known_starts(looked: Looked) -> tuple[Start, ...]:
    """Oldest first, without the oldest of all: what was before it is not told."""
    readings = looked.readings
    ahead = host_time.zone_s(readings)
    rows = _iso_rows(readings.text(LAST.name)) or _full_rows(readings.text(LAST_FULL.name), ahead)
    found: list[Start] = []
    last_start: float | None = None
    was_down = False
    for what, at, line in sorted(rows, key=lambda row: (row[1], row[0] == "reboot")):
        if what == "shutdown":
            was_down = True
            continue
        if last_start is not None:
            found.append(Start(at, was_down, last_start, line))
        last_start, was_down = at, False
    return tuple(found)


def known_boots(looked: Looked) -> tuple[Boot, ...]:
    """Oldest first."""
    text = looked.readings.text(BOOTS.name)
    ahead = host_time.zone_s(looked.readings)
    found = _json_boots(text) if text.lstrip().startswith("[") else _listed_boots(text, ahead)
    return tuple(sorted(found, key=lambda boot: boot.first_s))


def _boot_before(boots: tuple[Boot, ...], start_s: float) -> Boot | None:
    """The last that began before a start."""
    before = [boot for boot in boots if boot.first_s < start_s - _NEAR_S or boot.last_s < start_s]
    return before[-1] if before else None


def _asks_journal(looked: Looked, boot: Boot) -> bool:
    """Does the journal tell how that boot ended? Only where it was asked so far back, and any end is told at all."""
    ends = _ends(looked)
    return bool(ends) and boot.last_s >= min(ends.values())


def _has_ended(looked: Looked, boot: Boot | None) -> bool:
    return boot is not None and boot.id in _ends(looked)


def _ends(looked: Looked) -> Mapping[str, float]:
    """By the boot's id, when it was shut down."""
    found: dict[str, float] = {}
    for line in looked.readings.text(ENDS.name).split("\n"):
        if (told := journal_entries.entry(line)) is not None:
            at = journal_entries.seconds(told.get("__REALTIME_TIMESTAMP"))
            if at is not None:
                found[str(told.get("_BOOT_ID", ""))] = at
    return found


def _unclean(started_s: float, line: str, place: str, boot: Boot | None) -> Sighting:
    """It went down before the start, and after the journal's last entry where that is of the boot before."""
    lines = [clean(" ".join(line.split()), limit=400), "started again, and not shut down before"]
    if boot is not None and boot.last_s <= started_s:
        lines.insert(
            0, f"the journal of boot {boot.id} ends {_span(started_s - boot.last_s)} before the next start"
        )
    evidence = Evidence(Source.BOOTS, place, tuple(lines), is_text=False)
    return Sighting(CrashKind.HOST_UNCLEAN, evidence, started_s, exact=False)


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{int(seconds)} s" if minutes < 2 else f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def _iso_rows(text: str) -> list[tuple[str, float, str]]:
    found = []
    for line in text.split("\n"):
        if (match := _ISO.match(line)) and (zone := host_time.zone_of(match[3])) is not None:
            at = host_time.in_name(match[2], ahead_s=zone)
            if at is not None:
                found.append((match[1], at, line))
    return found


def _full_rows(text: str, ahead_s: float) -> list[tuple[str, float, str]]:
    found = []
    for line in text.split("\n"):
        if (match := _FULL.match(line)) and match[2] in host_time.MONTHS:
            month = host_time.MONTHS.index(match[2]) + 1
            day, hour, minute, second, year = (int(match[number]) for number in range(3, 8))
            at = host_time.seconds(year, month, day, hour, minute, second, ahead_s=ahead_s)
            if at is not None:
                found.append((match[1], at, line))
    return found


def _json_boots(text: str) -> list[Boot]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        return []
    found = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            first, last = (
                journal_entries.seconds(row.get("first_entry")),
                journal_entries.seconds(row.get("last_entry")),
            )
            if first is not None and last is not None:
                found.append(Boot(clean(str(row.get("boot_id", "")), limit=40), first, last))
    return found


def _listed_boots(text: str, ahead_s: float) -> list[Boot]:
    found = []
    for line in text.split("\n"):
        if match := _LISTED.match(line):
            first = host_time.in_name(match[3], ahead_s=0.0 if match[4] == "UTC" else ahead_s)
            last = host_time.in_name(match[5], ahead_s=0.0 if match[6] == "UTC" else ahead_s)
            if first is not None and last is not None:
                found.append(Boot(match[2], first, last))
    return found

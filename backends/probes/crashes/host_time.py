"""Times as hosts write them, on the host's own clock in seconds since 1970. Pure.

A host's logs and file names mostly hold local time without its zone; `date +%z` tells the zone that holds now, and what
was written on the other side of a change to summer time is an hour off unless a second time near it helps.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from backends.probes.survey.asking import Command
from backends.probes.survey.readings import Readings

ZONE = Command(("date", "+%z"), 2)
UPTIME = "/proc/uptime"

_ZONE = re.compile(r"([+-])(\d\d):?(\d\d)")
_DIGITS = re.compile(r"(?<!\d)(\d{4})\D?(\d\d)\D?(\d\d)\D?(\d\d)\D?(\d\d)(?:\D?(\d\d))?")
_UPTIME = re.compile(r"\d{1,12}\.\d{1,9}")
_BEGAN = re.compile(r"\d{1,12}(\.\d{1,9})?")
_HOUR_S = 3600.0
_SLACK_S = 2.0
_DAY_S = 24 * _HOUR_S
_FURTHEST_ZONE_S = 14 * _HOUR_S
"""Kiribati's."""
_FIRST_YEAR = 1990
_LONGEST_NAME = 255
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def zone_s(readings: Readings) -> float:
    """How far the host's local time is ahead of UTC; 0 where it does not tell."""
    return zone_of(readings.text(ZONE.name).strip()) or 0.0


def zone_of(text: str) -> float | None:
    """`+0200`, `+02:00`, `Z`."""
    if text in ("Z", "z"):
        return 0.0
    match = _ZONE.fullmatch(text)
    if match is None:
        return None
    seconds = int(match[2]) * _HOUR_S + int(match[3]) * 60
    return (-seconds if match[1] == "-" else seconds) if seconds <= _FURTHEST_ZONE_S else None


def now_s(readings: Readings) -> float | None:
    """When the look began."""
    text = readings.text("began").strip()
    return float(text) if _BEGAN.fullmatch(text) else None


def boot_s(readings: Readings) -> float | None:
    """When the kernel was started (proc_uptime(5)); None where that is not told."""
    now, words = now_s(readings), readings.text(UPTIME).split()
    return now - float(words[0]) if now is not None and words and _UPTIME.fullmatch(words[0]) else None


def seconds(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, *, ahead_s: float = 0.0
) -> float | None:
    """None where there is no such day or time."""
    try:
        zone = timezone(timedelta(seconds=ahead_s)) if ahead_s else UTC
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone).timestamp()
    except (ValueError, OverflowError):
        return None


def in_name(text: str, *, ahead_s: float) -> float | None:
    """Of a name that ends in a date and a time of day: `127.0.0.1-2025-12-01-16:03:20`, `202606090544`."""
    for begin in range(len(text[:_LONGEST_NAME]) - 1, -1, -1):
        if (match := _DIGITS.match(text, begin)) is not None:
            year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
            at = seconds(year, month, day, hour, minute, second, ahead_s=ahead_s)
            if at is not None and year >= _FIRST_YEAR:
                return at
    return None


def without_year(
    month: str, day: int, clock: str, *, ahead_s: float, not_after_s: float | None
) -> float | None:
    """`May`, 5, `00:02:21` as syslog writes it: in the newest year in which it is not after `not_after_s`."""
    if month not in MONTHS or not_after_s is None:
        return None
    hour, minute, second = (int(part) for part in clock.split(":"))
    try:
        newest = datetime.fromtimestamp(not_after_s, UTC).year + 1
    except (ValueError, OverflowError, OSError):
        return None
    for year in range(newest, newest - 6, -1):
        at = seconds(year, MONTHS.index(month) + 1, day, hour, minute, second, ahead_s=ahead_s)
        if at is not None and at <= not_after_s + _DAY_S:
            return at
    return None


def near(named_s: float | None, mtime_s: float, *, ahead_s: float) -> float:
    """When a file was written that has a local time in its name.

    The system that wrote it may have had another zone (a crash kernel has UTC), so the file's own time is better where
    both may be the same; a file that was copied since has the time of the copy, and its name is better.
    """
    if named_s is None:
        return mtime_s
    as_utc = named_s + ahead_s
    is_same = abs(as_utc - mtime_s) <= _FURTHEST_ZONE_S + _HOUR_S
    return mtime_s if is_same else named_s


def begun(named_s: float | None, mtime_s: float) -> float | None:
    """When the writing of a file began that has a local time in its name; None where nothing tells.

    It did not begin after its end: where it seems so, the name is of summer time and the host is out of it by now.
    """
    if named_s is None or named_s <= mtime_s + _SLACK_S:
        return named_s
    return named_s - _HOUR_S if named_s - _HOUR_S <= mtime_s + _SLACK_S else None

"""Core dumps that ABRT (/var/spool/abrt) and apport (/var/crash) have taken. Pure.

ABRT keeps a folder for each, with a small file for each fact (abrt's doc/dump-dir-elements, `cmdline`, `executable`,
`reason`, `time`, `pid`). Apport keeps one text, `Key: value`, with the core in it in Base64 (apport's report.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from backends.probes.crashes import host_time
from backends.probes.crashes.core import Core, signal_name
from backends.probes.crashes.looked import Looked
from backends.probes.survey.readings import Gap

_SPOOLS = ("/var/spool/abrt", "/var/tmp/abrt", "/var/cache/abrt")  # noqa: S108 - only read
"""Since abrt 2.1, before it, and of RHEL 6.0."""
_FACTS = ("executable", "cmdline", "reason", "time", "pid", "cgroup")
_KINDS = "ccpp-*"
"""Of a process: others are of interpreted programs, of the kernel (`oops-`, `vmcore-`) and of the X server."""
APPORT = "/var/crash/_*.crash"
HEADS = (*(f"{spool}/{_KINDS}/{fact}" for spool in _SPOOLS for fact in _FACTS), APPORT)
FILES = (*(f"{spool}/{_KINDS}/coredump" for spool in _SPOOLS), APPORT)

_MONTH = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4})")
_SIGNAL = re.compile(r"\b(SIG[A-Z]{2,9})\b|signal (\d{1,2})")


def cores(looked: Looked) -> Iterator[Core]:
    """Those that could not be read tell no more than that they are there."""
    for spool in _SPOOLS:
        read = looked.readings.under(f"{spool}/")
        for folder in dict.fromkeys(path.rpartition("/")[0] for path in read):
            yield from _of_abrt(looked, folder)
    ahead = host_time.zone_s(looked.readings)
    for path, reading in looked.readings.under("/var/crash/_").items():
        if path.endswith(".crash"):
            facts = _facts(reading.text) if reading.gap is None else {}
            yield _of_apport(path, facts, ahead, is_denied=reading.gap is Gap.DENIED)


def _of_abrt(looked: Looked, folder: str) -> Iterator[Core]:
    facts = {fact: looked.readings.text(f"{folder}/{fact}").strip() for fact in _FACTS}
    if not facts["executable"]:
        return
    reason = facts["reason"]
    found = _SIGNAL.search(reason[:1000])
    stamp = facts["time"]
    yield Core(
        place=folder,
        executable=facts["executable"],
        pid=_number(facts["pid"]),
        at_s=float(stamp) if stamp.isascii() and stamp.isdigit() and len(stamp) <= 11 else None,
        signal=(found[1] or signal_name(found[2])) if found else "",
        command_line=facts["cmdline"],
        cgroup=facts["cgroup"],
        path=f"{folder}/coredump",
        lines=(reason,) if reason else (),
    )


def _of_apport(path: str, facts: Mapping[str, str], ahead_s: float, *, is_denied: bool) -> Core:
    """Its name has the program's path, with `_` in the place of `/`."""
    named = path.rpartition("/")[2].removeprefix("_").removesuffix(".crash").rpartition(".")[0]
    signal = facts.get("SignalName") or signal_name(facts.get("Signal", ""))
    return Core(
        place=path,
        executable=facts.get("ExecutablePath") or named.rpartition("_bin_")[2],
        pid=_number(facts.get("ProcessPid") or _pid_in(facts.get("ProcStatus", ""))),
        at_s=_date(facts.get("Date", ""), ahead_s),
        signal=signal,
        command_line=facts.get("ProcCmdline", ""),
        path=path,
        lines=tuple(f"{key}: {facts[key]}" for key in ("SegvReason", "SegvAnalysis") if key in facts),
        trouble="unreadable: permission denied" if is_denied else "",
        mend="log in as root" if is_denied else "",
    )


def _facts(text: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for line in text.split("\n"):
        key, colon, value = line.partition(":")
        if colon and key and not line.startswith(" "):
            found.setdefault(key, value.strip())
    return found


def _pid_in(status: str) -> str:
    return status.partition("Pid:")[2].split("\\n")[0].strip()


def _date(text: str, ahead_s: float) -> float | None:
    """`Mon Mar 25 13:23:43 2026`, local time."""
    match = _MONTH.match(text)
    if match is None or match[1] not in host_time.MONTHS:
        return None
    day, hour, minute, second, year = (int(match[number]) for number in range(2, 7))
    month = host_time.MONTHS.index(match[1]) + 1
    return host_time.seconds(year, month, day, hour, minute, second, ahead_s=ahead_s)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None

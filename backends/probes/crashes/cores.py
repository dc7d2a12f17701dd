"""Core dumps of hypervisors and of the daemons that guests depend on.

From systemd-coredump's entries in the journal (MESSAGE_ID fc2e22bc..., sd-messages.h), which hold the command line;
from `coredumpctl list`; from the names of its files (core.COMM.UID.BOOT-ID.PID.USEC, coredump-submit.c); from ABRT's
folders and apport's reports. What several tell of one core is told once. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from backends.probes.crashes import core_reports, host_time
from backends.probes.crashes.core import Core, joined, sighting, signal_name, trace_of
from backends.probes.crashes.journal_entries import entry, seconds, text_of
from backends.probes.crashes.looked import FileSeen, Looked
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.wanted import SINCE, Wanted
from backends.probes.survey.asking import Command, Questions

MESSAGE_ID = "fc2e22bc6ee647b6b90729ab34a250b1"
_FIELDS = (
    *(
        "COREDUMP_PID",
        "COREDUMP_COMM",
        "COREDUMP_EXE",
        "COREDUMP_SIGNAL",
        "COREDUMP_SIGNAL_NAME",
        "COREDUMP_CMDLINE",
    ),
    *("COREDUMP_CGROUP", "COREDUMP_TIMESTAMP", "COREDUMP_FILENAME", "COREDUMP_TRUNCATED", "MESSAGE"),
)
JOURNAL = Command(
    (
        *("journalctl", "-q", "--no-pager", "-o", "json", f"--output-fields={','.join(_FIELDS)}"),
        *(f"--since={SINCE}", "-n", "64", f"MESSAGE_ID={MESSAGE_ID}"),
    )
)
LISTED_JSON = Command(("coredumpctl", "list", "-q", "--no-pager", "--json=short", f"--since={SINCE}"))
"""Since systemd 249."""
LISTED = Command(("coredumpctl", "list", "--no-pager", "--no-legend"))
FOLDER = "/var/lib/systemd/coredump"
WANTED = Wanted(
    questions=Questions(heads=core_reports.HEADS, commands=(host_time.ZONE, JOURNAL, LISTED_JSON, LISTED)),
    files=(f"{FOLDER}/core.*", *core_reports.FILES),
)

_STATES = {
    "truncated": "truncated: larger than ProcessSizeMax= or ExternalSizeMax= (coredump.conf(5)), or the disk full",
    "missing": "the core itself is not there any more",
    "none": "no core was kept (coredump.conf(5), or the process's RLIMIT_CORE)",
    "inaccessible": "unreadable: permission denied",
    "error": "the core cannot be read",
}
"""coredumpctl(1), COREFILE."""
_ROW = re.compile(
    r"[A-Z][a-z]{2} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?: (\S{1,10}))? +(\d{1,10}) +\d+ +\d+ +(\S+) +"
    r"(?:(\S+) +)?(/.*?)(?: +([\d.]+[BKMGT]?|-|n/a))?$"
)
"""`Tue 2017-12-05 13:00:00 UTC 1234 107 107 6 present /usr/bin/qemu-system-x86_64 1.8M`."""
_OLD_MARKS = {"*": "present", "": "none", "-": "none"}
_NAME = re.compile(
    r"core\.(.{1,64})\.(\d{1,10})\.([0-9a-f]{32})\.(\d{1,10})\.(\d{13,18})(?:\.(?:xz|lz4|zst))?"
)


def sightings(looked: Looked) -> Iterator[Sighting]:
    """Each core once. Of a file that is older than the look goes back the journal tells no guest any more. Pure."""
    files = {file.path: file for file in looked.files}
    readings = looked.readings
    ahead = host_time.zone_s(readings)
    told = [
        *_of_journal(readings.text(JOURNAL.name)),
        *_of_json(readings.text(LISTED_JSON.name)),
        *_of_list(readings.text(LISTED.name), ahead),
        *_of_names(file for file in looked.files_under(FOLDER) if file.mtime_s >= looked.since_s),
        *core_reports.cores(looked),
    ]
    for core in joined(told):
        yield from sighting(core, files)


def _of_journal(text: str) -> Iterator[Core]:
    for line in text.split("\n") if text else []:
        told = entry(line)
        if told is None:
            continue
        stamp = seconds(told.get("COREDUMP_TIMESTAMP")) or seconds(told.get("__REALTIME_TIMESTAMP"))
        yield Core(
            place="journal of systemd-coredump",
            comm=_text(told, "COREDUMP_COMM"),
            executable=_text(told, "COREDUMP_EXE"),
            pid=_number(_text(told, "COREDUMP_PID")),
            at_s=stamp,
            signal=_text(told, "COREDUMP_SIGNAL_NAME") or signal_name(_text(told, "COREDUMP_SIGNAL")),
            command_line=_text(told, "COREDUMP_CMDLINE"),
            cgroup=_text(told, "COREDUMP_CGROUP"),
            path=_text(told, "COREDUMP_FILENAME"),
            lines=trace_of(_text(told, "MESSAGE")),
            trouble=_STATES["truncated"] if _text(told, "COREDUMP_TRUNCATED") == "1" else "",
        )


def _of_json(text: str) -> Iterator[Core]:
    try:
        rows = json.loads(text) if text.startswith("[") else []
    except (ValueError, RecursionError):
        return
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            executable = _text(row, "exe")
            yield Core(
                place="coredumpctl",
                comm="" if executable else _text(row, "comm"),
                executable=executable,
                pid=_number(_text(row, "pid")),
                at_s=seconds(row.get("time")),
                signal=signal_name(_text(row, "sig")),
                trouble=_STATES.get(_text(row, "corefile"), ""),
            )


def _of_list(text: str, ahead_s: float) -> Iterator[Core]:
    """Its times are local, or of the zone that they name if that is UTC."""
    for line in text.split("\n"):
        if match := _ROW.match(line[:4096].strip()):
            zone = 0.0 if match[2] == "UTC" else ahead_s
            yield Core(
                place="coredumpctl",
                executable=match[6],
                pid=_number(match[3]),
                at_s=host_time.in_name(match[1], ahead_s=zone),
                signal=signal_name(match[4]),
                trouble=_STATES.get(_OLD_MARKS.get(match[5] or "", match[5]), ""),
            )


def _of_names(files: Iterator[FileSeen]) -> Iterator[Core]:
    for file in files:
        if match := _NAME.fullmatch(file.path.rpartition("/")[2]):
            comm = re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), match[1])
            yield Core(
                place=file.path,
                comm=comm,
                pid=_number(match[4]),
                at_s=seconds(match[5]),
                path=file.path,
            )


def _text(told: Mapping[str, object], key: str) -> str:
    value = told.get(key)
    return str(value)[:20] if isinstance(value, int) and abs(value) < 10**18 else text_of(value)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None

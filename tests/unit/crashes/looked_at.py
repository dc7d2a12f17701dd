"""What a look has brought, as parsers get it, for their tests."""

from __future__ import annotations

import json
from collections.abc import Mapping

from backends.probes.crashes.looked import LogEnd, Looked
from backends.probes.survey.readings import Reading, Readings

MTIME_S = 1795533932.0


def log(path: str, text: str, *, begin: int | None = 0, mtime_s: float = MTIME_S) -> LogEnd:
    """One whose text begins at `begin`; None: a compressed one, of which offsets are not known."""
    text = text.rstrip("\n")
    offsets = []
    at = begin or 0
    for line in text.split("\n"):
        offsets.append(at)
        at += len(line.encode()) + 1
    return LogEnd(path, at, mtime_s, text, () if begin is None else tuple(offsets))


def looked(*logs: LogEnd, answers: Mapping[str, str] | None = None) -> Looked:
    files = {name: Reading(text) for name, text in (answers or {}).items()}
    return Looked(
        Readings(
            account="root", is_root=True, clock_ahead_s=0.0, clock_exact_to_s=0.1, took_s=0.2, files=files
        ),
        logs,
    )


def entry(at_s: float, daemon: str, message: str | list[int]) -> str:
    """A line of `journalctl -o json`, with some of the fields that libvirtd's have."""
    return json.dumps(
        {
            "__REALTIME_TIMESTAMP": str(int(at_s * 1e6)),
            "PRIORITY": "3",
            "SYSLOG_IDENTIFIER": daemon,
            "LIBVIRT_SOURCE": "util.error",
            "_PID": "80",
            "MESSAGE": message,
        }
    )

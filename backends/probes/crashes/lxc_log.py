"""What libvirt's LXC driver keeps of containers that did not start: /var/log/libvirt/lxc/NAME.log.

Each run begins with a stamp and `starting up`, then the command line, then what the container's controller and its init
said (libvirt src/lxc/lxc_process.c). A container whose init has ended leaves no word there. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from backends.model.crash import CrashKind, Evidence, Source
from backends.probes.crashes.log_time import STAMP, seconds
from backends.probes.crashes.looked import LogEnd, Looked
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.wanted import LogsWanted, Wanted
from backends.untrusted import clean

FOLDER = "/var/log/libvirt/lxc"
LOGS = LogsWanted(
    (f"{FOLDER}/*.log", f"{FOLDER}/*.log.[0-9]*", f"{FOLDER}/*.log-[0-9]*"),
    keep=r": starting up|libvirt_lxc startup|: error : ",
    end_bytes=64 * 1024,
)
WANTED = Wanted(logs=(LOGS,))

_NAME = re.compile(r"/lxc/(?P<name>[^/]+?)\.log(?:[.-]\d{1,10})?(?:\.(?:gz|xz|bz2|zst))?$")
_START = re.compile(rf"{STAMP}: starting up\b")
_STAMPED = re.compile(rf"(?P<at>{STAMP}): ")
_FAILED = re.compile(r"(?:Failure|Unknown failure) in libvirt_lxc startup")
_ERROR = re.compile(rf"{STAMP}: \d{{1,9}}: error : ")
_MOST_LINES = 12
_LINE_LIMIT = 400

_Line = tuple[int | None, str]


def sightings(looked: Looked) -> Iterator[Sighting]:
    """Each start that failed. Pure."""
    for log in looked.logs_like(*(f"{FOLDER}/*{end}" for end in (".log", ".log.*", ".log-*"))):
        match = _NAME.search(log.path)
        if match is None:
            continue
        for run in _runs(log):
            if any(_FAILED.search(text) for _, text in run):
                yield _failed(log, match["name"], run)


def _runs(log: LogEnd) -> Iterator[Sequence[_Line]]:
    """From each start to the next."""
    run: list[_Line] = []
    for offset, text in log.lines():
        if _START.match(text) and run:
            yield run
            run = []
        run.append((offset, text[:_LINE_LIMIT]))
    if run:
        yield run


def _failed(log: LogEnd, name: str, run: Sequence[_Line]) -> Sighting:
    """Its time is that of its last stamp; where the start itself is not among what was read, the file's."""
    told = [(offset, text) for offset, text in run if _FAILED.search(text) or _ERROR.match(text)][
        -_MOST_LINES:
    ]
    matches = (_STAMPED.match(text) for _, text in run)
    stamps = [at for match in matches if match and (at := seconds(match["at"])) is not None]
    evidence = Evidence(
        Source.LXC_LOG,
        clean(log.path, limit=1024),
        tuple(clean(text, limit=_LINE_LIMIT) for _, text in told),
        path=log.path,
        offset=told[0][0],
        size_bytes=log.size_bytes,
        trouble=log.trouble,
        mend=log.mend,
    )
    at_s = stamps[-1] if stamps else log.mtime_s
    return Sighting(CrashKind.NOT_STARTED, evidence, at_s, exact=bool(stamps), guest=name)

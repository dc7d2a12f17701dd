"""What libvirt has written down of guests that stand still: the state files of its drivers. Pure.

`<domstatus state='paused' reason='ioerror' pid='222'>` (virDomainObjFormat in src/conf/domain_conf.c), then far below
the definition, with the guest's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from backends.model.crash import CrashKind, Evidence, Source
from backends.probes.crashes.looked import LogEnd, Looked
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.wanted import LogsWanted, Wanted
from backends.untrusted import LINE_LIMIT, clean

FOLDERS = ("/run/libvirt/qemu", "/run/libvirt/lxc", "/run/libvirt/libxl")
WANTED = Wanted(
    logs=(
        LogsWanted(
            patterns=tuple(f"{folder}/*.xml" for folder in FOLDERS),
            keep=r"^<domstatus |^    <(name|uuid)>",
            end_bytes=1024 * 1024,
            always=True,
        ),
    )
)
_STATUS = re.compile(
    r"<domstatus state='(?P<state>[^']*)' reason='(?P<reason>[^']*)'(?: pid='(?P<pid>\d{1,9})')?"
)
_NAME = re.compile(r" *<name>(?P<name>.*)</name>")
_UUID = re.compile(r" *<uuid>(?P<uuid>[0-9a-fA-F-]{32,36})</uuid>")
_KINDS = {
    ("paused", "ioerror"): CrashKind.IO_ERROR,
    ("paused", "crashed"): CrashKind.PANIC,
    ("crashed", "panicked"): CrashKind.PANIC,
    ("crashed", "unknown"): CrashKind.PANIC,
}
"""virDomainState and its reasons; a guest is `crashed` whose on_crash is `preserve`."""


def sightings(looked: Looked) -> Iterator[Sighting]:
    """One for each guest that stands still because of a crash or an I/O error. It did so when the file was written, or
    before."""
    for log in looked.logs_like(*(f"{folder}/*.xml" for folder in FOLDERS)):
        status = _STATUS.match(log.text)
        kind = _KINDS.get((status["state"], status["reason"])) if status else None
        if status and kind:
            name, uuid = _first(_NAME, "name", log.text), _first(_UUID, "uuid", log.text)
            pid = int(status["pid"]) if status["pid"] else None
            yield Sighting(
                kind, _evidence(log), at_s=log.mtime_s, exact=False, guest=unescape(name), uuid=uuid, pid=pid
            )


def _first(pattern: re.Pattern[str], group: str, text: str) -> str:
    matches = (pattern.fullmatch(line) for line in text.split("\n"))
    return next((match[group] for match in matches if match), "")


def _evidence(log: LogEnd) -> Evidence:
    return Evidence(
        Source.STATE,
        clean(log.path, limit=LINE_LIMIT),
        (clean(log.text.partition("\n")[0], limit=LINE_LIMIT),),
        path=log.path,
        offset=log.offsets[0] if log.offsets else None,
        size_bytes=log.size_bytes,
    )

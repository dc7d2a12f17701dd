"""Dumps of guests' memory where hypervisors put them when a guest crashes, or where somebody asked for one.

libvirt's names hold the domain's number, the name's first 20 characters and the local time (getAutoDumpPath of
qemu_driver.c, virDomainDefGetShortName); libxl's the whole name and the time (libxlDomainAutoCoreDump); xl writes
DUMPS/NAME, and xend DATE-NAME.NUMBER.core or NAME.NUMBER.core (XendDomainInfo.py, dumpCore). Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from backends.model.crash import CrashKind, Evidence, Source
from backends.probes.crashes import formats, host_time
from backends.probes.crashes.looked import FileSeen, Looked
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.wanted import Wanted
from backends.probes.survey.asking import Questions
from backends.probes.survey.memory import size
from backends.untrusted import clean

QEMU = "/var/lib/libvirt/qemu/dump"
LIBXL = "/var/lib/libvirt/libxl/dump"
XEN = ("/var/lib/xen/dump", "/var/xen/dump", "/var/lib/xend/dump")
FOLDERS = (QEMU, LIBXL, *XEN)
WANTED = Wanted(questions=Questions(commands=(host_time.ZONE,)), files=tuple(f"{each}/*" for each in FOLDERS))

SHORT_NAME = 20
"""VIR_DOMAIN_SHORT_NAME_MAX: a name that is as long may be the beginning of a longer one."""
_STAMP = r"\d{4}-\d\d-\d\d-\d\d:\d\d:\d\d"
_OF_QEMU = re.compile(rf"(?:\d{{1,10}}-)?(.+)-({_STAMP})")
_OF_OURS = re.compile(r"(.+)-\d{4}-\d\d-\d\d-\d{6}\.[a-z-]{1,16}")
"""Of a dump that this program has taken, with the time on its own clock (guests/dump_needs.py)."""
_OF_LIBXL = re.compile(rf"(.+)-({_STAMP})")
_OF_XEND = re.compile(r"(\d{4})-(\d\d)(\d\d)-(\d\d)(\d\d)\.(\d\d)-(.+)\.\d{1,10}\.core")
_OF_OLD_XEND = re.compile(r"(.+)\.\d{1,10}\.core")


@dataclass(frozen=True, slots=True)
class Named:
    """What a dump's name tells."""

    guest: str = ""
    at_s: float | None = None


def sightings(looked: Looked) -> Iterator[Sighting]:
    """Each file that is there. Pure."""
    ahead = host_time.zone_s(looked.readings)
    for file in looked.files_under(*FOLDERS):
        named = of_name(file.path, ahead_s=ahead)
        begun = host_time.begun(named.at_s, file.mtime_s)
        form = formats.recognise(file)
        yield Sighting(
            CrashKind.DUMP,
            Evidence(
                Source.GUEST_DUMP,
                clean(file.path, limit=1024),
                (_words(file, form),),
                path=file.path,
                size_bytes=file.size_bytes,
                is_text=False,
                trouble=form.trouble,
                mend=_leave(file) if not file.readable else "",
            ),
            file.mtime_s if begun is None else begun,
            exact=begun is not None,
            guest=named.guest,
        )


def of_name(path: str, *, ahead_s: float) -> Named:
    """Pure. A file that somebody has given a name of his own tells nothing."""
    folder, _, name = path.rpartition("/")
    if folder.startswith(XEN):
        return _of_xen(name, ahead_s)
    if match := _OF_OURS.fullmatch(name):
        return Named(match[1])
    match = (_OF_QEMU if folder.startswith(QEMU) else _OF_LIBXL).fullmatch(name)
    return Named(match[1], host_time.in_name(match[2], ahead_s=ahead_s)) if match else Named()


def _of_xen(name: str, ahead_s: float) -> Named:
    if match := _OF_XEND.fullmatch(name):
        year, month, day, hour, minute, second = (int(match[number]) for number in range(1, 7))
        return Named(match[7], host_time.seconds(year, month, day, hour, minute, second, ahead_s=ahead_s))
    if match := _OF_OLD_XEND.fullmatch(name):
        return Named(match[1])
    return Named(name)


def _words(file: FileSeen, form: formats.Format) -> str:
    held = formats.sparse_words(file)
    taken = f", {held}: {size(file.allocated_bytes or 0)} on the disk" if held else ""
    return f"dump of {size(file.size_bytes)}" + (f": {form.words}" if form.words else "") + taken


def _leave(file: FileSeen) -> str:
    return f"log in as root, or give this account leave to read {clean(file.path, limit=1024)}"

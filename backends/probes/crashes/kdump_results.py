"""What kdump and its forerunners have left of crashes of the host's kernel. Pure.

A folder for each crash below /var/crash: `HOST-DATE-TIME` with vmcore and vmcore-dmesg.txt (kdump.conf(5);
kdump-lib-initramfs.sh), `YYYYMMDDHHMM` with dump.* and dmesg.* (kdump-tools(5)), `DATE-TIME` with vmcore and dmesg.txt
(SUSE, kdumptool(8)), `IP-DATE-TIME` with vmcore and log (netdump-server(8)), and `DATE-TIME-ZONE` with xen.log and
dom0.log (XenServer's xen-crashdump-analyser).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from backends.model.crash import CrashKind, Evidence, Source
from backends.probes.crashes import formats, host_time, kernel_text
from backends.probes.crashes.looked import FileSeen, LogEnd, Looked
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.wanted import LogsWanted, Wanted
from backends.probes.survey.asking import Questions
from backends.probes.survey.memory import size
from backends.untrusted import clean

FOLDERS = ("/var/crash", "/var/log/dump", "/var/spool/abrt", "/var/spool/kdump")
"""SUSE's before SLE 11 is the second; ABRT moves what it finds into the third, as `vmcore-...`."""
_CORES = ("vmcore", "vmcore.flat", "vmcore-incomplete", "vmcore.*", "dump.*", "dump-incomplete")
_TEXTS = ("vmcore-dmesg.txt", "vmcore-dmesg-incomplete.txt", "dmesg.*", "log", "xen.log", "dom0.log")
LOGS = LogsWanted(
    tuple(f"{folder}/*/{name}" for folder in FOLDERS for name in _TEXTS),
    keep=kernel_text.KEPT,
    before=1,
    after=10,
    end_bytes=128 * 1024,
)
WANTED = Wanted(
    questions=Questions(commands=(host_time.ZONE,)),
    logs=(LOGS,),
    files=tuple(f"{folder}/*/{name}" for folder in FOLDERS for name in _CORES),
)


@dataclass(slots=True)
class Result:
    """One folder."""

    folder: str
    cores: list[FileSeen] = field(default_factory=list)
    texts: list[LogEnd] = field(default_factory=list)

    def at_s(self, ahead_s: float) -> float:
        """When the crash kernel began to write, or a little later."""
        named = host_time.in_name(self.folder.rpartition("/")[2], ahead_s=ahead_s)
        times = [*(each.mtime_s for each in self.texts), *(each.mtime_s for each in self.cores)]
        return host_time.near(named, min(times), ahead_s=ahead_s)


def results(looked: Looked) -> tuple[Result, ...]:
    """Newest first."""
    found: dict[str, Result] = {}
    for file in looked.files_under(*FOLDERS):
        folder, _, name = file.path.rpartition("/")
        if name.startswith(("vmcore", "dump")) and not name.endswith((".txt", ".log")):
            found.setdefault(folder, Result(folder)).cores.append(file)
    for log in looked.logs_like(*LOGS.patterns):
        folder = log.path.rpartition("/")[0]
        found.setdefault(folder, Result(folder)).texts.append(log)
    ahead = host_time.zone_s(looked.readings)
    return tuple(sorted(found.values(), key=lambda result: result.at_s(ahead), reverse=True))


def sightings(looked: Looked) -> Iterator[Sighting]:
    """For each crash what its text tells, and each core. Pure."""
    ahead = host_time.zone_s(looked.readings)
    for result in results(looked):
        at = result.at_s(ahead)
        for log in result.texts:
            if log.text or log.unread or not log.size_bytes:
                yield _of_text(log, at)
        for file in result.cores:
            yield _of_core(file, at)


def is_whole(result: Result) -> bool:
    """Is there a core that was written to its end, as far as its name and its first bytes tell?"""
    return any(not trouble(core) for core in result.cores)


def trouble(file: FileSeen) -> str:
    """Why a core is of no use, or less; empty where nothing tells so."""
    if file.path.endswith("-incomplete"):
        return "truncated: kdump had not finished it (no room, a timeout, or the power went)"
    return formats.recognise(file).trouble


def words(file: FileSeen) -> str:
    """`vmcore of 1.2 GiB: kdump-compressed`."""
    form = formats.recognise(file)
    held = formats.sparse_words(file)
    name = clean(file.path.rpartition("/")[2], limit=80)
    return (
        f"{name} of {size(file.size_bytes)}"
        + (f": {form.words}" if form.words else "")
        + (f", {held}" if held else "")
    )


def _of_text(log: LogEnd, at_s: float) -> Sighting:
    pairs = list(log.lines())
    lines = [kernel_text.read(text) for _, text in pairs]
    told, offset = _told(lines, pairs)
    said = log.unread
    if not log.size_bytes and not said:
        said = "truncated: it is empty"
    elif log.path.endswith("-incomplete.txt") and not said:
        said = "truncated: kdump had not finished it"
    evidence = Evidence(
        Source.XEN_LOG if log.path.endswith("/xen.log") else Source.KDUMP,
        clean(log.path, limit=1024),
        told,
        path=log.path,
        offset=offset,
        size_bytes=log.size_bytes,
        trouble=said,
        mend=log.mend,
    )
    return Sighting(CrashKind.HOST_PANIC, evidence, at_s, exact=False)


def _told(
    lines: Sequence[kernel_text.KernelLine], pairs: Sequence[tuple[int | None, str]]
) -> tuple[tuple[str, ...], int | None]:
    """The last panic; where there is none, what a kernel may survive; else the last lines."""
    ends = list(kernel_text.ends(lines))
    panics = [end for end in ends if end.is_panic]
    if end := next(iter(panics[-1:] or ends[-1:]), None):
        return end.lines, pairs[end.first][0]
    last = [clean(line.text, limit=kernel_text.LINE_LIMIT) for line in lines[-4:] if line.text.strip()]
    return tuple(last), pairs[-len(last)][0] if last else None


def _of_core(file: FileSeen, at_s: float) -> Sighting:
    path = clean(file.path, limit=1024)
    leave = "" if file.readable else f"log in as root, or give this account leave to read {path}"
    evidence = Evidence(
        Source.KDUMP,
        path,
        (words(file),),
        path=file.path,
        size_bytes=file.size_bytes,
        is_text=False,
        trouble=trouble(file),
        mend=leave,
    )
    return Sighting(CrashKind.HOST_PANIC, evidence, at_s, exact=False)

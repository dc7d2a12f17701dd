"""What guests' own logs tell of ends that nobody has asked for, and of starts that failed. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from backends.model.crash import CrashKind, Evidence, Source
from backends.probes.crashes.daemon_lines import monitors_closed
from backends.probes.crashes.looked import Looked
from backends.probes.crashes.qemu_runs import FOLDER, KVM_FAILED, Run, runs
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.wanted import LogsWanted, Wanted
from backends.untrusted import LINE_LIMIT, clean

WANTED = Wanted(
    logs=(
        LogsWanted(
            patterns=(f"{FOLDER}/*.log", f"{FOLDER}/*.log.[0-9]*", f"{FOLDER}/*.log-[0-9]*"),
            keep=r"shutting down, reason=(crashed|failed|daemon)|: panic [a-z0-9-]+:|load of migration failed|"
            + KVM_FAILED,
            before=100,  # the lines of a long command line, from `starting up` on
            after=5,
            drop=r"^[^:]*[0-9]--[a-hj-tv-z].* \\$",  # of them all but -incoming and -uuid
            end_bytes=192 * 1024,
        ),
    )
)
_CLOSED_WITHIN_S = 1.5
"""libvirt says in its own log that QEMU has closed its monitor, waits for the process, and then writes the end here."""


def sightings(looked: Looked) -> Iterator[Sighting]:
    """One for each life that ended badly."""
    closed = monitors_closed(looked)
    for run in runs(looked):
        kind = kind_of(run, closed)
        at_s = _at_s(run)
        if kind is None and run.kvm:  # it has no time of its own: it was then or before
            at_s = run.ended_s if run.ended_s is not None else run.log.mtime_s
            yield Sighting(
                CrashKind.ENDED, _evidence(run), at_s=at_s, exact=False, guest=run.guest, uuid=run.uuid
            )
        elif kind is not None:
            yield Sighting(
                kind, _evidence(run), at_s=at_s, exact=at_s is not None, guest=run.guest, uuid=run.uuid
            )


def kind_of(run: Run, closed: tuple[float, ...] = ()) -> CrashKind | None:
    """None where it did not end, or ended as somebody wished. `closed`: when libvirt was surprised by a closed monitor
    while it was starting a guest or taking one over, oldest first.

    qemuProcessStop is told `crashed` for a guest that panicked, which libvirt then ends itself, and for a QEMU that
    closed its monitor without a word; `failed` for a start or a way in that failed; `daemon` where libvirtd, started
    anew, could not go on with a guest and has ended it.
    """
    if run.not_loaded and run.reason in ("", "crashed", "failed"):
        return CrashKind.INCOMING
    if run.reason == "failed":
        return CrashKind.INCOMING if run.incoming else CrashKind.NOT_STARTED
    if run.panic_s is not None or (run.reason == "crashed" and run.ended_by_libvirt):
        return CrashKind.PANIC
    if run.reason == "crashed" and run.incoming and _is_near(run.ended_s, closed):
        return CrashKind.INCOMING
    return CrashKind.ENDED if run.reason in ("crashed", "daemon") else None


def _at_s(run: Run) -> float | None:
    if run.panic_s is not None:
        return run.panic_s
    return run.ended_s if run.ended_s is not None else run.said_s


def _is_near(ended_s: float | None, closed: tuple[float, ...]) -> bool:
    if ended_s is None:
        return False
    last = bisect_right(closed, ended_s)
    return last > 0 and ended_s - closed[last - 1] <= _CLOSED_WITHIN_S


def _evidence(run: Run) -> Evidence:
    lines = [*run.kvm, *(line for line in run.lines if line not in run.kvm)]
    return Evidence(
        Source.QEMU_LOG,
        clean(run.log.path, limit=LINE_LIMIT),
        tuple(clean(line, limit=LINE_LIMIT) for line in (*(line for _, line in lines), *run.after)),
        path=run.log.path,
        offset=lines[0][0] if lines else None,
        size_bytes=run.log.size_bytes,
        trouble=run.log.trouble,
        mend=run.log.mend,
    )

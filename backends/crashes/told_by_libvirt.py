"""What libvirt tells of crashes by itself: its events, and the states that it keeps. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from backends.hypervisor.events import CrashTold
from backends.model.crash import CrashKind, Evidence, Source
from backends.model.guest import Guest, GuestKey, GuestState
from backends.probes.crashes.sighting import Sighting

_BY_REASON = {
    (GuestState.OFF, "failed"): CrashKind.NOT_STARTED,
    (GuestState.PAUSED, "I/O error"): CrashKind.IO_ERROR,
    (GuestState.PAUSED, "crashed"): CrashKind.PANIC,
    (GuestState.CRASHED, "panicked"): CrashKind.PANIC,
}
"""Reasons are libvirt's words (hypervisor/states.py)."""


def by_event(key: GuestKey, guest: Guest | None, told: CrashTold, *, at_s: float) -> Sighting:
    """`guest`: as it was known then. `at_s`: on the host's clock."""
    disk = (
        next((disk for disk in guest.disks if disk.path == told.path), None) if guest and told.path else None
    )
    words = told.words.replace(told.device, disk.target, 1) if disk else told.words
    evidence = Evidence(Source.EVENT, "libvirt's events", (f"libvirt event: {words}",), is_text=False)
    name = guest.name if guest else ""
    return Sighting(told.kind, evidence, at_s, guest=name, uuid=key.uuid, path=told.path, driver=key.driver)


def by_states(guests: Iterable[Guest], *, ahead_s: float) -> Iterator[Sighting]:
    """Of guests that stand still, or are off, for a crash. Since when, libvirt does not tell in all cases."""
    for guest in guests:
        kind = kind_of(guest)
        if kind is None:
            continue
        words = f"{guest.state.value}: {guest.reason}" if guest.reason else guest.state.value
        evidence = Evidence(Source.STATE, "libvirt", (words,), is_text=False)
        at_s = guest.since.timestamp() + ahead_s if guest.since and not guest.state.active else None
        yield Sighting(kind, evidence, at_s, exact=False, guest=guest.name, uuid=guest.key.uuid)


def kind_of(guest: Guest) -> CrashKind | None:
    """What its state tells of a crash; None where it tells of none."""
    if kind := _BY_REASON.get((guest.state, guest.reason)):
        return kind
    if guest.state is GuestState.CRASHED:
        return CrashKind.ENDED
    if guest.state is GuestState.PAUSED and ("I/O error" in guest.reason or guest.full_disks):
        return CrashKind.IO_ERROR
    return None

"""Which host tells of a panic on a console that several hosts see: the one where the guest ran. Pure."""

from __future__ import annotations

from backends.model.crash import CrashRecord, Source
from backends.model.fleet import FleetState, HostView
from backends.model.guest import Guest, GuestKey

_MOVED = "migrated"
"""virDomainShutoffReason in words (hypervisor/states.py)."""


def is_elsewhere(record: CrashRecord, state: FleetState) -> bool:
    """Nothing but the console tells of it here, and another host knows more of that crash, or has the guest now.

    A guest has its definition, and with it its console, also where it does not run any more.
    """
    key = record.guest
    if key is None or any(each.source is not Source.CONSOLE for each in record.evidence):
        return False
    there = {
        name: guest
        for name, view in state.hosts.items()
        if name != record.host and (guest := _same(view, key)) is not None
    }
    if any(_tells_more(state.hosts[name], record) for name in there):
        return True
    mine = state.guest(key)
    if mine is None or mine.state.active or not there:
        return False
    return mine.reason == _MOVED or any(guest.state.active for guest in there.values())


def may_be_elsewhere(record: CrashRecord, view: HostView) -> bool:
    """Does what is known of another host decide it?"""
    key = record.guest
    return (
        key is not None
        and all(each.source is Source.CONSOLE for each in record.evidence)
        and _same(view, key) is not None
    )


def _same(view: HostView, key: GuestKey) -> Guest | None:
    return view.guests.get(GuestKey(view.spec.name, key.driver, key.uuid))


def _tells_more(view: HostView, record: CrashRecord) -> bool:
    """Of the same place in the same file."""
    assert record.guest is not None
    seen = {(each.path, each.offset, each.lines) for each in record.evidence}
    for other in view.crashes.records if view.crashes else ():
        if other.guest is None or other.guest.uuid != record.guest.uuid:
            continue
        sources = {each.source for each in other.evidence}
        if len(sources) > 1 and any((each.path, each.offset, each.lines) in seen for each in other.evidence):
            return True
    return False

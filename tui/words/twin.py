"""The same guest on two hosts: while it is being moved, and after a move whose end nobody tidied up.

What libvirt then shows are two guests of one UUID. To start or resume the second one would let two machines
write to the same disks, so the program must see them as one.
"""

from __future__ import annotations

from backends.model.fleet import FleetState
from backends.model.guest import Guest, GuestKey, GuestState

_ARRIVING = "migration"
"""libvirt's reason for a guest that is paused because it is only half there (VIR_DOMAIN_PAUSED_MIGRATION)."""


def twin_of(state: FleetState, guest: Guest) -> Guest | None:
    """The same guest where it is active, on another host; None when there is none, or this one runs itself.

    Guests are looked for by driver and UUID. What a silent host said last counts: better too careful.
    """
    if guest.state.executing:
        return None
    for key in same_guest(state, guest.key):
        other = state.guest(key)
        if other and other.state.active:
            return other
    return None


def same_guest(state: FleetState, key: GuestKey) -> list[GuestKey]:
    """The keys by which the other hosts know this guest."""
    keys = (key._replace(host=host) for host in state.hosts if host != key.host)
    return [other for other in keys if other in state.hosts[other.host].guests]


def is_arriving(guest: Guest, twin: Guest | None) -> bool:
    """Is it the half-built copy at the destination of a move, whoever started that?"""
    is_half_built = guest.state is GuestState.PAUSED and guest.reason == _ARRIVING
    return is_half_built and twin is not None and twin.state.executing

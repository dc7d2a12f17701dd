"""Why an action cannot be done now, in words for the user. Empty: it can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backends.model.crash import CrashRecord, Evidence
from backends.model.fleet import FleetState, HostView
from backends.model.guest import Guest, GuestAction, GuestState
from backends.model.host import Link
from backends.model.move import Move, MoveRequest, Preflight
from backends.model.storage import IscsiTarget, Storage
from backends.model.unfinished import Unfinished
from tui.crashes import Reach
from tui.dumps import Dump
from tui.growths import Growth
from tui.words.outcome import command_to_copy, left_by
from tui.words.twin import twin_of


@dataclass(frozen=True, slots=True)
class Now:
    """What is in front of the user: the fleet, and what is selected on this screen."""

    fleet: FleetState
    read_only: bool = False
    guest: Guest | None = None
    move: Move | None = None
    request: MoveRequest | None = None
    """The plan as it stands."""
    preflight: Preflight | None = None
    host: HostView | None = None
    unfinished: Unfinished | None = None
    asking: bool = False
    """A question of this screen is not answered yet."""
    text: str = ""
    """What can be copied here."""
    storage: Storage | None = None
    proving: bool = False
    """Hosts are trying whether they see the same storage."""
    iscsi: IscsiTarget | None = None
    growth: Growth | None = None
    """Of a disk, as it is planned or as far as it has come."""
    dump: Dump | None = None
    """Of a guest's memory, as it is planned or as far as it has come."""
    crash: CrashRecord | None = None
    """At hand itself, or the one that the guest or the move at hand has met."""
    evidence: Evidence | None = None
    """Of the crash at hand."""
    reach: Reach = Reach.WEEK
    """How far back crashes are looked for."""
    found: int = 0
    """Lines that a search has found."""


Reason = Callable[[Now], str]

READ_ONLY = "this session is read-only (it was started with --read-only)"

_READY_STATES: dict[GuestAction, frozenset[GuestState]] = {
    GuestAction.START: frozenset({GuestState.OFF, GuestState.CRASHED}),
    GuestAction.SHUT_DOWN: frozenset({GuestState.RUNNING}),
    GuestAction.FORCE_OFF: frozenset(state for state in GuestState if state.active),
    GuestAction.REBOOT: frozenset({GuestState.RUNNING}),
    GuestAction.PAUSE: frozenset({GuestState.RUNNING, GuestState.SHUTTING_DOWN}),
    GuestAction.RESUME: frozenset({GuestState.PAUSED}),
}


def never(_: Now) -> str:
    """Always possible."""
    return ""


def first_of(*reasons: Reason) -> Reason:
    """The first reason that applies."""

    def reason(now: Now) -> str:
        return next((words for each in reasons if (words := each(now))), "")

    return reason


def read_only(now: Now) -> str:
    """Nothing may be changed in this session."""
    return READ_ONLY if now.read_only else ""


def no_guest(now: Now) -> str:
    """Nothing is selected."""
    return "" if now.guest else "no guest is selected"


def is_connected(now: Now) -> str:
    """There is nothing to try again."""
    if now.host is None:
        return "no host is selected"
    link = now.host.link.link
    return f"{now.host.spec.name} is {link.value}" if link in (Link.UP, Link.CONNECTING) else ""


def no_move(now: Now) -> str:
    """Nothing is selected."""
    return "" if now.move else "no move is selected"


def silent_host(now: Now) -> str:
    """The guest's host does not answer, so that its state is only the last known."""
    if now.guest is None:
        return ""
    view = now.fleet.hosts[now.guest.key.host]
    if view.link.answers:
        return ""
    return f"{view.spec.name} does not answer ({view.link.reason or view.link.link.value})"


def on_its_way(now: Now) -> str:
    """The guest is being moved."""
    move = now.fleet.move_of(now.guest.key) if now.guest else None
    return f"{move.request.name} is on its way to {move.request.destination}" if move else ""


def unless_on_its_way(reason: Reason) -> Reason:
    """A reason that does not count for a guest on its way: its move can be watched instead."""
    return lambda now: "" if on_its_way(now) else reason(now)


def wrong_state(action: GuestAction) -> Reason:
    """The guest is in no state for this action."""

    def reason(now: Now) -> str:
        if now.guest is None or now.guest.state in _READY_STATES[action]:
            return ""
        return f"{now.guest.name} is {now.guest.state.value}"

    return reason


def active_elsewhere(now: Now) -> str:
    """The same guest is active on another host: a second one would write to the same disks."""
    twin = twin_of(now.fleet, now.guest) if now.guest else None
    if twin is None:
        return ""
    host = twin.key.host
    view = now.fleet.hosts[host]
    when = "" if view.link.answers else f" (so said {host}, which is silent now)"
    return f"{twin.name} is {twin.state.value} on {host}{when}: two of it would ruin its disks"


_WAKES = (GuestAction.START, GuestAction.RESUME)


def life(action: GuestAction) -> Reason:
    """Everything that stands against an action on a guest's life."""
    twice = active_elsewhere if action in _WAKES else never
    return first_of(no_guest, read_only, silent_host, on_its_way, wrong_state(action), twice)


def nowhere_to_go(now: Now) -> str:
    """There is no other host that answers."""
    if now.guest is None:
        return ""
    others = [view for name, view in now.fleet.hosts.items() if name != now.guest.key.host]
    if not others:
        return "there is no other host: name two hosts or more when starting virt-ferry"
    return "" if any(view.link.answers for view in others) else "no other host answers now"


def nothing_to_copy(now: Now) -> str:
    """No command is known (yet)."""
    if now.move:
        return (
            ""
            if command_to_copy(now.move, left_by(now.move, now.fleet.unfinished))
            else "no command is left to do"
        )
    if now.unfinished:
        return "" if now.unfinished.command else "no command does it: a person has to decide"
    return "" if now.preflight else "there is no command yet"


def nothing_to_mend(now: Now) -> str:
    """Nothing is left to do, or nothing that a program may do."""
    left = now.unfinished
    if left is None:
        return "nothing is left to do"
    if left.mend is None:
        return "only a person can decide what to do"
    view = now.fleet.hosts.get(left.guest.host)
    if view is None:
        return f"{left.guest.host} is not among the hosts of this session"
    return "" if view.link.answers else f"{left.guest.host} does not answer"

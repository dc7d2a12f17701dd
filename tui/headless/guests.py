"""`virt-ferry guests`."""

from __future__ import annotations

from backends.model.fleet import FleetState
from backends.model.guest import Guest, GuestState
from tui.format import share, size
from tui.headless.exits import Exit
from tui.headless.lines import guest_line
from tui.headless.output import Ink, Output
from tui.headless.session import HostOptions, settled_fleet
from tui.words.twin import is_arriving, twin_of

_TITLES = ("GUEST", "HOST", "STATE", ">VCPU", ">CPU", ">MEMORY", "DRIVER", "UUID")


async def guests(options: HostOptions, *, json: bool) -> Exit:
    """Tell of all guests of all hosts. FAILED when no host answers."""
    out = Output()
    async with settled_fleet(options) as (_, state):
        known = sorted(state.guests(), key=lambda guest: (guest.name, guest.key))
        if json:
            for guest in known:
                out.json(guest_line(state, guest))
        elif known:
            out.table(_TITLES, [_row(state, guest) for guest in known])
        else:
            out.line("no guests")
    return Exit.SUCCEEDED if any(view.link.answers for view in state.hosts.values()) else Exit.FAILED


def _row(state: FleetState, guest: Guest) -> list[str | tuple[str, Ink]]:
    sample = state.sample(guest.key)
    return [
        guest.name,
        guest.key.host,
        _state(state, guest),
        str(guest.vcpus),
        share(sample.cpu) if sample and sample.cpu is not None else "",
        size(guest.memory_bytes),
        guest.key.driver,
        guest.key.uuid,
    ]


def _state(state: FleetState, guest: Guest) -> tuple[str, Ink]:
    move = state.move_of(guest.key)
    if move:
        return f"moving to {move.request.destination}", Ink.BUSY
    if not state.hosts[guest.key.host].link.answers:
        return "? stale", Ink.DOUBT
    if guest.state is GuestState.CRASHED:
        return guest.state.value, Ink.ALARM
    if is_arriving(guest, twin_of(state, guest)):
        return "arriving", Ink.BUSY
    return guest.state.value, Ink.GOOD if guest.state.executing else Ink.DIM

"""What a user wishes of a move, and what of it fits the guest, its driver and the other wishes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple, TypeVar

from backends.model.fleet import FleetState
from backends.model.guest import Guest
from backends.model.host import Driver, HostName
from backends.model.move import DEFAULT_MAX_DOWNTIME_MS, LastResort, MoveMode, MoveRequest

T = TypeVar("T", bound=Enum)

_QEMU = "qemu"
HYPERVISORS_CARRY = (MoveMode.LIVE, MoveMode.PAUSED)
"""Modes in which the hypervisors send the memory from one to the other."""


class Obstacle(NamedTuple):
    """Why something cannot be wished for."""

    short: str
    """In the place of a value: a few words."""
    reason: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What was chosen so far. What does not fit is kept, but not asked for."""

    mode: MoveMode | None = None
    """None: what fits the guest's state."""
    copy_disks: bool = False
    postcopy: bool = False
    last_resort: LastResort = LastResort.KEEP_TRYING
    bandwidth_mib_s: int | None = None
    max_downtime_ms: int = DEFAULT_MAX_DOWNTIME_MS
    echo_address: str = ""


class Option(Enum):
    """What can be chosen beside the mode."""

    COPY_DISKS = "copy disks"
    POSTCOPY = "post-copy"
    LAST_RESORT = "last resort"
    BANDWIDTH = "bandwidth"
    DOWNTIME = "most downtime"


def driver_of(state: FleetState, guest: Guest) -> Driver | None:
    """The driver that runs a guest; None while its host's facts are not known."""
    facts = state.hosts[guest.key.host].facts
    return next((each for each in facts.drivers if each.name == guest.key.driver), None) if facts else None


def mode_obstacles(guest: Guest, driver: Driver | None) -> Mapping[MoveMode, str]:
    """The modes that make no sense for this guest now, each with the reason."""
    is_state = f"it is {guest.state.value}"
    if not guest.state.active:
        return {mode: is_state for mode in MoveMode if mode is not MoveMode.OFFLINE}
    obstacles = {MoveMode.OFFLINE: is_state}
    if not guest.state.executing:
        obstacles[MoveMode.LIVE] = is_state
    if driver and not driver.migrates:
        obstacles |= dict.fromkeys(HYPERVISORS_CARRY, f"the {driver.name} driver cannot migrate")
    return obstacles


def fitting_modes(guest: Guest, driver: Driver | None) -> tuple[MoveMode, ...]:
    """Those that make sense, the most gentle first."""
    obstacles = mode_obstacles(guest, driver)
    return tuple(mode for mode in MoveMode if mode not in obstacles)


def mode_of(wish: Wish, guest: Guest, driver: Driver | None) -> MoveMode:
    """What was chosen, as long as it makes sense."""
    fitting = fitting_modes(guest, driver)
    return wish.mode if wish.mode in fitting else fitting[0]


def obstacle(option: Option, mode: MoveMode, driver_name: str) -> Obstacle | None:
    """Why an option is out of the question in this mode, with this driver."""
    is_qemu = driver_name == _QEMU
    match option:
        case Option.COPY_DISKS if mode not in HYPERVISORS_CARRY:
            return Obstacle(f"not {mode.value}", f"a move in {mode.value} mode needs disks that are shared")
        case Option.COPY_DISKS | Option.POSTCOPY if not is_qemu:
            return Obstacle("qemu only", f"the {driver_name} driver has no {_NAMES[option]}")
        case Option.POSTCOPY | Option.LAST_RESORT | Option.DOWNTIME if mode is not MoveMode.LIVE:
            return Obstacle("live only", _NEEDS_LIVE[option])
        case Option.BANDWIDTH if mode is MoveMode.OFFLINE:
            return Obstacle("no limit", f"a move in {mode.value} mode sends nothing that could be limited")
    return None


_NAMES = {Option.COPY_DISKS: "copying of disks", Option.POSTCOPY: "post-copy"}

_NEEDS_LIVE = {
    Option.POSTCOPY: "only a live move can switch over before all memory is there",
    Option.LAST_RESORT: "only a live move may fail to converge",
    Option.DOWNTIME: "only a live move has a limit of downtime: in this mode the guest stands still throughout",
}


def last_resorts(driver_name: str) -> tuple[LastResort, ...]:
    """Those that the driver can carry out."""
    if driver_name == _QEMU:
        return tuple(LastResort)
    return tuple(r for r in LastResort if r not in (LastResort.AUTO_CONVERGE, LastResort.POSTCOPY))


def request_for(
    wish: Wish, guest: Guest, driver: Driver | None, destination: HostName, *, mode: MoveMode | None = None
) -> MoveRequest:
    """What is asked for: the wish without what does not fit. `mode` even where it makes no sense for the guest."""
    mode = mode or mode_of(wish, guest, driver)

    def fits(option: Option) -> bool:
        return obstacle(option, mode, guest.key.driver) is None

    request = MoveRequest(
        guest.key, guest.name, destination, mode,
        copy_disks=wish.copy_disks and fits(Option.COPY_DISKS),
        postcopy=wish.postcopy and fits(Option.POSTCOPY),
        echo_address=wish.echo_address,
    )  # fmt: skip
    if fits(Option.LAST_RESORT) and wish.last_resort in last_resorts(guest.key.driver):
        request = replace(request, last_resort=wish.last_resort)
    if fits(Option.BANDWIDTH):
        request = replace(request, bandwidth_mib_s=wish.bandwidth_mib_s)
    if fits(Option.DOWNTIME):
        request = replace(request, max_downtime_ms=wish.max_downtime_ms)
    return request


def after(values: Sequence[T], value: T) -> T:
    """The next one, the first after the last."""
    return values[(values.index(value) + 1) % len(values)] if value in values else values[0]

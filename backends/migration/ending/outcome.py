"""The truth about a move that has ended, in words. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from backends.errors import FerryError
from backends.hypervisor.jobs import JobStatistics
from backends.migration.ending.verdict import SAVED, Finding, Place
from backends.model.guest import GuestState, virsh_name
from backends.model.host import HostSpec
from backends.model.move import Gap, Move, MoveMode, Outcome, Result

_POWERED_OFF = ("shutdown", "destroyed")
"""virDomainShutoffReason's words for a guest that somebody, or it itself, has switched off."""


@dataclass(frozen=True, slots=True)
class Ending:
    """All that is known when a move has come to its end."""

    move: Move
    source: HostSpec
    destination: HostSpec
    finding: Finding
    error: FerryError | None
    """What libvirt, or the link, said of the transfer."""
    completed: JobStatistics | None
    total_s: float
    left_to_do: tuple[str, ...]
    gap: Gap | None = None

    def outcome(self) -> Outcome:
        """As it is told."""
        result = self._result()
        arrived = self.completed if result is Result.SUCCEEDED else None
        hosts = {Place.ARRIVED: self.destination.name, Place.STAYED: self.source.name}
        return Outcome(
            result=result,
            where=hosts.get(self.finding.place),
            state=self.finding.state if self.finding.place in hosts else GuestState.UNKNOWN,
            reason=self._reason(),
            total_s=self.total_s,
            downtime_ms=arrived.downtime_ms if arrived else None,
            transferred_bytes=arrived.processed if arrived else None,
            left_to_do=(*self.left_to_do, *self._next_steps()),
            gap=self.gap if result is Result.SUCCEEDED else None,
        )

    def _result(self) -> Result:
        match self.finding.place:
            case Place.ARRIVED:
                return Result.SUCCEEDED
            case Place.STAYED:
                return Result.CANCELLED if self.move.cancelled else Result.FAILED
            case _:
                return Result.INDETERMINATE

    def _reason(self) -> str:
        name, source, destination = self.move.request.name, self.source.name, self.destination.name
        match self.finding.place:
            case Place.ARRIVED:
                return self._arrived()
            case Place.STAYED:
                return self._stayed()
            case Place.BOTH:
                return f"{name} runs on {source} AND on {destination}: its disks are in danger"
            case Place.SPLIT:
                return (
                    f"post-copy broke off: a part of the memory of {name} is on {source}, a part on {destination};"
                    " destroy neither"
                )
            case Place.LOST:
                return (
                    f"the transfer broke off in the switch and one half is gone: the memory of {name} is lost,"
                    " its disks are not; it can only be started anew"
                )
            case Place.NOWHERE:
                return f"neither {source} nor {destination} knows {name}"
            case _:
                cause = f": {self.error.cause}" if self.error else ""
                return f"no certain answer from {source} and {destination}{cause}"

    def _arrived(self) -> str:
        name, destination, state = self.move.request.name, self.destination.name, self.finding.state
        if state.executing:
            return f"{name} runs on {destination}"
        if state is GuestState.PAUSED and self._was_paused:
            return f"{name} is on {destination}, paused as it was before"
        if self.move.request.mode is MoveMode.OFFLINE:
            return f"{name} is defined on {destination}, and off as it was before"
        return f"{name} is on {destination} and does not run there: {self._state()}"

    @property
    def _was_paused(self) -> bool:
        return self.move.preflight is not None and self.move.preflight.was_paused

    def _stayed(self) -> str:
        name, source = self.move.request.name, self.source.name
        is_offline = self.move.request.mode is MoveMode.OFFLINE
        if self.finding.state is GuestState.OFF and self.finding.reason in _POWERED_OFF and not is_offline:
            return f"the guest powered off on {source} during the move"
        if self.finding.reason == SAVED and not self.finding.state.active:
            return f"the state of {name} is saved on {source}, and was not restored{self._cause()}"
        if not self.finding.state.active and not is_offline:
            return f"{name} does not run any more on {source}: {self._state()}{self._cause()}"
        if self.move.cancelled:
            return f"cancelled: {name} is {self.finding.state.value} on {source}"
        return (
            self.error.cause
            if self.error
            else f"the transfer ended, and {name} is still {self.finding.state.value} on {source}"
        )

    def _cause(self) -> str:
        return f" ({self.error.cause})" if self.error else ""

    def _state(self) -> str:
        reason = f" ({self.finding.reason})" if self.finding.reason else ""
        return f"{self.finding.state.value}{reason}"

    def _next_steps(self) -> tuple[str, ...]:
        place, paused = self.finding.place, self.finding.state is GuestState.PAUSED
        if place is Place.ARRIVED and paused and not self._was_paused:
            return (f"see why it is paused, then: {self._virsh(self.destination, 'resume')}",)
        if place is Place.STAYED and paused and not self._was_paused:
            return (f"the move has left it paused; to let it run on: {self._virsh(self.source, 'resume')}",)
        if place is Place.STAYED and self.finding.state is GuestState.CRASHED:
            return (f"see why it crashed, then: {self._virsh(self.source, 'start')}",)
        if place in (Place.ARRIVED, Place.STAYED):
            return ()
        return self._steps_in_doubt()

    def _steps_in_doubt(self) -> tuple[str, ...]:
        ask = tuple(
            f"ask {s.name}: {self._virsh(s, 'domstate --reason')}" for s in (self.source, self.destination)
        )
        match self.finding.place:
            case Place.BOTH:
                return ("decide which one is to live; start and destroy nothing before you are sure", *ask)
            case Place.SPLIT:
                uri = self.move.preflight.peer_uri if self.move.preflight else ""
                return (f"when both hosts reach each other again, go on: {self._resume_postcopy(uri)}", *ask)
            case Place.LOST:
                halves = tuple(
                    f"end what is left of it on {s.name}, unless it is off there: {self._virsh(s, 'destroy')}"
                    for s in (self.source, self.destination)
                )
                return (*halves, f"then start it from its disks: {self._virsh(self.destination, 'start')}")
            case _:
                return ask

    def _resume_postcopy(self, peer_uri: str) -> str:
        uri = self.source.virsh_uri(self.move.request.guest.driver)
        name = virsh_name(self.move.request.name, self.move.request.guest)
        command = ["virsh", "-c", uri, "migrate", "--live", "--p2p", "--postcopy", "--postcopy-resume"]
        return shlex.join([*command, name, peer_uri])

    def _virsh(self, host: HostSpec, verb: str) -> str:
        request = self.move.request
        name = virsh_name(request.name, request.guest)
        return f"virsh -c {host.virsh_uri(request.guest.driver)} {verb} {name}"

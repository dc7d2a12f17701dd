"""The truth about a move that has ended, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from backends.errors import FerryError
from backends.hypervisor.jobs import JobStatistics
from backends.migration.verdict import Finding, Place
from backends.model.guest import GuestState, virsh_name
from backends.model.host import HostSpec
from backends.model.move import Move, Outcome, Result

_POWERED_OFF = ("shutdown", "destroyed")
"""virDomainShutoffReason's words for a guest that somebody, or it itself, has switched off."""


@dataclass(frozen=True, slots=True)
class Ending:
    """All that is known when a move has come to its end."""

    move: Move
    source: HostSpec
    destination: HostSpec
    finding: Finding
    cancelled: bool
    """The user asked for the end."""
    error: FerryError | None
    """What libvirt, or the link, said of the transfer."""
    completed: JobStatistics | None
    total_s: float
    left_to_do: tuple[str, ...]

    def outcome(self) -> Outcome:
        """As it is told."""
        result = self._result()
        arrived = self.completed if result is Result.SUCCEEDED else None
        hosts = {Place.ARRIVED: self.destination.name, Place.STAYED: self.source.name}
        return Outcome(
            result=result,
            where=hosts.get(self.finding.place),
            state=self.finding.state,
            reason=self._reason(),
            total_s=self.total_s,
            downtime_ms=arrived.downtime_ms if arrived else None,
            transferred_bytes=arrived.processed if arrived else None,
            left_to_do=(*self.left_to_do, *self._next_steps()),
        )

    def _result(self) -> Result:
        match self.finding.place:
            case Place.ARRIVED:
                return Result.SUCCEEDED
            case Place.STAYED:
                return Result.CANCELLED if self.cancelled else Result.FAILED
            case _:
                return Result.INDETERMINATE

    def _reason(self) -> str:
        name, source, destination = self.move.request.name, self.source.name, self.destination.name
        match self.finding.place:
            case Place.ARRIVED if self.finding.state.executing:
                return f"{name} runs on {destination}"
            case Place.ARRIVED:
                return f"{name} is on {destination} and does not run there: {self._state()}"
            case Place.STAYED:
                return self._stayed()
            case Place.BOTH:
                return f"{name} runs on {source} AND on {destination}: its disks are in danger"
            case Place.NOWHERE:
                return f"neither {source} nor {destination} knows {name}"
            case _:
                cause = f": {self.error.cause}" if self.error else ""
                return f"no certain answer from {source} and {destination}{cause}"

    def _stayed(self) -> str:
        name, source = self.move.request.name, self.source.name
        if self.finding.state is GuestState.OFF and self.finding.reason in _POWERED_OFF:
            return f"the guest powered off on {source} during the move"
        if not self.finding.state.active:
            return f"{name} does not run any more on {source}: {self._state()}"
        if self.cancelled:
            return f"cancelled: {name} is {self.finding.state.value} on {source}"
        return (
            self.error.cause
            if self.error
            else "libvirt reported success, and the guest is still on the source"
        )

    def _state(self) -> str:
        reason = f" ({self.finding.reason})" if self.finding.reason else ""
        return f"{self.finding.state.value}{reason}"

    def _next_steps(self) -> tuple[str, ...]:
        place = self.finding.place
        if place is Place.ARRIVED and self.finding.state is GuestState.PAUSED:
            return (f"see why it is paused, then: {self._virsh(self.destination, 'resume')}",)
        if place in (Place.ARRIVED, Place.STAYED):
            return ()
        ask = tuple(
            f"ask {s.name}: {self._virsh(s, 'domstate --reason')}" for s in (self.source, self.destination)
        )
        if place is Place.BOTH:
            return ("decide which one is to live; start and destroy nothing before you are sure", *ask)
        return ask

    def _virsh(self, host: HostSpec, verb: str) -> str:
        request = self.move.request
        name = virsh_name(request.name, request.guest)
        return f"virsh -c {host.virsh_uri(request.guest.driver)} {verb} {name}"

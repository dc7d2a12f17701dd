"""The end of a move: ask both hosts until it is certain where the guest is, then tidy up and say so."""

from __future__ import annotations

import asyncio
import time

from backends.errors import FerryError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.jobs import JobStatistics
from backends.hypervisor.migrate import Whereabouts, undefine, whereabouts
from backends.migration import verdict
from backends.migration.machine import Signal
from backends.migration.record import MoveRecord
from backends.migration.verdict import Finding, Place
from backends.model.guest import GuestState, virsh_name
from backends.model.host import HostName
from backends.model.move import Outcome, Phase, Result

ASK_INTERVAL_S = 0.3
SETTLE_DEADLINE_S = 30.0
"""How long both hosts may need to agree after a transfer that has ended."""
RECONCILE_DEADLINE_S = 180.0
"""How long to wait for a host that does not answer before saying that nobody knows."""

_SIGNALS = {Place.DESTINATION: Signal.FOUND_AT_DESTINATION, Place.SOURCE: Signal.FOUND_AT_SOURCE}
_RESULTS = {
    Phase.SUCCEEDED: Result.SUCCEEDED,
    Phase.FAILED: Result.FAILED,
    Phase.CANCELLED: Result.CANCELLED,
}


class Settlement:
    """Of one move."""

    def __init__(
        self, record: MoveRecord, source: Supervisor, destination: Supervisor, started_s: float
    ) -> None:
        self._record = record
        self._source = source
        self._destination = destination
        self._started_s = started_s
        self._key = record.move.request.guest

    async def run(self, error: FerryError | None, completed: JobStatistics | None) -> None:
        """Find the guest, tidy up, and end the record. `error`: what libvirt or the link said of the transfer."""
        finding, at_source = await self._find()
        total_s = time.monotonic() - self._started_s
        left: tuple[str, ...] = ()
        if finding.place is Place.DESTINATION:
            left = await self._tidy_source(at_source)
        self._source.mark(self._key)
        self._destination.mark(self._key._replace(host=self._destination.name))
        signal = _SIGNALS.get(finding.place, Signal.FOUND_NOWHERE_SURE)
        result = self._result(signal)
        done = completed if result is Result.SUCCEEDED else None
        outcome = Outcome(
            result=result,
            where=self._where(finding),
            state=finding.state,
            reason=self._reason(finding, error),
            total_s=total_s,
            downtime_ms=done.downtime_ms if done else None,
            transferred_bytes=done.processed if done else self._sent(),
            left_to_do=left or self._next_steps(finding),
        )
        self._record.end(signal, outcome)

    async def _find(self) -> tuple[Finding, Whereabouts | None]:
        """Ask until it is certain, or until there is no more sense in waiting."""
        began = asyncio.get_running_loop().time()
        while True:
            here, there = await asyncio.gather(self._ask(self._source), self._ask(self._destination))
            finding = verdict.find(here, there)
            if finding.place not in (Place.UNSETTLED, Place.UNKNOWN):
                return finding, here
            if here is None or there is None or here.job_running:
                self._reconcile(here, there)
                limit = RECONCILE_DEADLINE_S
            else:
                limit = SETTLE_DEADLINE_S
            if here is not None and here.job_running:
                began = asyncio.get_running_loop().time()  # it still moves: this is no time of silence
            if asyncio.get_running_loop().time() - began > limit:
                return Finding(Place.UNKNOWN, finding.state, finding.reason), here
            await asyncio.sleep(ASK_INTERVAL_S)

    def _reconcile(self, here: Whereabouts | None, there: Whereabouts | None) -> None:
        if self._record.phase is Phase.RECONCILING:
            return
        self._record.signal(Signal.LINK_LOST)
        silent = [s.name for s, w in ((self._source, here), (self._destination, there)) if w is None]
        if silent:
            self._record.log(
                f"no answer from {' and '.join(silent)}: asking until it is certain where the guest is"
            )
        else:
            self._record.log("the transfer is still running: waiting for its end")

    async def _ask(self, supervisor: Supervisor) -> Whereabouts | None:
        """None when the host does not answer."""
        try:
            return await whereabouts(supervisor.current().connection(self._key.driver), self._key.uuid)
        except FerryError:
            return None

    async def _tidy_source(self, at_source: Whereabouts | None) -> tuple[str, ...]:
        """The guest is proved on the destination: a definition left on the source invites a second start."""
        source, destination = self._source.name, self._destination.name
        command = f"virsh -c {self._source.spec.virsh_uri(self._key.driver)} undefine {self._virsh_name}"
        if at_source is not None and not (at_source.defined and at_source.persistent):
            return ()
        left = f"remove the definition left on {source}: {command}"
        try:
            connection = self._source.current().connection(self._key.driver)
            removed = await undefine(connection, self._key.uuid)
        except FerryError as error:
            self._record.log(f"the definition on {source} could not be removed: {error.cause}")
            return (left,)
        if not removed:
            return (f"{source} still holds the guest: make sure that it does not run there too",)
        self._record.log(f"{source}: definition removed after {destination} was proved running")
        return ()

    @property
    def _name(self) -> str:
        return self._record.move.request.name

    @property
    def _virsh_name(self) -> str:
        return virsh_name(self._name, self._key)

    def _result(self, signal: Signal) -> Result:
        if signal is Signal.FOUND_NOWHERE_SURE:
            return Result.INDETERMINATE
        if signal is Signal.FOUND_AT_DESTINATION:
            return Result.SUCCEEDED
        return Result.CANCELLED if self._record.cancelled else Result.FAILED

    def _where(self, finding: Finding) -> HostName | None:
        match finding.place:
            case Place.DESTINATION:
                return self._destination.name
            case Place.SOURCE:
                return self._source.name
            case _:
                return None

    def _reason(self, finding: Finding, error: FerryError | None) -> str:
        source, destination = self._source.name, self._destination.name
        match finding.place:
            case Place.DESTINATION:
                state = "runs" if finding.state.executing else f"is {finding.state.value}"
                return f"{self._name} {state} on {destination}"
            case Place.SOURCE if finding.state is GuestState.OFF:
                return f"the guest powered off on {source} during the move"
            case Place.SOURCE if self._record.cancelled:
                return f"cancelled: {self._name} is {finding.state.value} on {source}"
            case Place.SOURCE:
                return (
                    error.cause if error else "libvirt reported success, and the guest is still on the source"
                )
            case Place.BOTH:
                return f"{self._name} runs on {source} AND on {destination}: its disks are in danger"
            case Place.NOWHERE:
                return f"neither {source} nor {destination} knows {self._name}"
            case _:
                return f"no certain answer from {source} and {destination}" + (
                    f": {error.cause}" if error else ""
                )

    def _next_steps(self, finding: Finding) -> tuple[str, ...]:
        if finding.place in (Place.SOURCE, Place.DESTINATION):
            return ()
        ask = tuple(
            f"ask {s.name}: virsh -c {s.spec.virsh_uri(self._key.driver)} domstate --reason {self._virsh_name}"
            for s in (self._source, self._destination)
        )
        if finding.place is Place.BOTH:
            return ("decide which one is to live; do not start or destroy anything before you are sure", *ask)
        return ask

    def _sent(self) -> int | None:
        last = self._record.move.progress
        return last.processed_bytes if last else None

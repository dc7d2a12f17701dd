"""The end of a move: ask both hosts until it is certain where the guest is, then tidy up."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from backends.errors import ActionError, FerryError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.jobs import JobStatistics
from backends.hypervisor.migrate import undefine
from backends.hypervisor.whereabouts import Whereabouts, whereabouts
from backends.migration import verdict
from backends.migration.machine import Signal
from backends.migration.outcome import Ending
from backends.migration.record import MoveRecord
from backends.migration.verdict import Finding, Place
from backends.model.guest import virsh_name
from backends.model.move import Phase

ASK_INTERVAL_S = 0.3
SETTLE_DEADLINE_S = 30.0
"""How long both hosts may need to agree after a transfer that has ended."""
RECONCILE_DEADLINE_S = 180.0
"""How long to wait for a host that does not answer before saying that nobody knows."""

_SIGNALS = {Place.ARRIVED: Signal.FOUND_AT_DESTINATION, Place.STAYED: Signal.FOUND_AT_SOURCE}


@dataclass(frozen=True, slots=True)
class _Answers:
    """What both hosts said in one round, and what it adds up to."""

    source: Whereabouts | None
    destination: Whereabouts | None
    finding: Finding


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
        answers = await self._find()
        finding = answers.finding
        total_s = time.monotonic() - self._started_s
        left = await self._tidy_source(answers) if finding.place is Place.ARRIVED else ()
        self._source.mark(self._key)
        self._destination.mark(self._key._replace(host=self._destination.name))
        ending = Ending(
            move=self._record.move,
            source=self._source.spec,
            destination=self._destination.spec,
            finding=finding,
            cancelled=self._record.cancelled,
            error=error,
            completed=completed,
            total_s=total_s,
            left_to_do=left,
        )
        self._record.end(_SIGNALS.get(finding.place, Signal.FOUND_NOWHERE_SURE), ending.outcome())

    async def _find(self) -> _Answers:
        """Ask until it is certain, or until there is no more sense in waiting."""
        clock = asyncio.get_running_loop().time
        began_s = clock()
        alarmed = False
        while True:
            answers = await self._ask_both()
            place = answers.finding.place
            if place is Place.BOTH and not alarmed:
                alarmed = True  # one answer may be older than the switch: the alarm needs a second round
            elif place not in (Place.UNSETTLED, Place.UNKNOWN):
                return answers
            if answers.source is not None and answers.source.job_running:
                began_s = clock()  # it still moves: this is no time of silence
            silent = answers.source is None or answers.destination is None
            if silent:
                self._tell_silence(answers)
            if clock() - began_s > (RECONCILE_DEADLINE_S if silent else SETTLE_DEADLINE_S):
                unknown = Finding(Place.UNKNOWN, answers.finding.state, answers.finding.reason)
                return _Answers(answers.source, answers.destination, unknown)
            await asyncio.sleep(ASK_INTERVAL_S)

    def _tell_silence(self, answers: _Answers) -> None:
        if self._record.phase is Phase.RECONCILING:
            return
        self._record.signal(Signal.LINK_LOST)
        both = ((self._source, answers.source), (self._destination, answers.destination))
        silent = " and ".join(supervisor.name for supervisor, answer in both if answer is None)
        self._record.log(f"no answer from {silent}: asking until it is certain where the guest is")

    async def _ask_both(self) -> _Answers:
        source, destination = await asyncio.gather(self._ask(self._source), self._ask(self._destination))
        return _Answers(source, destination, verdict.find(source, destination))

    async def _ask(self, supervisor: Supervisor) -> Whereabouts | None:
        """None when the host does not answer."""
        try:
            return await whereabouts(supervisor.current().connection(self._key.driver), self._key.uuid)
        except FerryError:
            return None

    async def _tidy_source(self, answers: _Answers) -> tuple[str, ...]:
        """A definition left on the source invites a second start: remove it, but only when the guest is proved to run,
        and to be defined, on the destination. Returns what is left to do."""
        source, destination = self._source.name, self._destination.name
        if answers.source is not None and not (answers.source.defined and answers.source.persistent):
            return ()
        command = f"virsh -c {self._source.spec.virsh_uri(self._key.driver)} undefine {self._virsh_name}"
        left = (
            f"when it is sure that it lives on {destination}, remove the definition on {source}: {command}",
        )
        there = await self._ask(self._destination)
        if there is None or not there.state.executing or not there.persistent:
            return left
        try:
            connection = self._source.current().connection(self._key.driver)
            removed = await undefine(connection, self._key.uuid)
        except ActionError as error:
            self._record.log(f"the definition on {source} could not be removed: {error.cause}")
            return left
        except FerryError as error:
            self._record.log(f"it is not known whether the definition on {source} was removed: {error.cause}")
            return left
        if not removed:
            return (f"{source} still holds the guest: make sure that it does not run there too",)
        self._record.log(f"{source}: definition removed after {destination} was proved running")
        return ()

    @property
    def _virsh_name(self) -> str:
        return virsh_name(self._record.move.request.name, self._key)
